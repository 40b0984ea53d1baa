"""Writing CMX 3600 edit decision lists.

Our own writer: that of otio-cmx3600-adapter has no FCM line though it writes drop-frame timecode,
leaves out every track but the first and with it the music, lets spaces into reel names (which its
own reader then refuses), counts speed changes upside down, and puts markers into upper case.

An EDL's dissolve begins at its cut, so a cut under a dissolve stands half of it earlier than on the
timeline. What the format has no field for is said in comments: the frame rate, files, markers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from avsync.timeline.clock import frames_of
from avsync.timeline.items import OWN, Placed, is_picture, is_sound, placed, speed_change, url_of
from avsync.timeline.places import name_of, printable

_DROPPING = (Fraction(30_000, 1001), Fraction(60_000, 1001))
_RESERVED = ("AX", "BL", "BLACK", "BARS")
_CHANNELS = {
    ("A1",): "A",
    ("A1", "A2"): "AA",
    ("V", "A1"): "B",
    ("V", "A2"): "A2/V",
    ("V", "A1", "A2"): "AA/V",
}


@dataclass(frozen=True, slots=True)
class _Media:
    """What an event shows: black has neither name nor URL."""

    name: str = ""
    url: str = ""
    reel: str = ""
    """as the EDL that it was read from had it"""


@dataclass(frozen=True, slots=True)
class _Event:
    """What is shown or heard from one record time to another."""

    record: tuple[int, int]
    source: tuple[int, int]
    media: _Media
    kind: str = "C"
    """C, D, or W and a number"""
    length: int = 0
    """of the transition, in frames"""
    before: tuple[_Media, int] = (_Media(), 0)
    """where a transition comes from, and where in it"""
    comments: tuple[str, ...] = ()


def write_edl(timeline: Any, rate: Fraction) -> str:
    """The EDL of an OpenTimelineIO timeline: its picture, its sound, its markers as LOC comments.

    Timecode is drop-frame at 29.97 and 59.94 frames a second, and the FCM line says so.

    Raises:
        ValueError: an EDL cannot hold what is there; the message says what.
    """
    merged: dict[_Event, list[str]] = {}
    for track, channels in _channels(timeline):
        for event in _events(track, rate):
            merged.setdefault(event, []).extend(channels)
    events = [(event, code) for event, names in merged.items() for code in _codes(names)]
    events.sort(key=lambda pair: (pair[1].startswith("A") and "V" not in pair[1], pair[0].record))
    code = _Timecode(timeline, rate)
    locators = _locators(timeline, rate, code)
    drop = "DROP" if rate in _DROPPING else "NON-DROP"
    lines = [f"TITLE: {printable(timeline.name)[:70]}", f"FCM: {drop} FRAME", ""]
    reels = _Reels()
    for number, (event, channel) in enumerate(events, start=1):
        lines += _lines(number, event, channel, reels, code)
        if number == 1:
            lines.append(f"* FRAME RATE: {rate}")
        last = number == len(events)
        while locators and (locators[0][0] < event.record[1] or last):
            lines.append(locators.pop(0)[1])
    return "\n".join(lines) + "\n"


class _Timecode:
    """Frame numbers as timecode."""

    def __init__(self, timeline: Any, rate: Fraction) -> None:
        self._rate = float(rate)
        self._drop = rate in _DROPPING
        start = timeline.global_start_time
        self._first = 0 if start is None else round(frames_of(start, rate))

    def source(self, frame: int) -> str:
        if frame < 0:
            raise ValueError(f"a clip begins {-frame} frames before its file does")
        time = otio.opentime.RationalTime(frame, self._rate)
        return str(otio.opentime.to_timecode(time, self._rate, self._drop))

    def record(self, frame: int) -> str:
        return self.source(self._first + frame)


class _Reels:
    """Names of eight letters and digits, one for each file."""

    def __init__(self) -> None:
        self._names: dict[_Media, str] = {}

    def name(self, media: _Media) -> str:
        if not media.name and not media.url:
            return "BL"
        if media not in self._names:
            self._names[media] = self._new(media)
        return self._names[media]

    def _new(self, media: _Media) -> str:
        if re.fullmatch(r"[^\s*]{1,32}", media.reel):
            return media.reel
        stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name_of(media.url) or media.name)
        plain = re.sub(r"[^A-Z0-9]", "", stem.upper())[:8] or "CLIP"
        taken = {*_RESERVED, *self._names.values()}
        name, number = plain, 1
        while name in taken:
            number += 1
            name = plain[: 8 - len(str(number))] + str(number)
        return name


def _channels(timeline: Any) -> list[tuple[Any, list[str]]]:
    """The tracks that an EDL has room for, with the channels that each takes."""
    for track in timeline.tracks:
        if not isinstance(track, otio.schema.Track):
            raise ValueError(f"{track.name!r} is nested; an EDL has no place for it")
    seen = [
        track for track in timeline.tracks if is_picture(track) and track.enabled and len(track)
    ]
    heard = [track for track in timeline.tracks if is_sound(track) and track.enabled and len(track)]
    if len(seen) > 1:
        raise ValueError(f"there are {len(seen)} tracks of picture; an EDL has room for one")
    if not seen and not heard:
        raise ValueError("there is nothing on it")
    found, taken = [(track, ["V"]) for track in seen], 0
    for track in heard:
        channels = int(track.metadata.get(OWN, {}).get("channels", 1))
        found.append((track, [f"A{taken + i}" for i in range(1, channels + 1)]))
        taken += channels
    return found


def _codes(channels: list[str]) -> list[str]:
    """How an EDL names the channels that share an event."""
    joined = _CHANNELS.get(tuple(channels))
    return [joined] if joined else [_CHANNELS.get((channel,), channel) for channel in channels]


def _events(track: Any, rate: Fraction) -> Iterator[_Event]:
    before = (_Media(), 0)
    for place in placed(track, rate):
        item = place.item
        silent = isinstance(item, otio.schema.Gap) or not item.enabled
        if not silent and not isinstance(item, otio.schema.Clip):
            raise ValueError(f"{item.name!r} is nested; an EDL has no place for it")
        event = _event(place, silent, before, rate)
        before = event.media, event.source[1]
        if not silent or place.head is not None:
            yield event
    if place.tail is not None:  # it fades out
        end = round(place.end - frames_of(place.tail.in_offset, rate))
        length = round(frames_of(place.tail.duration(), rate))
        yield _Event((end, end + length), (0, length), _Media(), "D", length, before)


def _event(place: Placed, silent: bool, before: tuple[_Media, int], rate: Fraction) -> _Event:
    lead = frames_of(place.head.in_offset, rate) if place.head is not None else Fraction(0)
    tail = frames_of(place.tail.in_offset, rate) if place.tail is not None else Fraction(0)
    record = round(place.start - lead), round(place.end - tail)
    if record[1] < record[0]:
        raise ValueError(f"two transitions overlap at frame {record[1]}")
    media = _Media() if silent else _media(place.item)
    first = Fraction(0)
    if media != _Media():
        first = frames_of(place.item.trimmed_range().start_time, rate) - lead
    speed, comments = (Fraction(1), ()) if silent else _speed(place.item, media, rate)
    length = record[1] - record[0]
    source = round(first), round(first) + (round(length * speed) if speed else min(1, length))
    comments += () if silent else _kept_comments(place.item)
    if place.head is None:
        return _Event(record, source, media, comments=comments)
    kind = place.head.metadata.get("cmx_3600", {}).get("transition", "D")
    frames = round(frames_of(place.head.in_offset + place.head.out_offset, rate))
    return _Event(record, source, media, kind, frames, before, comments)


def _media(clip: Any) -> _Media:
    if isinstance(clip.media_reference, otio.schema.GeneratorReference):
        return _Media()
    reel = clip.metadata.get("cmx_3600", {}).get("reel", "")
    url = url_of(clip)
    return _Media(printable(clip.name) or name_of(url) or "CLIP", url, str(reel))


def _speed(clip: Any, media: _Media, rate: Fraction) -> tuple[Fraction, tuple[str, ...]]:
    """How many frames of the source pass in one, and the comments that say so."""
    for effect in clip.effects:
        if isinstance(effect, otio.schema.FreezeFrame):
            return Fraction(0), ("* * FREEZE FRAME",)
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed = Fraction(effect.time_scalar)
            if speed > 0:
                return speed, (f"M2   {media.name:<8.8} {float(speed * rate):05.1f} 00:00:00:00",)
    if speed_change(clip):
        raise ValueError(f"{clip.name!r} is {speed_change(clip)}, which an EDL cannot hold")
    return Fraction(1), ()


def _kept_comments(clip: Any) -> tuple[str, ...]:
    kept = [
        f"* {printable(text)}" for text in clip.metadata.get("cmx_3600", {}).get("comments", [])
    ]
    colour = clip.metadata.get("cdl", {})
    if "asc_sop" in colour:
        parts = (colour["asc_sop"][part] for part in ("slope", "offset", "power"))
        kept.append("*ASC_SOP " + "".join(f"({' '.join(map(str, part))})" for part in parts))
        kept.append(f"*ASC_SAT {colour.get('asc_sat', 1.0)}")
    return tuple(kept)


def _lines(
    number: int, event: _Event, channel: str, reels: _Reels, code: _Timecode
) -> Iterator[str]:
    times = " ".join([*map(code.source, event.source), *map(code.record, event.record)])
    reel = reels.name(event.media)
    start = f"{number:03}  {{:8}} {channel:5}"
    if event.kind == "C":
        yield f"{start.format(reel)} C        {times}"
        yield from _names("FROM", event.media)
    else:
        source, record = code.source(event.before[1]), code.record(event.record[0])
        first = reels.name(event.before[0])
        yield f"{start.format(first)} C        {source} {source} {record} {record}"
        yield f"{start.format(reel)} {event.kind:4} {event.length:03} {times}"
        yield from _names("FROM", event.before[0])
        yield from _names("TO", event.media)
    yield from event.comments


def _names(side: str, media: _Media) -> Iterator[str]:
    if media.name:
        yield f"* {side} CLIP NAME: {media.name}"
    if media.url:
        yield f"* {side} CLIP: {printable(media.url)}"


def _locators(timeline: Any, rate: Fraction, code: _Timecode) -> list[tuple[int, str]]:
    """Markers of the timeline, by frame, with their comments."""
    found = []
    for marker in timeline.tracks.markers:
        frame = round(frames_of(marker.marked_range.start_time, rate))
        colour = marker.color or "RED"
        found.append((frame, f"* LOC: {code.record(frame)} {colour:7} {printable(marker.name)}"))
    return sorted(found, key=lambda pair: pair[0])
