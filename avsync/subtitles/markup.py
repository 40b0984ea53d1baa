"""What a viewer reads of a raw cue text, and whether anybody says it."""

from __future__ import annotations

import html
import re
from xml.parsers import expat

__all__ = [
    "ASS_TAG_IN_SRT",
    "HTML_TAG",
    "MICRODVD_ITALICS",
    "MICRODVD_TAG",
    "TAG_IN_SRT",
    "VTT_TAG",
    "is_sound",
    "plain_text",
]

# Every pattern here takes linear time on any text: no two of its parts can match the same thing.
HTML_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
VTT_TAG = re.compile(r"<[^<>]*>")
_ASS_TAG = re.compile(r"\{[^{}]*\}")
ASS_TAG_IN_SRT = re.compile(r"\{\\[^{}]*\}")
TAG_IN_SRT = re.compile(f"{HTML_TAG.pattern}|{ASS_TAG_IN_SRT.pattern}")
_ASS_DRAWING = re.compile(r"\\p(\d+)")
MICRODVD_TAG = re.compile(r"\{[YyFfSsCcPpHhOo]:[^{}]*\}")
MICRODVD_ITALICS = re.compile(rf"\A((?:{MICRODVD_TAG.pattern})*)/")  # "/" at the start of a line

_BRACKETED = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|［[^［］]*］|【[^【】]*】|〔[^〔〕]*〕|〈[^〈〉]*〉|＜[^＜＞]*＞"  # noqa: RUF001
)
_NOTES = "♪♫♬♩🎵🎶"
_HASH_SONG = re.compile(r"^[#＃](?=\s)[^#＃]*[#＃]$", re.MULTILINE)  # noqa: RUF001
_SPEAKER = re.compile(r"[^\W\d_][\w .'’-]{0,30}:\s*")
_DASHES = "-‐‑–— \t"  # noqa: RUF001


def plain_text(text: str, format: str) -> str:
    """`text`, raw in `format`, without its markup, lines separated by "\\n" and trimmed."""
    if format == "ttml":
        return _plain_ttml(text)
    if format in ("ass", "ssa"):
        text = _plain_ass(text)
    elif format == "microdvd":
        lines = (MICRODVD_ITALICS.sub(r"\1", line) for line in text.split("|"))
        text = MICRODVD_TAG.sub("", "\n".join(lines))
    elif format == "vtt":
        text = "".join(map(html.unescape, VTT_TAG.split(text)))
    elif "<" in text or "{" in text:
        text = ASS_TAG_IN_SRT.sub("", HTML_TAG.sub("", text))
    return "\n".join(line.strip() for line in text.split("\n")).strip()


def is_sound(plain: str) -> bool:
    """Whether a plain text describes a sound or is sung, so that there is no speech to find.

    Outside of the brackets and the song ("♪ ... ♪", "# ... #") nothing may be left but
    punctuation and the name of who makes the sound ("- JOHN: [coughs]"). No text is no speech.
    """
    text = _HASH_SONG.sub("", plain)
    # Twice, for brackets within brackets.
    unbracketed = _BRACKETED.sub("", _BRACKETED.sub("", text))
    labelled = unbracketed != text
    in_song = False
    for line in unbracketed.split("\n"):
        line = line.strip(_DASHES)
        begins, ends = line[:1] in _NOTES, line[-1:] in _NOTES  # an empty line does both
        spoken = any(map(str.isalnum, line)) and not (labelled and _SPEAKER.fullmatch(line))
        if spoken and not (begins or ends or in_song):
            return False
        in_song = (begins or in_song) and not ends if line else in_song
    return True


def _plain_ass(text: str) -> str:
    text = text.replace("\\{", "\0").replace("\\}", "\1")  # escaped: no tag
    pieces: list[str] = []
    drawing = False
    end = 0
    for override in _ASS_TAG.finditer(text):
        if not drawing:
            pieces.append(text[end : override.start()])
        end = override.end()
        for scale in _ASS_DRAWING.findall(override[0]):
            drawing = scale.strip("0") != ""
    if not drawing:
        pieces.append(text[end:])
    joined = "".join(pieces).replace("\0", "{").replace("\1", "}")
    return joined.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")


def _plain_ttml(text: str) -> str:
    # The text was found inside a well-formed document, so it is well-formed itself; without
    # namespaces its prefixes need no declaration.
    pieces: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "br":
            pieces.append("\0")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(f"<p>{text}</p>", True)
    except expat.ExpatError:
        return text
    # White space is one blank in XML text; only <br/> breaks a line.
    lines = "".join(pieces).split("\0")
    return "\n".join(" ".join(line.split()) for line in lines).strip()
