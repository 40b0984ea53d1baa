"""What of a cue is said: its text without tags, signs, names of speakers and sounds.

Nothing is lost on the way: `CueText` keeps what is shown and the styles by their places, so that an
output can put words' times into the very same text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from avsync.subtitles import Cue
from avsync.subtitles.markup import TAG_IN_SRT, VTT_TAG

__all__ = ["CueText", "Style", "cue_text"]


@dataclass(frozen=True, slots=True)
class Style:
    """A style that begins or ends before a character."""

    at: int
    """place in `CueText.visible`, in characters"""
    name: str
    """"i", "b", "u"; "/i", "/b", "/u"; or where the cue stands, "an1" to "an9" """


@dataclass(frozen=True, slots=True)
class CueText:
    """A cue's text as it is seen and as it is said."""

    visible: str
    """what a viewer reads, lines separated by "\\n" """
    styles: tuple[Style, ...]
    spoken: str
    """what somebody is to say, words separated by blanks"""
    places: tuple[int, ...]
    """where each character of `spoken` stands in `visible`"""


_BRACKETS = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|［[^［］]*］|【[^【】]*】|〔[^〔〕]*〕|〈[^〈〉]*〉|＜[^＜＞]*＞"  # noqa: RUF001
)
_SPEAKER = re.compile(
    r"^[-‐‑–— \t]*([^\W\d_a-z][^\Wa-z]*(?:[ .'’-]+[^\Wa-z]+){0,4}\s*[:：])(?!\d)",  # noqa: RUF001
    re.MULTILINE,
)
_DASH = re.compile(r"^[ \t]*[-‐‑–—]+", re.MULTILINE)  # noqa: RUF001
_HASHES = re.compile(r"^[#＃](?=\s)|(?<=\s)[#＃]$", re.MULTILINE)  # noqa: RUF001
_NOTES = frozenset("♩♪♫♬♭♮♯🎵🎶¶")
_CODE = re.compile(r"\{[^{}]*\}|\\[Nnh]")
_STYLE = re.compile(r"\\([ibu])([01])(?![0-9A-Za-z])|\\an([1-9])")


def cue_text(cue: Cue) -> CueText:
    """What of a cue is seen, in which style, and what of it is said."""
    if cue.kind == "comment" or not cue.plain:
        return CueText("", (), "", ())
    visible, styles = _styled(cue)
    unsaid = bytearray(len(visible))
    for pattern, group in ((_BRACKETS, 0), (_BRACKETS, 0), (_SPEAKER, 1), (_DASH, 0), (_HASHES, 0)):
        # What is known to be unsaid is blanked out, so that brackets are found within brackets.
        pairs = zip(visible, unsaid, strict=True)
        seen = "".join(" " if gone and c != "\n" else c for c, gone in pairs)
        for found in pattern.finditer(seen):
            if pattern is _SPEAKER and not found[1].isupper():
                continue  # what comes before a colon is a name where it stands in capitals
            unsaid[found.start(group) : found.end(group)] = b"\1" * len(found[group])
    spoken: list[str] = []
    places: list[int] = []
    for place, character in enumerate(visible):
        hidden = unicodedata.category(character) in ("Cf", "Cc") and character != "\n"
        if hidden or character in _NOTES:
            continue
        blank = bool(unsaid[place]) or character.isspace()
        if not blank or (spoken and spoken[-1] != " "):
            spoken.append(" " if blank else character)
            places.append(place)
    text = "".join(spoken)
    if not any(map(str.isalnum, text)):
        return CueText(visible, styles, "", ())
    text = text.rstrip()
    return CueText(visible, styles, text, tuple(places[: len(text)]))


def _styled(cue: Cue) -> tuple[str, tuple[Style, ...]]:
    """The text that is seen, and where which style begins and ends in it."""
    if cue.format in ("ttml", "microdvd"):
        return cue.plain, ()
    advanced = cue.format in ("ass", "ssa")
    tag = _CODE if advanced else VTT_TAG if cue.format == "vtt" else TAG_IN_SRT
    visible, styles, done = "", [], 0
    for found in tag.finditer(cue.text):
        visible += _unescaped(cue.text[done : found.start()], cue.format)
        done = found.end()
        if found[0] in ("\\N", "\\n", "\\h"):
            visible += " " if found[0] == "\\h" else "\n"
        else:
            styles += [Style(len(visible), name) for name in _names(found[0])]
    visible += _unescaped(cue.text[done:], cue.format)
    begin, end = len(visible) - len(visible.lstrip()), len(visible.rstrip())
    shifted = (Style(min(max(s.at, begin), end) - begin, s.name) for s in styles)
    return visible[begin:end], tuple(shifted)


def _unescaped(text: str, format: str) -> str:
    return html.unescape(text) if format == "vtt" else text


def _names(tag: str) -> list[str]:
    """The styles that a tag of any format switches on or off."""
    if tag.startswith("{"):
        return [
            f"an{place}" if place else name if on == "1" else f"/{name}"
            for name, on, place in _STYLE.findall(tag)
        ]
    name = re.match(r"</?([ibu])\b", tag, re.IGNORECASE)
    if name is None:
        return []
    return [("/" if tag.startswith("</") else "") + name[1].lower()]
