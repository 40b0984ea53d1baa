"""Reading CMX 3600 edit decision lists.

This is the work of otio-cmx3600-adapter, on a text that is first made plainer: as it is, the
adapter takes no notice of the FCM line, gives the second clip of a dissolve the first one's file,
takes every second line of an event for a dissolve, and loses the first line's clip.

An EDL knows neither frame rate nor files. Ours say both in comments, which other programs ignore:
``* FRAME RATE: 24000/1001`` and ``* FROM CLIP: file:///...``. A dissolve begins at the cut there;
here the cut is put into its middle, where it is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from avsync.timeline.clock import frames_of, to_range, to_time

_DROPPING = (Fraction(30_000, 1001), Fraction(60_000, 1001))
_TIMECODE = re.compile(r"\d{2}[:;.,]\d{2}[:;.,]\d{2}[:;.,]\d{2,3}")
_OWN_RATE = re.compile(r"^\s*\*\s*FRAME RATE:\s*(\d+(?:[./]\d+)?)\s*$", re.MULTILINE)
_DROP = re.compile(r"^\s*FCM:\s*DROP", re.MULTILINE | re.IGNORECASE)
_FROM, _TO = re.compile(r"^\*?\s*FROM (?=CLIP|FILE)"), re.compile(r"^\*?\s*TO (?=CLIP|FILE)")
_LOCATOR = re.compile(r"^\*?\s*LOC:\s*(\S+)\s*(\w*)\s*(.*)$")


class NoRate(ValueError):
    """The EDL does not say how many frames a second has, and nobody else did."""


def read_edl(text: str, frame_rate: Fraction | None) -> Any:
    """The OpenTimelineIO timeline of an EDL.

    Args:
        text: the EDL.
        frame_rate: frames per second; None takes it from the EDL where that says it: by our
            comment, or by drop-frame timecode.

    Raises:
        NoRate: nothing says how many frames a second has.
        ValueError: it is no EDL, or one that cannot be read.
    """
    rate = frame_rate or _stated_rate(text)
    plain, locators = _plain(text, rate)
    if not plain:
        raise ValueError("there are no events in it, so it is no EDL")
    timeline = otio.adapters.read_from_string(plain, "cmx_3600", rate=float(rate))
    starts = {track: frames_of(_record_start(track), rate) for track in timeline.tracks}
    first = min(starts.values())
    for track, start in starts.items():
        track.source_range = None
        _centre(track, rate)
        if start > first:
            track.insert(0, otio.schema.Gap(source_range=to_range(0, start - first, rate)))
    timeline.global_start_time = to_time(first, rate)
    for at, colour, name in locators:
        timeline.tracks.markers.append(
            otio.schema.Marker(name, marked_range=to_range(at - first, 0, rate), color=colour)
        )
    return timeline


def _centre(track: Any, rate: Fraction) -> None:
    """Have cuts in the middle of their transitions, which in an EDL begin with the cut."""
    children = [None, *track, None]
    for before, item, after in zip(children, children[1:], children[2:], strict=False):
        if not isinstance(item, otio.schema.Transition) or before is None or after is None:
            continue
        length = round(frames_of(item.out_offset, rate))
        lead = length // 2
        item.in_offset, item.out_offset = to_time(lead, rate), to_time(length - lead, rate)
        for clip, moved, longer in ((before, 0, lead), (after, lead, -lead)):
            shown = clip.source_range
            start = frames_of(shown.start_time, rate) + moved
            clip.source_range = to_range(start, frames_of(shown.duration, rate) + longer, rate)


def _stated_rate(text: str) -> Fraction:
    own = _OWN_RATE.search(text)
    if own:
        return Fraction(own[1])
    if _DROP.search(text) or re.search(r"\d\d:\d\d:\d\d;\d\d", text):
        frames = (int(code[-2:]) for code in re.findall(r"\d\d:\d\d:\d\d[:;]\d\d", text))
        return _DROPPING[max(frames, default=0) >= 30]
    raise NoRate("an EDL does not say how many frames a second has: give the frame rate")


def _record_start(track: Any) -> Any:
    """The record timecode of a track's first event, which the adapter keeps upside down."""
    zero = otio.opentime.RationalTime(0, track[0].trimmed_range().duration.rate)
    return zero if track.source_range is None else zero - track.source_range.start_time


