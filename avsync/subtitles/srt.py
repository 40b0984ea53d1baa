"""SubRip, read by pysrt.

pysrt's own file reader drops what it cannot parse, loses text behind a blank line and swallows a
cue that has no blank line before it. So the cues are told apart here, by their time lines, and
pysrt reads each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pysrt import SubRipItem

from avsync.subtitles.clocks import SUBRIP
from avsync.subtitles.document import Edit, Role
from avsync.subtitles.model import Cue
from avsync.subtitles.scan import Report, Scan, Source, shown

__all__ = ["scan"]

_STAMP = r"(-?[0-9]{1,6}:[0-5]?[0-9]:[0-5]?[0-9][,.][0-9]{3})"
_TIMES = re.compile(rf"[ \t]*{_STAMP}[ \t]*-->[ \t]*{_STAMP}(?:[ \t].*)?")
_TIME_BEGINS = frozenset("0123456789-:;")
_NUMBER = re.compile(r"\s*[0-9]{1,9}\s*")

# What was meant for a time line: two things much like times with something like an arrow between.
_LIKE_STAMP = r"(-?[0-9]{0,6}\s?[:;]\s?[0-9]{1,3}\s?[:;,.]\s?[0-9]{1,9}(?:\s?[:;,.]\s?[0-9]{1,9})?)"
_LIKE_ARROW = r"(?:-{1,3}\s?>{1,2}|=>|→|—|–|-{1,3})"
_LIKE_TIMES = re.compile(rf"\s*{_LIKE_STAMP}\s*{_LIKE_ARROW}\s*{_LIKE_STAMP}(?:\s+(\S.*))?\s*")


@dataclass(slots=True)
class _Head:
    """The lines that begin a cue: from its number, if it has one, to its time line."""

    first: int
    times: int
    match: re.Match[str] | None  # None: the times cannot be read

    @property
    def text(self) -> int:
        return self.times + 1


def scan(source: Source, report: Report) -> Scan:
    """Find the cues of a SubRip text."""
    found = Scan(SUBRIP)
    end = _Head(len(source.lines), len(source.lines), None)
    before: _Head | None = None
    for head in chain(_heads(source, report), [end]):
        if before is None:
            _check_before(source, report, head.first)
        elif before.match is not None:
            last = head.first
            while last > before.text and not source.lines[last - 1].strip():
                last -= 1
            _check_paragraphs(source, report, before.text, last)
            _add(found, source, report, before, before.match, last)
        before = head
    return found


def _check_before(source: Source, report: Report, end: int) -> None:
    for number in range(end):
        if source.lines[number].strip():
            what = f"{shown(source.lines[number])} is no part of a cue"
            report.malformed(number + 1, what, "leaves it there")
            break


def _heads(source: Source, report: Report) -> Iterator[_Head]:
    lines = source.lines
    text = 0  # the first line that can still be text of the cue before
    for number, line in enumerate(lines):
        if "-->" not in line and (":" not in line or line.lstrip()[:1] not in _TIME_BEGINS):
            continue
        match = _TIMES.fullmatch(line) if line.count("-->") == 1 else None
        if match is None and not _is_due(lines, number, text):
            continue  # an arrow in a text is text
        first = _first_line(source, report, number, text)
        if match is None:
            _repair_times(source, report, number)
        yield _Head(first, number, match)
        text = number + 1


def _is_due(lines: list[str], number: int, text: int) -> bool:
    """Whether a line that cannot be read as times stands where they should, and looks like it."""
    line, above = lines[number], lines[number - 1] if number > text else ""
    numbered = _NUMBER.fullmatch(above) is not None
    if (number > 0 and number == text) or (above.strip() and not numbered):
        return False
    has_arrow = "-->" in line and (numbered or any("0" <= c <= "9" for c in line))
    return has_arrow or _LIKE_TIMES.fullmatch(line) is not None


def _first_line(source: Source, report: Report, times: int, text: int) -> int:
    """The line that numbers the cue of a given time line, or the time line if none does."""
    lines = source.lines
    above = times - 1
    if above > text and not lines[above - 1].strip() and _NUMBER.fullmatch(lines[above]):
        return above  # nearly always
    while above >= text and not lines[above].strip():
        above -= 1
    first = times
    if above >= text:
        numbered = _NUMBER.fullmatch(lines[above]) is not None
        begins_paragraph = above == 0 or not lines[above - 1].strip()
        if above == times - 1 and (numbered or begins_paragraph):
            first = above
            if not numbered:
                what = f"{shown(lines[above])} stands where the number of a cue should"
                report.malformed(above + 1, what, "takes it for the number")
        elif numbered and begins_paragraph:
            first = above
            what = "a blank line stands between the number of a cue and its times"
            cut = Edit(source.starts[above + 1], source.starts[times], "")
            report.malformed(above + 2, what, "removes it", cut)
    if first > 0 and lines[first - 1].strip():
        newline = source.text[source.end_of(first - 1) : source.starts[first]]
        blank = Edit(source.starts[first], source.starts[first], newline)
        what = "no blank line parts this cue from what is before it"
        report.malformed(first + 1, what, "puts one in", blank)
    return first


def _repair_times(source: Source, report: Report, number: int) -> None:
    line = source.lines[number]
    what = f"{shown(line)} is not a time line such as '00:00:01,000 --> 00:00:02,500'"
    like = _LIKE_TIMES.fullmatch(line)
    try:
        if like is None or "-->" in (like[3] or ""):
            raise ValueError
        stamps = f"{_meant(like[1])} --> {_meant(like[2])}"
    except ValueError:
        report.malformed(number + 1, what, "leaves the cue as it is, at its old time")
        return
    repaired = f"{stamps} {like[3].rstrip()}" if like[3] else stamps
    edit = Edit(source.starts[number], source.end_of(number), repaired)
    report.malformed(number + 1, what, f"takes it for '{stamps}'", edit)


def _meant(stamp: str) -> str:
    """What a malformed time most likely means, well-formed; ValueError if too large."""
    fields = [field.strip() for field in re.split(r"[:;,.]", stamp.lstrip("-"))]
    if len(fields) == 3 and not re.search(r"[,.]\s?[0-9]{3,}$", stamp):
        fields.append("0")  # hours, minutes, seconds
    fraction = fields.pop()
    # Up to three digits are milliseconds, as pysrt and the players read them; more, a decimal.
    milliseconds = int(fraction[:3])
    for unit_ms, value in zip((1_000, 60_000, 3_600_000), reversed(fields), strict=False):
        milliseconds += unit_ms * int(value or 0)
    sign = "-" if stamp.startswith("-") else ""
    return sign + SUBRIP.write(milliseconds / 1000, "00:00:00,000")


def _check_paragraphs(source: Source, report: Report, begin: int, end: int) -> None:
    # Text may go on behind a blank line; a lone number there is what is left of a cue.
    lines = source.lines
    for number in range(begin + 1, end):
        if not lines[number - 1].strip() and _NUMBER.fullmatch(lines[number]):
            what = f"the cue number {shown(lines[number].strip())} has no time line"
            report.malformed(number + 1, what, "keeps it as text of the cue before")


def _add(
    found: Scan, source: Source, report: Report, head: _Head, match: re.Match[str], end: int
) -> None:
    lines = source.lines[head.text : end]
    text = "\n".join(lines)
    first, second = match.group(1, 2)
    item = SubRipItem.from_lines([f"{first.lstrip('-')} --> {second.lstrip('-')}", *lines, ""])
    # pysrt knows no times before 0, and takes the blanks at the ends of lines away.
    start = item.start.ordinal / (-1000 if first[0] == "-" else 1000)
    stop = item.end.ordinal / (-1000 if second[0] == "-" else 1000)
    read = item.text[:-1]
    if read != text and read != "\n".join([line.rstrip() for line in lines]):
        what = f"pysrt reads this cue as {shown(read)}"
        raise report.fail(head.times + 1, f"{what}; please report this file")
    place = source.starts[head.times]
    found.add(
        Cue(start, stop, text, "srt", line=head.first + 1),
        (place + match.start(1), place + match.end(1), start, Role.START),
        (place + match.start(2), place + match.end(2), stop, Role.END),
    )
