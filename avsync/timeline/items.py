"""What stands on a track of an OpenTimelineIO timeline, and where: exact frames, no float sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from avsync.timeline.clock import exact_rate, frames_of, seconds_of

OWN = "avsync"
"""Our key in OpenTimelineIO's metadata."""

TICKS_HZ = 254_016_000_000
"""Premiere Pro's clock, which places sound finer than frames."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An item (clip, gap, or something nested) of a track, and the transitions at its ends."""

    item: Any
    start: Fraction
    """frames of the timeline's rate"""
    end: Fraction
    head: Any | None
    """the transition over its start"""
    tail: Any | None
    """the transition over its end"""


def rate_of(timeline: Any) -> Fraction:
    """The timeline's frames per second: of its start, else of the first thing on a track.

    Raises:
        ValueError: nothing says it.
    """
    start = timeline.global_start_time
    if start is not None and start.rate > 1:  # 1 is what an empty time has
        return exact_rate(start.rate)
    for track in sorted(timeline.tracks, key=lambda track: not is_picture(track)):
        for item in track if isinstance(track, otio.schema.Track) else ():
            if not isinstance(item, otio.schema.Transition):
                return exact_rate(item.trimmed_range().duration.rate)
    raise ValueError("there is nothing on it")


def is_picture(track: Any) -> bool:
    """Whether a track of a timeline's stack is one of picture."""
    return isinstance(track, otio.schema.Track) and track.kind == otio.schema.TrackKind.Video


def is_sound(track: Any) -> bool:
    """Whether a track of a timeline's stack is one of sound."""
    return isinstance(track, otio.schema.Track) and track.kind == otio.schema.TrackKind.Audio


def placed(track: Any, rate: Fraction) -> list[Placed]:
    """Everything on a track in order, end to end; transitions stand with what they are over."""
    at = Fraction(0)
    if track.source_range is not None:
        at = -frames_of(track.source_range.start_time, rate)
    found = []
    children = [None, *track, None]
    for before, item, after in zip(children, children[1:], children[2:], strict=False):
        if isinstance(item, otio.schema.Transition):
            continue
        end = at + frames_of(item.trimmed_range().duration, rate)
        head, tail = (
            beside if isinstance(beside, otio.schema.Transition) else None
            for beside in (before, after)
        )
        found.append(Placed(item, at, end, head, tail))
        at = end
    return found


def size_of(timeline: Any) -> tuple[int, int] | None:
    """Width and height of the timeline's picture in pixels, if that is known."""
    own = timeline.metadata.get(OWN, {})
    return (int(own["width"]), int(own["height"])) if "width" in own else None


def clips(timeline: Any) -> Iterator[Any]:
    """All clips, however deep."""
    yield from timeline.find_clips()


def url_of(item: Any) -> str:
    """The URL of a clip's media, or nothing."""
    reference = getattr(item, "media_reference", None)
    if isinstance(reference, otio.schema.ExternalReference):
        return str(reference.target_url or "")
    return ""


def media_start(clip: Any) -> Fraction:
    """The timecode of the first frame of a clip's file, in seconds: 0 where nothing says it."""
    file = clip.media_reference.available_range if clip.media_reference is not None else None
    return Fraction(0) if file is None else seconds_of(file.start_time)


def in_point(clip: Any, rate: Fraction) -> Fraction:
    """Where a clip of sound begins in its file, in seconds, as finely as that is said."""
    start = seconds_of(clip.trimmed_range().start_time) - media_start(clip)
    ticks = clip.metadata.get("fcp_xml", {}).get("pproTicksIn")
    if isinstance(ticks, str) and ticks.isdecimal():
        exact = Fraction(int(ticks), TICKS_HZ)
        if abs(exact - start) <= 1 / rate:  # else the clip was moved since
            return exact
    return start


def speed_change(item: Any) -> str:
    """What changes an item's speed, or nothing."""
    for effect in item.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            return "a freeze frame"
        if isinstance(effect, otio.schema.LinearTimeWarp):
            return f"played at {effect.time_scalar:g} times its speed"
        if isinstance(effect, otio.schema.TimeEffect):
            return f"changed in speed ({effect.name or effect.schema_name()})"
        if effect.metadata.get("fcp_xml", {}).get("effectid") == "timeremap":
            return "changed in speed (Time Remap)"
    return ""


def extents(timeline: Any) -> dict[str, tuple[Fraction, Fraction]]:
    """From where to where each media file goes, in seconds, at least as far as is known by its use.

    Formats that must say how long a file is get this where nothing better is known.
    """
    rate = rate_of(timeline)
    found: dict[str, tuple[Fraction, Fraction]] = {}
    for track in timeline.find_children(descended_from_type=otio.schema.Track):
        for place in placed(track, rate):
            url = url_of(place.item)
            if not url:
                continue
            shown = place.item.trimmed_range()
            start, end = seconds_of(shown.start_time), _end(shown)
            if place.head is not None:
                start -= seconds_of(place.head.in_offset)
            if place.tail is not None:
                end += seconds_of(place.tail.out_offset)
            file = place.item.media_reference.available_range
            if file is not None:
                start, end = min(start, seconds_of(file.start_time)), max(end, _end(file))
            else:
                start = min(start, Fraction(0))
            known = found.get(url, (start, end))
            found[url] = min(start, known[0]), max(end, known[1])
    return found


def _end(time_range: Any) -> Fraction:
    return seconds_of(time_range.start_time) + seconds_of(time_range.duration)
