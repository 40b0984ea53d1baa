"""The cuts of a timeline, how far each can be rolled, and rolling them.

This works on OpenTimelineIO's own model, so that all that a timeline has stays: effects, markers,
metadata, other tracks, gaps, transitions. Only the ends of the two items at a cut are changed, and
of what is cut at the same frame on other tracks, such as the sound that belongs to the picture. The
song itself is left as it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.edits import EditPoint
from avsync.timeline.clock import exact_rate, frames_of
from avsync.timeline.items import (
    Placed,
    in_point,
    is_picture,
    is_sound,
    placed,
    rate_of,
    speed_change,
    url_of,
)
from avsync.timeline.material import ENDLESS, Material
from avsync.timeline.places import name_of

_HALF = Fraction(1, 2)
_STALE = ("pproTicksIn", "pproTicksOut")  # Premiere Pro believes them rather than in and out


@dataclass(frozen=True, slots=True)
class Played:
    """A stretch of the timeline during which the song is heard; all in seconds of the timeline."""

    zero: float
    """when the song would have begun"""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Joint:
    """Where one item of a track follows another; the last one has none after it."""

    before: Placed
    after: Placed | None

    @property
    def at(self) -> Fraction:
        return self.before.end


@dataclass(frozen=True, slots=True)
class RollableCuts:
    """The cuts of one track of picture, with what is cut at the same frames on others."""

    rate: Fraction
    points: tuple[EditPoint, ...]
    end: int
    """the length of the track in frames"""
    least_at_end: int
    notes: tuple[str, ...]
    """what could not be checked"""
    joints: tuple[tuple[_Joint, ...], ...]
    """of each cut, that of the track itself first"""

    def roll(self, frames: Sequence[int]) -> None:
        """Move each cut to a frame, in the timeline that they were found in."""
        ends: dict[int, tuple[Any, Fraction, Fraction]] = {}
        for joints, point, frame in zip(self.joints, self.points, frames, strict=True):
            if frame == point.frame:
                continue
            change = frame - joints[0].at  # also from a place between two frames
            for joint in joints:
                item = joint.before.item
                _, head, tail = ends.get(id(item), (item, Fraction(0), Fraction(0)))
                ends[id(item)] = item, head, tail + change
                if joint.after is not None:
                    item = joint.after.item
                    _, head, tail = ends.get(id(item), (item, Fraction(0), Fraction(0)))
                    ends[id(item)] = item, head + change, tail
        for item, head, tail in ends.values():
            _trim(item, head, tail, self.rate)


def find_cuts(
    timeline: Any, folder: Path, *, song: str | None = None, track: int | None = None
) -> RollableCuts:
    """The cuts of a timeline's picture, and how far each can be rolled.

    Args:
        timeline: as OpenTimelineIO has it.
        folder: where relative paths start.
        song: the file name of the song, which stays as it is.
        track: the track of picture, from 1 for the lowest; None: the first that has a cut.

    Raises:
        ValueError: there is no such track, or there are no cuts.
    """
    rate = rate_of(timeline)
    chosen = _choose(timeline, track)
    main = [_Joint(a, b) for a, b in pairwise(placed(chosen, rate))]
    others = [
        _joints(other, rate, song)
        for other in timeline.tracks
        if other is not chosen and (is_picture(other) or is_sound(other))
    ]
    ends = [0, *(round(joint.at) for joint in main), round(placed(chosen, rate)[-1].end)]
    for start, end in pairwise(ends):
        if start >= end:
            raise ValueError(f"what begins at frame {start} ends at frame {end}: cut it out first")
    material = Material(folder, rate)
    points = [_point(joint, material) for joint in main]
    joints = [[joint] for joint in main]
    for line in others:
        linked = [_linked(joint, main) for joint in line]
        for joint, index in zip(line, linked, strict=True):
            if index is not None:
                joints[index].append(joint)
                points[index] = _narrower(points[index], _point(joint, material))
        _keep_lengths(line, linked, points)
    points = _at_least_themselves(points)
    last = main[-1].after
    assert last is not None
    return RollableCuts(
        rate,
        tuple(points),
        round(last.end),
        _needed(last),
        tuple(material.notes),
        tuple(map(tuple, joints)),
    )


def find_song(timeline: Any, song: str) -> tuple[Played, ...]:
    """Where a song is heard, by the name of its file: in order of time."""
    rate = rate_of(timeline)
    found = []
    for track in filter(is_sound, timeline.tracks):
        for place in placed(track, rate):
            if not _is(place.item, song):
                continue
            first = in_point(place.item, rate)
            start, end = place.start / rate, place.end / rate
            found.append(Played(float(start - first), float(start), float(end)))
    return tuple(sorted(set(found), key=lambda played: (played.start, played.zero)))


def _choose(timeline: Any, number: int | None) -> Any:
    tracks = [track for track in timeline.tracks if is_picture(track)]
    if number is None:
        cut = [track for track in tracks if track.enabled and sum(1 for _ in _items(track)) > 1]
        if not cut:
            raise ValueError("there are no cuts on its tracks of picture")
        return cut[0]
    if not 1 <= number <= len(tracks):
        raise ValueError(f"there is no track of picture {number}: there are {len(tracks)}")
    if sum(1 for _ in _items(tracks[number - 1])) < 2:
        raise ValueError(f"there are no cuts on track of picture {number}")
    return tracks[number - 1]


def _items(track: Any) -> Any:
    return (item for item in track if not isinstance(item, otio.schema.Transition))


def _joints(track: Any, rate: Fraction, song: str | None) -> list[_Joint]:
    """All joints of a track, its end too, but for those of the song."""
    places = placed(track, rate)
    joints = [_Joint(a, b) for a, b in pairwise([*places, None]) if a is not None]
    if song is None:
        return joints
    both = ((joint, (joint.before, joint.after)) for joint in joints)
    return [joint for joint, ends in both if not any(e and _is(e.item, song) for e in ends)]


def _linked(joint: _Joint, main: Sequence[_Joint]) -> int | None:
    """The cut at the same frame."""
    index = bisect_left(main, joint.at - _HALF, key=lambda other: other.at)
    near = range(index, min(index + 3, len(main)))
    best = min(near, key=lambda i: abs(main[i].at - joint.at), default=None)
    return best if best is not None and abs(main[best].at - joint.at) < _HALF else None


def _point(joint: _Joint, material: Material) -> EditPoint:
    before, after = joint.before, joint.after
    tail = material.spare(before.item)[1]
    head = material.spare(after.item)[0] if after is not None else ENDLESS
    if before.tail is not None:
        tail -= frames_of(before.tail.out_offset, material.rate)
        head -= frames_of(before.tail.in_offset, material.rate)
    return EditPoint(
        frame=round(joint.at),
        earliest=ceil(joint.at - max(head, Fraction(0))),
        latest=floor(joint.at + max(tail, Fraction(0))),
        least_frames=_needed(before),
        before=_why(after, "before") if after is not None else "",
        after=_why(before, "after"),
    )


def _why(place: Placed, side: str) -> str:
    name = repr(place.item.name or "a clip")
    speed = speed_change(place.item)
    if speed:
        return f"{name} is {speed}, so its ends are left alone"
    return f"{name} has no more material {side} what is shown"


def _needed(place: Placed) -> int:
    """The frames that an item must keep: those of the transitions at its ends."""
    rate = Fraction(1)
    ends = Fraction(0)
    if place.head is not None:
        rate = exact_rate(place.head.out_offset.rate)
        ends += frames_of(place.head.out_offset, rate)
    if place.tail is not None:
        rate = exact_rate(place.tail.in_offset.rate)
        ends += frames_of(place.tail.in_offset, rate)
    return max(1, ceil(ends))


def _narrower(point: EditPoint, other: EditPoint) -> EditPoint:
    """A cut that moves with another, and no further than that can."""
    if other.earliest > point.earliest:
        point = replace(point, earliest=other.earliest, before=other.before)
    if other.latest < point.latest:
        point = replace(point, latest=other.latest, after=other.after)
    return point


def _keep_lengths(
    line: Sequence[_Joint], linked: Sequence[int | None], points: list[EditPoint]
) -> None:
    """See to it that no item between two joints of another track can become nothing."""
    for (left, a), (right, b) in pairwise(zip(line, linked, strict=True)):
        place = right.before
        if left.after is not place or (a is None and b is None):
            continue
        slack = floor(place.end - place.start) - _needed(place)
        short = f"{place.item.name or 'a clip'!r} on another track would become too short"
        if a is not None and b == a + 1:
            least = max(points[b].least_frames, _needed(place))
            points[b] = replace(points[b], least_frames=least)
            continue
        if a is not None and b is not None:
            slack //= 2  # both may move, and neither knows of the other
        if a is not None:
            latest = points[a].frame + slack
            points[a] = _narrower(points[a], replace(points[a], latest=latest, after=short))
        if b is not None:
            earliest = points[b].frame - slack
            points[b] = _narrower(points[b], replace(points[b], earliest=earliest, before=short))


def _at_least_themselves(points: Sequence[EditPoint]) -> list[EditPoint]:
    return [
        replace(p, earliest=min(p.earliest, p.frame), latest=max(p.latest, p.frame)) for p in points
    ]


def _trim(item: Any, head: Fraction, tail: Fraction, rate: Fraction) -> None:
    """Let an item begin `head` frames later and end `tail` frames later, over the same source."""
    shown = item.trimmed_range()
    start, length = shown.start_time, shown.duration
    if not isinstance(item, otio.schema.Gap):
        start = _later(start, head, rate)
    item.source_range = otio.opentime.TimeRange(start, _later(length, tail - head, rate))
    own = item.metadata.get("fcp_xml")
    if own is not None:
        for key in _STALE:
            own.pop(key, None)


def _later(time: Any, frames: Fraction, rate: Fraction) -> Any:
    own = exact_rate(time.rate)
    exact = frames_of(time, own) + frames / rate * own
    return otio.opentime.RationalTime(float(exact), time.rate)


def _is(item: Any, song: str) -> bool:
    if not isinstance(item, otio.schema.Clip):
        return False
    url = url_of(item)
    if url:
        return name_of(url) == song
    return item.name in (song, Path(song).stem)  # an EDL may have a clip's name and no more
