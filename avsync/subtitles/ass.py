"""SubStation Alpha (SSA) and Advanced SubStation Alpha (ASS): the places of the events.

Only [Events] is looked into; script info, styles, fonts and pictures are none of our business. The
order of an event's fields is what its "Format:" line says.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from avsync.subtitles.clocks import ASS
from avsync.subtitles.document import Role
from avsync.subtitles.model import Cue, Format, Kind
from avsync.subtitles.scan import Edit, Report, Scan, Source, shown

__all__ = ["scan"]

_SECTION = re.compile(r"\s*\[([^\[\]]{1,80})\]\s*")
_EVENT = re.compile(r"\s*(dialogue|comment|picture|sound|movie|command)\s*:", re.IGNORECASE)
_IGNORED = re.compile(r"\s*(?:;|!:|format\s*:)", re.IGNORECASE)
_FORMAT = re.compile(r"\s*format\s*:", re.IGNORECASE)
_ADVANCED = re.compile(r"\[v4\+\s*styles|scripttype:\s*v4\.00\+", re.IGNORECASE)
_SIMPLE = re.compile(r"\[v4\s+styles|scripttype:\s*v4\.00\s", re.IGNORECASE)

_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"

# Also what libass would misread: a comma, one or three digits of fraction, or none.
_LIKE_STAMP = re.compile(
    r"(-?)([0-9]{1,6})\s?:\s?([0-9]{1,3})\s?:\s?([0-9]{1,3})(?:\s?[.,:]\s?([0-9]{1,9}))?"
)
# The comma makes it two fields.
_WITH_COMMA = re.compile(r"([0-9]{1,6}:[0-9]{1,2}:[0-9]{1,2},[0-9]{1,3})\s*,")


class _Layout(NamedTuple):
    """Which of an event's fields is which."""

    fields: int
    start: int
    end: int


def scan(source: Source, report: Report, format: Format) -> Scan:
    """Find the events of a SubStation Alpha text, comments among them."""
    if _ADVANCED.search(source.text):
        format = "ass"
    elif _SIMPLE.search(source.text):
        format = "ssa"
    found = Scan(ASS)
    layout = _layout(_FIELDS)
    assert layout is not None
    section = ""
    for number, line in enumerate(source.lines):
        heading = _SECTION.fullmatch(line)
        if heading is not None:
            section = heading[1].strip().lower()
            continue
        event = _EVENT.match(line)
        if section != "events":
            if event is not None and event[1].lower() == "dialogue":
                what = f"{shown(line)} stands outside of [Events]"
                report.malformed(number + 1, what, "leaves it there, at its old time")
        elif event is not None:
            _add(found, source, report, number, event, layout, format)
        elif _FORMAT.match(line):
            given = _layout(line.partition(":")[2])
            if given is None:
                what = f"{shown(line)} does not name Start, End and, at last, Text"
                report.malformed(number + 1, what, f"reads the events by {_FIELDS!r}")
            else:
                layout = given
        elif line.strip() and not _IGNORED.match(line):
            what = f"{shown(line)} is neither a dialogue nor a comment"
            report.malformed(number + 1, what, "leaves it there")
    return found


def _layout(fields: str) -> _Layout | None:
    names = [name.strip().lower() for name in fields.split(",")]
    if not {"start", "end"} <= set(names) or names[-1] != "text":
        return None
    return _Layout(len(names), names.index("start"), names.index("end"))


def _add(
    found: Scan,
    source: Source,
    report: Report,
    number: int,
    event: re.Match[str],
    layout: _Layout,
    format: Format,
) -> None:
    line = source.lines[number]
    edges = [event.end()]  # where each field begins
    while len(edges) < layout.fields:
        comma = line.find(",", edges[-1])
        if comma < 0:
            what = f"{shown(line)} has {len(edges)} fields where there should be {layout.fields}"
            report.malformed(number + 1, what, "leaves it there, at its old time")
            return
        edges.append(comma + 1)
    stamps = []
    for field, role in ((layout.start, Role.START), (layout.end, Role.END)):
        begin, end = edges[field], edges[field + 1] - 1
        stamp = line[begin:end].strip()
        begin = line.index(stamp, begin)
        place = source.starts[number] + begin
        try:
            stamps.append((place, place + len(stamp), ASS.read(stamp), role))
        except ValueError as error:
            with_comma = _WITH_COMMA.match(line, begin)
            stamp = stamp if with_comma is None else with_comma[1]
            _repair(report, number, place, stamp, str(error))
            return
    kind: Kind = "dialogue" if event[1].lower() == "dialogue" else "comment"
    cue = Cue(stamps[0][2], stamps[1][2], line[edges[-1] :], format, kind, number + 1)
    found.add(cue, *stamps)


def _repair(report: Report, number: int, place: int, stamp: str, why: str) -> None:
    like = _LIKE_STAMP.fullmatch(stamp)
    try:
        if like is None:
            raise ValueError
        sign, hours, minutes, seconds, fraction = like.groups()
        whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        repaired = sign + ASS.write(whole + float(f"0.{fraction or 0}"), "0:00:00.00")
    except ValueError:
        report.malformed(number + 1, why, "leaves the line as it is, at its old time")
        return
    edit = Edit(place, place + len(stamp), repaired)
    report.malformed(number + 1, why, f"takes it for {repaired}", edit)
