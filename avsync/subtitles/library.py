"""The cues as pysubs2 reads them, which judges what was found.

pysubs2 parses whole files by line and loses things on the way: a last line that is a number, a
line with two times in it, a "{" that begins no tag, all that follows on "\\N" in a path. So it is
given the cues in a plain dress, one after the other, and each character of a text that it could
take for markup and that is none is replaced by a stand-in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from fractions import Fraction

import pysubs2

from avsync.subtitles.clocks import FrameClock
from avsync.subtitles.markup import (
    MICRODVD_ITALICS,
    MICRODVD_TAG,
    TAG_IN_SRT,
    VTT_TAG,
)
from avsync.subtitles.model import Cue, Format
from avsync.subtitles.scan import Report, Scan, shown

__all__ = ["NOT_IN_XML", "STAND_INS", "check", "events_of", "guarded", "letters"]

# The last private characters of Unicode stand in for what is no markup.
STAND_INS = {character: chr(0x10FFE0 + i) for i, character in enumerate("{}\\<>&:")}
_GUARD = str.maketrans(STAND_INS)
_UNGUARD = str.maketrans({stand_in: character for character, stand_in in STAND_INS.items()})
_NO_TEXT = "\U0010fff0"  # pysubs2 takes a MicroDVD line without text for no cue

_VTT_CLASS = re.compile(r"<([biu])\.[^<>]*>")
NOT_IN_XML = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?=\n)")

_MAX_HOURS = 99  # pysubs2 reads no more in some formats


def check(scan: Scan, report: Report) -> None:
    """Raise SubtitleError where pysubs2 reads other cues than those that were found."""
    fps = scan.clock.fps if isinstance(scan.clock, FrameClock) else None
    events_of(scan.cues, fps, report)


def events_of(cues: Sequence[Cue], fps: Fraction | None, report: Report) -> list[pysubs2.SSAEvent]:
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


def letters(text: str) -> str:
    """What of a text has to be the same before and after.

    White space is laid out anew, XML holds no control characters, and in ASS a word joiner may have
    to keep a backslash from the next letter.
    """
    return NOT_IN_XML.sub("", "".join(text.split()).replace("\u2060", ""))


def _same_text(cue: Cue, event_text: str) -> bool:
    if cue.format in ("ass", "ssa"):
        return event_text.strip() == cue.text.strip()
    plain = pysubs2.SSAEvent(text=event_text).plaintext.translate(_UNGUARD)
    return letters(plain) == letters(cue.plain)


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
        return text.replace(":", STAND_INS[":"])  # two times in a tag are no time line

    text = guarded(cue.text, TAG_IN_SRT, tag)
    return f"{number}\n{start} --> {end}\n{_without_blank_lines(text)}\n\n"


def _dressed_vtt(number: int, cue: Cue, fps: Fraction | None) -> str:
    def tag(text: str) -> str:
        # Voices, classes and times have no counterpart anywhere; "<i.loud>" is italic.
        return _VTT_CLASS.sub(r"<\1>", text) if re.match(r"</?[biu][.>]", text) else ""

    start, end = (_clock_time(ms, ".") for ms in _fed_ms(cue))
    text = guarded(cue.text, VTT_TAG, tag, html.unescape)
    return f"{number}\n{start} --> {end}\n{_without_blank_lines(text)}\n\n"


def _dressed_ass(number: int, cue: Cue, fps: Fraction | None) -> str:
    start, end = (_clock_time(ms, ".") for ms in _fed_ms(cue))
    kind = "Dialogue" if cue.kind == "dialogue" else "Comment"
    return f"{kind}: 0,{start},{end},Default,,0,0,0,,{cue.text}\n"


def _dressed_microdvd(number: int, cue: Cue, fps: Fraction | None) -> str:
    assert fps is not None
    frames = "".join(f"{{{round(ms * float(fps) / 1000)}}}" for ms in _fed_ms(cue))
    lines = (MICRODVD_ITALICS.sub(r"\1", line) for line in cue.text.split("|"))
    return f"{frames}{guarded('|'.join(lines), MICRODVD_TAG, str)}{_NO_TEXT}\n"


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


def guarded(
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