@dataclass
class _Line:
    """One line of an event: where from, where to, how."""

    fields: list[str]

    @property
    def dissolves(self) -> bool:
        return len(self.fields) == 9 and self.fields[3] != "C"

    @property
    def empty(self) -> bool:
        return self.fields[-1] == self.fields[-2]


@dataclass
class _Reading:
    """An event's lines and comments."""

    lines: list[_Line] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def _plain(text: str, rate: Fraction) -> tuple[str, list[tuple[Fraction, str, str]]]:
    """The EDL with unambiguous timecode and one clip an event; and its locators, by record time."""
    title, events, locators, drop = "", [], [], False
    number = None
    for line in filter(None, map(str.strip, text.splitlines())):
        words = line.split()
        locator = _LOCATOR.match(line)
        if line.upper().startswith("TITLE:"):
            title = line[6:].strip()
        elif words[0].upper() == "FCM:":
            drop = words[1:2] == ["DROP"]
        elif line[0].isdigit() and len(words) >= 8:
            codes = [_timecode(code, drop, rate) for code in words[-4:]]
            if words[0] != number:
                events.append(_Reading())
            number = words[0]
            events[-1].lines.append(_Line(words[:-4] + codes))
        elif locator and _TIMECODE.fullmatch(locator[1]):
            at = otio.opentime.from_timecode(_timecode(locator[1], drop, rate), float(rate))
            colour = locator[2].upper()
            known = hasattr(otio.schema.MarkerColor, colour)
            locators.append((frames_of(at, rate), colour if known else "RED", locator[3]))
        elif line[0].isdigit():
            raise ValueError(f"{line!r} is no event: it has {len(words)} fields, not 8 or 9")
        elif events:
            if not _OWN_RATE.match(line):
                events[-1].comments.append(_without_drop(line))
        elif not line.startswith(("*", "SPLIT", ">", "#")):
            raise ValueError(f"it begins with {line[:40]!r}, so it is no EDL")
    lines = [line for number, event in enumerate(events, 1) for line in _plain_event(event, number)]
    return "\n".join([f"TITLE: {title}", *lines] if lines else []), locators


def _timecode(code: str, drop: bool, rate: Fraction) -> str:
    """A timecode whose last separator says whether frame numbers are dropped."""
    if not _TIMECODE.fullmatch(code):
        return code  # a frame number, or what the adapter will complain of
    dropped = drop or ";" in code or "," in code
    if dropped and rate not in _DROPPING:
        raise ValueError(
            f"{code} is drop-frame timecode, which has 29.97 or 59.94 frames a second, "
            f"not {float(rate):g}"
        )
    hours, minutes, seconds, frames = re.split("[:;.,]", code)
    return f"{hours}:{minutes}:{seconds}{';' if dropped else ':'}{frames}"


def _without_drop(comment: str) -> str:
    # Of an M2 line, where the adapter knows no semicolon, and does not need what stands there.
    return comment.replace(";", ":") if comment.startswith("M2") else comment


def _plain_event(event: _Reading, number: int) -> Iterator[str]:
    """One event as events that the adapter understands, each of one clip; numbers only differ."""
    comments = [_known_comment(comment) for comment in event.comments]
    first = [c for c in comments if not _TO.match(c)]
    second = [c for c in comments if not _TO.match(c) and not _FROM.match(c)]
    second += [_TO.sub("* FROM ", c) for c in comments if _TO.match(c)]
    dissolved = False
    for index, line in enumerate(event.lines):
        after = event.lines[index + 1] if index + 1 < len(event.lines) else None
        if line.empty and after is not None and after.dissolves:
            continue  # it only says where the dissolve comes from
        mark = f"{number}{index:02}"
        if line.dissolves:
            dissolved = True
            zero, record = "00:00:00:00", line.fields[-2]
            yield " ".join([mark, "BL", line.fields[2], "C", zero, zero, record, record])
        yield " ".join([mark, *line.fields[1:]])
        about = second if dissolved else first
        yield from about
        if not any(_FROM.match(comment) for comment in about):
            yield f"* FROM CLIP NAME: {line.fields[1]}"  # else the adapter names it by its number


def _known_comment(comment: str) -> str:
    return re.sub(r"^\*\s*SOURCE FILE:", "* FROM FILE:", comment)
