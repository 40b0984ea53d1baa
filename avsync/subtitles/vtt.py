"""WebVTT: the places of the time stamps (W3C WebVTT, section 4.1).

A blank line ends a cue. NOTE, STYLE and REGION blocks are passed over. Times within a text
("<00:01.500>", for karaoke and live captions) are part of their cue and move with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from avsync.subtitles.clocks import WEBVTT
from avsync.subtitles.document import Edit, Role
from avsync.subtitles.model import Cue
from avsync.subtitles.scan import Report, Scan, Source, shown

__all__ = ["INNER_STAMP", "scan"]

_STAMP = r"(-?(?:[0-9]{2,6}:)?[0-9]{2}:[0-9]{2}\.[0-9]{3})"
_TIMES = re.compile(rf"[ \t]*{_STAMP}[ \t]*-->[ \t]*{_STAMP}(?:[ \t].*)?")
INNER_STAMP = re.compile(rf"<{_STAMP}>")

# Commas as in SubRip, missing digits, more digits, a sign.
_LIKE_STAMP = r"(-?(?:[0-9]{0,6}:)?[0-9]{1,3}:[0-9]{1,3}(?:[.,:][0-9]{1,9})?)"
_LIKE_TIMES = re.compile(rf"\s*{_LIKE_STAMP}\s*-{{1,3}}\s?>\s*{_LIKE_STAMP}(?:\s+(\S.*))?\s*")
_SIGNATURE = re.compile(r"\ufeff?WEBVTT(?![^\s])")
_OTHER_BLOCKS = re.compile(r"(?:NOTE|STYLE|REGION)(?![^\s])")


def scan(source: Source, report: Report) -> Scan:
    """Find the cues of a WebVTT text."""
    found = Scan(WEBVTT)
    lines = source.lines
    blocks = _blocks(lines)
    if _SIGNATURE.match(lines[0]) is None:
        what = f"the file begins with {shown(lines[0])} and not with 'WEBVTT'"
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if _SIGNATURE.match(lines[first]):
            report.malformed(1, what, "removes what is blank", Edit(0, source.starts[first], ""))
            return found  # to be read again
        else:
            newline = source.text[len(lines[0]) : source.starts[1]] or "\n"
            report.malformed(1, what, "puts it there", Edit(0, 0, f"WEBVTT{newline * 2}"))
    else:
        # The header is a block too, and a cue may follow it without a blank line.
        begin, end = next(blocks)
        times = next((n for n in range(begin + 1, end) if "-->" in lines[n]), None)
        if times is not None:
            name = times - 1 if times - 1 > begin else times
            _block(found, source, report, name, end)
    for begin, end in blocks:
        _block(found, source, report, begin, end)
    return found


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    begin = None
    for number, line in enumerate(lines):
        # Only an empty line parts blocks, one of blanks does not.
        if line and begin is None:
            begin = number
        elif not line and begin is not None:
            yield begin, number
            begin = None
    if begin is not None:
        yield begin, len(lines)


def _block(found: Scan, source: Source, report: Report, begin: int, end: int) -> None:
    lines = source.lines
    while begin < end and not lines[begin].strip():
        begin += 1
    heads = range(begin, min(begin + 2, end))
    times = next((n for n in heads if "-->" in lines[n] or _LIKE_TIMES.fullmatch(lines[n])), None)
    match = None if times is None else _TIMES.fullmatch(lines[times])
    if begin == end or (match is None and _OTHER_BLOCKS.match(lines[begin])):
        return
    if times is None:
        what = f"{shown(lines[begin])} begins a block that has no times and is no NOTE"
        report.malformed(begin + 1, what, "leaves it there, where no player shows it")
        return
    later = next((n for n in range(times + 1, end) if _TIMES.fullmatch(lines[n])), None)
    if later is not None:
        # Also the line above it, if that is the cue's name as in SubRip.
        first = later - 1 if later - 1 > times and lines[later - 1].strip().isdecimal() else later
        newline = source.text[source.end_of(first - 1) : source.starts[first]]
        what = "no blank line parts this cue from the one before"
        blank = Edit(source.starts[first], source.starts[first], newline)
        report.malformed(first + 1, what, "puts one in", blank)
        end = first
    try:
        if match is None:
            raise ValueError
        stamps = [WEBVTT.read(match[1]), WEBVTT.read(match[2])]
    except ValueError:
        _repair_times(source, report, times)
        return
    _add(found, source, report, (begin, times, end), match, stamps)


def _add(
    found: Scan,
    source: Source,
    report: Report,
    block: tuple[int, int, int],
    match: re.Match[str],
    stamps: list[float],
) -> None:
    begin, times, end = block
    place = source.starts[times]
    marks = [
        (place + match.start(1), place + match.end(1), stamps[0], Role.START),
        (place + match.start(2), place + match.end(2), stamps[1], Role.END),
    ]
    for number in range(times + 1, end):
        for inner in INNER_STAMP.finditer(source.lines[number]):
            place = source.starts[number]
            try:
                seconds = WEBVTT.read(inner[1])
            except ValueError:
                continue  # a tag that means nothing to anybody
            marks.append((place + inner.start(1), place + inner.end(1), seconds, Role.INSIDE))
    text = "\n".join(source.lines[times + 1 : end])
    found.add(Cue(stamps[0], stamps[1], text, "vtt", line=begin + 1), *marks)


def _repair_times(source: Source, report: Report, times: int) -> None:
    line = source.lines[times]
    what = f"{shown(line)} is not a time line such as '00:01.000 --> 00:02.500'"
    like = _LIKE_TIMES.fullmatch(line)
    try:
        if like is None or "-->" in (like[3] or ""):
            raise ValueError
        repaired = f"{_meant(like[1])} --> {_meant(like[2])}"
    except ValueError:
        report.malformed(times + 1, what, "leaves the cue as it is, where no player shows it")
        return
    if like[3]:
        repaired = f"{repaired} {like[3].rstrip()}"
    edit = Edit(source.starts[times], source.end_of(times), repaired)
    report.malformed(times + 1, what, f"takes it for {shown(repaired)}", edit)


def _meant(stamp: str) -> str:
    """What a malformed time most likely means, well-formed; ValueError if nothing."""
    fields = re.split(r"[.,:]", stamp)
    fraction = fields.pop() if re.search(r"[.,][0-9]+$", stamp) or len(fields) == 4 else "0"
    seconds = float(f"0.{fraction}")
    for unit_s, value in zip((1, 60, 3600), reversed(fields), strict=False):
        seconds += unit_s * int(value.lstrip("-") or 0)
    sign = "-" if stamp.startswith("-") else ""
    return sign + WEBVTT.write(seconds, "00:00:00.000")
