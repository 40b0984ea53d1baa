"""What pysubs2 makes of the cues: it judges what was found, and converts between formats.

pysubs2 parses whole files by line and loses things on the way: a last line that is a number, a
line with two times in it, a "{" that begins no tag, all that follows on "\\N" in a path. So it is
given the cues in a plain dress, one after the other, and each character of a text that it could
take for markup and that is none is replaced by a stand-in.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import pysubs2

from avsync.errors import SubtitleError
from avsync.subtitles.ass import usual_script
from avsync.subtitles.clocks import FrameClock, frame_rate
from avsync.subtitles.document import encoded
from avsync.subtitles.markup import (
    ASS_TAG_IN_SRT,
    HTML_TAG,
    MICRODVD_ITALICS,
    MICRODVD_TAG,
    VTT_TAG,
)
from avsync.subtitles.model import Cue, Format, Subtitles
from avsync.subtitles.reading import parse_subtitles
from avsync.subtitles.scan import Report, Scan, shown

__all__ = ["check", "convert"]

# The last private characters of Unicode stand in for what is no markup.
_STAND_INS = {character: chr(0x10FFE0 + i) for i, character in enumerate("{}\\<>&:")}
_GUARD = str.maketrans(_STAND_INS)
_UNGUARD = str.maketrans({stand_in: character for character, stand_in in _STAND_INS.items()})
_NO_TEXT = "\U0010fff0"  # pysubs2 takes a MicroDVD line without text for no cue

_SRT_MARKUP = re.compile(rf"{HTML_TAG.pattern}|{ASS_TAG_IN_SRT.pattern}")
_ASS_MARKUP = re.compile(r"\{[^{}]*\}|\\[nNh]")
_ANY_TAG = re.compile(r"<[^<>]*>|\{[^{}]*\}")
_VTT_CLASS = re.compile(r"<([biu])\.[^<>]*>")
_NOT_IN_XML = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?=\n)")
_HEADING = re.compile(r"\s*\[[^\[\]]{1,80}\]\s*")

_MAX_HOURS = 99  # pysubs2 reads no more in some formats
_MAX_TAG_WORK = 2_000_000_000  # its time goes by the number of tags times the length of a text


def check(scan: Scan, report: Report) -> None:
    """Raise SubtitleError where pysubs2 reads other cues than those that were found."""
    fps = scan.clock.fps if isinstance(scan.clock, FrameClock) else None
    _check_same(scan.cues, fps, report)


def _check_same(
    cues: Sequence[Cue], fps: Fraction | None, report: Report
) -> list[pysubs2.SSAEvent]:
    """The events that pysubs2 reads, which are the same as the cues."""
    events = _events(cues, fps)
    if len(events) != len(cues):
        reason = f"pysubs2 reads {len(events)} cues where {len(cues)} were found"
        raise report.fail(None, f"{reason}; please report this file")
    tolerance_ms = 1 if fps is None else 1 + 500 / fps
    for cue, event in zip(cues, events, strict=True):
        start_ms, end_ms = _fed_ms(cue)
        in_time = max(abs(event.start - start_ms), abs(event.end - end_ms)) <= tolerance_ms
        if not in_time or not _same_text(cue, event.text):
            seen = f"{shown(event.text.translate(_UNGUARD))}, {event.start} to {event.end} ms"
            raise report.fail(
                cue.line, f"pysubs2 reads this cue as {seen}; please report this file"
            )
    return events


def convert(subtitles: Subtitles, format: Format, *, fps: float | Fraction | None) -> Subtitles:
    """The same cues in another format, encoded as UTF-8.

    Raises:
        SubtitleError: a cue cannot be said in that format, or would say something else there.
    """
    path = subtitles.path
    rate = subtitles.fps if fps is None else frame_rate(fps)
    if format == "microdvd" and rate is None:
        reason = "needs a frame rate to become MicroDVD; give fps= (--fps), the film's"
        raise SubtitleError(path, None, reason)
    for number, cue in enumerate(subtitles.cues, start=1):
        if round(cue.start * 1000) < 0:
            reason = f"cue {number} has a time before 0, which cannot be written; move it to 0"
            raise SubtitleError(path, cue.line or None, reason)
    file = _file(subtitles)
    _check_tag_work(file, path)
    pairs = list(zip(subtitles.cues, file.events, strict=True))
    if format not in ("ass", "ssa"):
        # Comments and drawings have no text that another format could show.
        pairs = [(cue, event) for cue, event in pairs if event.is_text]
    if format == "vtt":
        pairs.sort(key=lambda pair: pair[0].start)  # WebVTT demands this order
    if not pairs:
        raise SubtitleError(path, None, f"holds no cue that can be shown in {format}")
    cues = [cue for cue, _ in pairs]
    file.events = [event for _, event in pairs]
    text = _written(file, format, rate).replace("\n", subtitles.newline)
    try:
        converted = parse_subtitles(text.encode(), format=format, path=path)
    except SubtitleError as error:
        raise SubtitleError(path, None, f"cannot become {format}: {error.reason}") from error
    _check_converted(cues, converted, path)
    # pysubs2 was given stand-ins for times, too: it cuts off what it takes for too late.
    moved = converted.retimed([cue.span for cue in cues])
    return replace(moved, bom=subtitles.bom, repairs=subtitles.repairs)


def _check_converted(cues: Sequence[Cue], converted: Subtitles, path: str) -> None:
    if len(converted.cues) != len(cues):
        reason = f"{len(cues)} cues would become {len(converted.cues)} in {converted.format}"
        raise SubtitleError(path, None, f"{reason}; choose another format")
    for cue, theirs in zip(cues, converted.cues, strict=True):
        if _words(cue.plain) != _words(theirs.plain):
            reason = f"{shown(cue.plain)} would become {shown(theirs.plain)} in {converted.format}"
            raise SubtitleError(path, cue.line or None, f"{reason}; choose another format")


def _letters(text: str) -> str:
    # White space is laid out anew, and a word joiner keeps a backslash from its letter in ASS.
    return _NOT_IN_XML.sub("", "".join(text.split()).replace("\u2060", ""))


def _words(text: str) -> str:
    # What is text in one format ("<i>" in ASS) may be a tag in another; no word is lost by that.
    return _letters(_ANY_TAG.sub("", text))


def _same_text(cue: Cue, event_text: str) -> bool:
    if cue.format in ("ass", "ssa"):
        return event_text.strip() == cue.text.strip()
    plain = pysubs2.SSAEvent(text=event_text).plaintext.translate(_UNGUARD)
    return _letters(plain) == _letters(cue.plain)


def _fed_ms(cue: Cue) -> tuple[int, int]:
    """The times that pysubs2 is given for a cue: its own, if pysubs2 can read them."""
    if 0 <= cue.start <= cue.end < _MAX_HOURS * 3600:
        return round(cue.start * 1000), round(cue.end * 1000)
    return 0, 0


def _events(cues: Sequence[Cue], fps: Fraction | None) -> list[pysubs2.SSAEvent]:
    """The cues as pysubs2 reads them."""
    format = cues[0].format
    dress = _DRESSES[format]
    fed = "".join(dress(number, cue, fps) for number, cue in enumerate(cues, start=1))
    if format == "vtt":
        fed = f"WEBVTT\n\n{fed}"
    elif format == "ttml":
        fed = f'<tt xmlns="http://www.w3.org/ns/ttml"><body><div>{fed}</div></body></tt>'
    if format in ("srt", "vtt"):
        fed += str(len(cues) + 1)  # else it takes a number at the end of a text for the next one's
    file = pysubs2.SSAFile.from_string(fed, format, fps=None if fps is None else float(fps))
    for event in file.events:
        event.text = event.text.replace(_NO_TEXT, "")
    return file.events


def _dressed_srt(number: int, cue: Cue, fps: Fraction | None) -> str:
    start, end = (_clock_time(ms, ",") for ms in _fed_ms(cue))

    def tag(text: str) -> str:
        return text.replace(":", _STAND_INS[":"])  # two times in a tag are no time line

    text = _guarded(cue.text, _SRT_MARKUP, tag)
    return f"{number}\n{start} --> {end}\n{_without_blank_lines(text)}\n\n"


def _dressed_vtt(number: int, cue: Cue, fps: Fraction | None) -> str:
    def tag(text: str) -> str:
        # Voices, classes and times have no counterpart anywhere; "<i.loud>" is italic.
        return _VTT_CLASS.sub(r"<\1>", text) if re.match(r"</?[biu][.>]", text) else ""

    start, end = (_clock_time(ms, ".") for ms in _fed_ms(cue))
    text = _guarded(cue.text, VTT_TAG, tag, html.unescape)
    return f"{number}\n{start} --> {end}\n{_without_blank_lines(text)}\n\n"


def _dressed_ass(number: int, cue: Cue, fps: Fraction | None) -> str:
    start, end = (_clock_time(ms, ".") for ms in _fed_ms(cue))
    kind = "Dialogue" if cue.kind == "dialogue" else "Comment"
    return f"{kind}: 0,{start},{end},Default,,0,0,0,,{cue.text}\n"


def _dressed_microdvd(number: int, cue: Cue, fps: Fraction | None) -> str:
    assert fps is not None
    frames = "".join(f"{{{round(ms * float(fps) / 1000)}}}" for ms in _fed_ms(cue))
    lines = (MICRODVD_ITALICS.sub(r"\1", line) for line in cue.text.split("|"))
    return f"{frames}{_guarded('|'.join(lines), MICRODVD_TAG, str)}{_NO_TEXT}\n"


def _dressed_ttml(number: int, cue: Cue, fps: Fraction | None) -> str:
    start, end = (_clock_time(ms, ".") for ms in _fed_ms(cue))
    text = cue.plain.translate(_GUARD).replace("\n", "<br/>")
    return f'<p begin="{start}" end="{end}">{text}</p>'


_DRESSES: dict[Format, Callable[[int, Cue, Fraction | None], str]] = {
    "srt": _dressed_srt,
    "vtt": _dressed_vtt,
    "ass": _dressed_ass,
    "ssa": _dressed_ass,
    "microdvd": _dressed_microdvd,
    "ttml": _dressed_ttml,
}


def _clock_time(ms: int, separator: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{separator}{ms:03d}"


def _guarded(
    text: str,
    markup: re.Pattern[str],
    tag: Callable[[str], str],
    between: Callable[[str], str] = str,
) -> str:
    """`text` with its tags passed through `tag`, and stand-ins put in between them."""
    pieces, done = [], 0
    for match in markup.finditer(text):
        pieces += [between(text[done : match.start()]).translate(_GUARD), tag(match[0])]
        done = match.end()
    return "".join([*pieces, between(text[done:]).translate(_GUARD)])


def _without_blank_lines(text: str) -> str:
    return _BLANK_LINES.sub("", text).strip("\n")


def _file(subtitles: Subtitles) -> pysubs2.SSAFile:
    """What pysubs2 reads of the whole file, styles included, one event for each cue."""
    if subtitles.format not in ("ass", "ssa"):
        file = pysubs2.SSAFile()
        report = Report(subtitles.path, lenient=False)
        file.events = _check_same(subtitles.cues, subtitles.fps, report)
        return file
    text = encoded(subtitles.document.text, "utf-8").decode("utf-8", "replace")
    script = usual_script(text, subtitles.cues)
    # Its patterns take very long on a long line with a bracket; in the header none is needed.
    lines = (line for line in script.split("\n") if _is_harmless(line, subtitles.format))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = pysubs2.SSAFile.from_string("\n".join(lines), subtitles.format)
    texts = [_letters(event.text) for event in file.events]
    if texts != [_letters(cue.text) for cue in subtitles.cues]:
        reason = "pysubs2 reads other events than those that were found; please report this file"
        raise SubtitleError(subtitles.path, None, reason)
    for event in file.events:
        escaped = event.text.replace("\\{", _STAND_INS["{"]).replace("\\}", _STAND_INS["}"])
        event.text = _guarded(escaped, _ASS_MARKUP, str)
    return file


def _is_harmless(line: str, format: Format) -> bool:
    if line.startswith("Style:"):
        try:
            pysubs2.SSAFile.from_string(line, format)
        except Exception:  # whatever is wrong with a style, players do without it
            return False
    return "[" not in line[:4] or _HEADING.fullmatch(line) is not None


def _check_tag_work(file: pysubs2.SSAFile, path: str) -> None:
    work = sum(event.text.count("{") * len(event.text) for event in file.events)
    if work > _MAX_TAG_WORK:
        reason = "has too many tags to be converted; keep its format"
        raise SubtitleError(path, None, reason)


def _written(file: pysubs2.SSAFile, format: Format, rate: Fraction | None) -> str:
    """The file as pysubs2 writes it, but for the times, which only keep the order."""
    for number, event in enumerate(file.events):
        event.start, event.end = number * 10, number * 10 + 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if format == "microdvd":
            assert rate is not None
            stated = f"{float(rate):.3f}".rstrip("0").rstrip(".")
            text = file.to_string(format, fps=float(rate), write_fps_declaration=False)
            text = f"{{1}}{{1}}{stated}\n{text}"
        elif format in ("ass", "ssa"):
            text = file.to_string(format, header_notice="")
            # A word joiner, which nobody sees, keeps a backslash from becoming a line break.
            backslash = _STAND_INS["\\"]
            for letter in "nNh{":
                text = text.replace(f"{backslash}{letter}", f"{backslash}\u2060{letter}")
        else:
            text = file.to_string(format)
            text = _NOT_IN_XML.sub("", text) if format == "ttml" else text
    names = _ESCAPES.get(format, {})
    for character, stand_in in _STAND_INS.items():
        # In XML the stand-ins are written by their numbers.
        written = f"&#{ord(stand_in)};" if format == "ttml" else stand_in
        text = text.replace(written, names.get(character, character))
    return text


_XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPES: dict[Format, dict[str, str]] = {
    "vtt": _XML_ESCAPES,
    "ttml": _XML_ESCAPES,
    "ass": {"{": "\\{", "}": "\\}"},
    "ssa": {"{": "\\{", "}": "\\}"},
}
