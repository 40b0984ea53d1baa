"""SubStation Alpha (SSA) and Advanced SubStation Alpha (ASS): the places of the events.

Only [Events] is looked into; script info, styles, fonts and pictures are none of our business. The
order of an event's fields is what its "Format:" line says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from avsync.subtitles.clocks import ASS
from avsync.subtitles.document import Edit, Role
from avsync.subtitles.model import Cue, Format, Kind
from avsync.subtitles.scan import Report, Scan, Source, shown

__all__ = ["scan", "usual_script"]

_SECTION = re.compile(r"\s*\[([^\[\]]{1,80})\]\s*")
_EVENT = re.compile(r"\s*(dialogue|comment|picture|sound|movie|command)\s*:", re.IGNORECASE)
_IGNORED = re.compile(r"\s*(?:;|!:|format\s*:)", re.IGNORECASE)
_FORMAT = re.compile(r"\s*format\s*:", re.IGNORECASE)
_ADVANCED = re.compile(r"\[v4\+\s*styles|scripttype:\s*v4\.00\+", re.IGNORECASE)
_SIMPLE = re.compile(r"\[v4\s+styles|scripttype:\s*v4\.00\s", re.IGNORECASE)

_USUAL = ["layer", "start", "end", "style", "name"]
_USUAL += ["marginl", "marginr", "marginv", "effect", "text"]
_OTHER_NAMES = {"marked": "layer", "actor": "name"}
_BLANK = dict.fromkeys(_USUAL, "0") | {"style": "Default", "name": "", "effect": ""}

# Also what libass would misread: a comma, one or three digits of fraction, or none.
_LIKE_STAMP = re.compile(
    r"(-?)([0-9]{1,6})\s?:\s?([0-9]{1,3})\s?:\s?([0-9]{1,3})(?:\s?[.,:]\s?([0-9]{1,9}))?"
)
# The comma makes it two fields.
_WITH_COMMA = re.compile(r"([0-9]{1,6}:[0-9]{1,2}:[0-9]{1,2},[0-9]{1,3})\s*,")


def scan(source: Source, report: Report, format: Format) -> Scan:
    """Find the events of a SubStation Alpha text, comments among them."""
    if _ADVANCED.search(source.text):
        format = "ass"
    elif _SIMPLE.search(source.text):
        format = "ssa"
    found = Scan(ASS)
    fields = _USUAL
    for number, line, in_events in _lines(source):
        event = _EVENT.match(line)
        if not in_events:
            if event is not None and event[1].lower() == "dialogue":
                what = f"{shown(line)} stands outside of [Events]"
                report.malformed(number + 1, what, "leaves it there, at its old time")
        elif event is not None:
            _add(found, source, report, number, event, fields, format)
        elif _FORMAT.match(line):
            given = _field_names(line)
            if given is None:
                what = f"{shown(line)} does not name Start, End and, at last, Text"
                report.malformed(number + 1, what, "takes the fields in the usual order")
            fields = given or _USUAL
        elif line.strip() and not _IGNORED.match(line):
            what = f"{shown(line)} is neither a dialogue nor a comment"
            report.malformed(number + 1, what, "leaves it there")
    return found


def usual_script(text: str, cues: Sequence[Cue]) -> str:
    """A script with these cues for its events, and their fields in the usual order."""
    fields = _USUAL
    header, events = [], []
    remaining = {cue.line - 1: cue for cue in cues}
    for number, line, in_events in _lines(Source(text)):
        event = _EVENT.match(line)
        if event is None:
            header.append(line)
            if in_events and _FORMAT.match(line):
                fields = _field_names(line) or _USUAL
        elif number in remaining:
            cue = remaining[number]
            values = line[event.end() :].strip().split(",", len(fields) - 1)
            given = _BLANK | dict(zip(fields, values, strict=True))
            given |= {"start": "0:00:00.00", "end": "0:00:00.00"}  # are of no account
            kind = "Dialogue" if cue.kind == "dialogue" else "Comment"
            events.append(f"{kind}: " + ",".join(given[name] for name in _USUAL))
    return "\n".join([*header, "[Events]", *events])


def _lines(source: Source) -> Iterator[tuple[int, str, bool]]:
    """Each line with its index, and whether it stands in [Events]."""
    in_events = False
    for number, line in enumerate(source.lines):
        heading = _SECTION.fullmatch(line)
        if heading is not None:
            in_events = heading[1].strip().lower() == "events"
        yield number, line, in_events and heading is None


def _field_names(line: str) -> list[str] | None:
    names = [name.strip().lower() for name in line.partition(":")[2].split(",")]
    names = [_OTHER_NAMES.get(name, name) for name in names]
    return names if {"start", "end"} <= set(names) and names[-1] == "text" else None


def _add(
    found: Scan,
    source: Source,
    report: Report,
    number: int,
    event: re.Match[str],
    fields: list[str],
    format: Format,
) -> None:
    line = source.lines[number]
    edges = [event.end()]  # where each field begins
    while len(edges) < len(fields):
        comma = line.find(",", edges[-1])
        if comma < 0:
            what = f"{shown(line)} has {len(edges)} fields where there should be {len(fields)}"
            report.malformed(number + 1, what, "leaves it there, at its old time")
            return
        edges.append(comma + 1)
    stamps = []
    for name, role in (("start", Role.START), ("end", Role.END)):
        field = fields.index(name)
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
