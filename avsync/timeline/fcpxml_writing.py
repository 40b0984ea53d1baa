"""Writing FCPXML 1.8, the XML of Final Cut Pro X and later, which DaVinci Resolve reads too.

Our own writer: otio-fcpx-xml-adapter has no transitions, takes frame rates for whole numbers, asks
ffprobe for the size of the picture, and writes documents that break Apple's DTD, by which Final Cut
Pro refuses a whole file. Here, times are exact fractions of seconds; a transition lies over the cut
that its clips meet in; other tracks hang on the main storyline, as the format has it; markers, for
which a sequence has no place, are in the clip that is seen at the time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import opentimelineio as otio

from avsync.timeline.clock import seconds_of
from avsync.timeline.fcpxml_assets import Assets, write_time
from avsync.timeline.fcpxml_reading import KEY
from avsync.timeline.items import OWN, Placed, is_picture, is_sound, placed, speed_change
from avsync.timeline.places import printable

# What comes after connected clips and markers in an item, in the order of the DTD.
_AFTER = {
    *("rating", "keyword", "analysis-marker", "audio-channel-source", "audio-role-source"),
    *("sync-source", "filter-video", "filter-video-mask", "filter-audio", "metadata", "reserved"),
}


@dataclass(frozen=True, slots=True)
class _Written:
    """An item of the main storyline, on which others can hang; in seconds of the timeline."""

    element: Element
    start: Fraction
    end: Fraction
    inside: Fraction
    """its own clock at its start"""


def write_fcpxml(timeline: Any, rate: Fraction) -> str:
    """The FCPXML document of an OpenTimelineIO timeline.

    Raises:
        ValueError: the format, or this writer, cannot hold what is there; the message says what.
    """
    from avsync.timeline.markup import to_text

    return to_text(_Writer(timeline, rate).document(), "fcpxml")


class _Writer:
    def __init__(self, timeline: Any, rate: Fraction) -> None:
        self._timeline, self._rate = timeline, rate
        self._assets = Assets(timeline, rate)
        start = timeline.global_start_time
        self._zero = Fraction(0) if start is None else seconds_of(start)

    def document(self) -> Element:
        main, below, above, sounds = _order(self._timeline)
        spine = Element("spine")
        story = list(self._story(main, spine))
        lanes = [*enumerate(above, 1), *((-number, track) for number, track in enumerate(below, 1))]
        lanes += [(-number, track) for number, track in enumerate(sounds, len(below) + 1)]
        for lane, track in lanes:
            self._connect(track, lane, story)
        for marker in self._timeline.tracks.markers:
            self._mark(marker, seconds_of(marker.marked_range.start_time), story)
        root = Element("fcpxml", version=self._assets.version)
        root.append(self._assets.resources)
        event = SubElement(SubElement(root, "library"), "event", name=self._name(self._timeline))
        project = SubElement(event, "project", name=self._name(self._timeline))
        project.append(self._sequence(spine, story[-1].end if story else Fraction(0)))
        return root

    def _sequence(self, spine: Element, length: Fraction) -> Element:
        kept = self._timeline.metadata.get(KEY, {}).get("sequence")
        if kept:
            sequence = ElementTree.fromstring(kept)
        else:
            sequence = Element("sequence", tcFormat="NDF", audioLayout="stereo", audioRate="48k")
        sequence.set("format", self._assets.sequence_format)
        sequence.set("tcStart", write_time(self._zero))
        sequence.set("duration", write_time(length))
        note = sequence.find("note")
        sequence.insert(0 if note is None else 1, spine)
        return sequence

    def _story(self, track: Any, spine: Element) -> Iterator[_Written]:
        """Fill a storyline with a track."""
        places = placed(track, self._rate)
        for place in places:
            if place.head is not None:
                spine.append(self._transition(place.head, place.start, self._zero))
            written = self._item(place, True)
            written.element.set("offset", write_time(self._zero + written.start))
            spine.append(written.element)
            self._own_markers(place, written)
            yield written
        if places and places[-1].tail is not None:
            spine.append(self._transition(places[-1].tail, places[-1].end, self._zero))

    def _connect(self, track: Any, lane: int, story: list[_Written]) -> None:
        """Hang a track's clips on the main storyline, those with transitions as one storyline."""
        for group in _groups(placed(track, self._rate)):
            start = group[0].start / self._rate
            items = [self._item(place, is_picture(track)) for place in group]
            for place, item in zip(group, items, strict=True):
                self._own_markers(place, item)
            alone = len(group) == 1 and "story" not in group[0].item.metadata.get(KEY, {})
            if alone and group[0].head is group[0].tail is None:
                self._hang(items[0].element, start, lane, story)
                continue
            spine = Element("spine")
            for place, item in zip(group, items, strict=True):
                if place.head is not None:
                    spine.append(self._transition(place.head, place.start, -start))
                item.element.set("offset", write_time(item.start - start))
                item.element.attrib.pop("lane", None)
                spine.append(item.element)
            if group[-1].tail is not None:
                spine.append(self._transition(group[-1].tail, group[-1].end, -start))
            self._hang(spine, start, lane, story)

    def _hang(self, element: Element, start: Fraction, lane: int, story: list[_Written]) -> None:
        if not story:
            raise ValueError("there is nothing on the first track of picture to connect clips to")
        under = _under(start, story) or story[-1]
        element.set("lane", str(lane))
        element.set("offset", write_time(under.inside + start - under.start))
        _insert(under.element, element, before_markers=True)

    def _item(self, place: Placed, seen: bool) -> _Written:
        item = place.item
        shown = item.trimmed_range()
        kept = item.metadata.get(KEY, {}).get("xml")
        if kept:
            element = ElementTree.fromstring(kept)
        elif isinstance(item, otio.schema.Gap) or _is_black(item):
            element = Element("gap", name="Gap")
        elif isinstance(item, otio.schema.Clip) and not speed_change(item):
            element = self._clip(item, seen)
        else:
            what = speed_change(item) or f"a nested {item.schema_name().lower()}"
            raise ValueError(f"{item.name!r} is {what}, which cannot be written to FCPXML here")
        start, end = place.start / self._rate, place.end / self._rate
        inside = seconds_of(shown.start_time)
        element.set("offset", write_time(start))
        element.set("start", write_time(inside))
        element.set("duration", write_time(end - start))
        return _Written(element, start, end, inside)

    def _clip(self, clip: Any, seen: bool) -> Element:
        asset = self._assets.asset(clip)
        element = Element("asset-clip", name=self._name(clip), ref=asset)
        element.set("srcEnable", "video" if seen else "audio")
        if not seen:
            element.set("audioRole", "music")
        if not clip.enabled:
            element.set("enabled", "0")
        own_rate = self._assets.conformed(clip) if seen else None
        if own_rate:
            SubElement(element, "conform-rate", scaleEnabled="0", srcFrameRate=own_rate)
        self._fade(element, clip)
        return element

    def _fade(self, element: Element, clip: Any) -> None:
        own = clip.metadata.get(OWN, {})
        fades = {tag: own.get(key, 0) for tag, key in _FADES.items()}
        if any(fades.values()):
            volume = SubElement(element, "adjust-volume")
            amount = SubElement(volume, "param", name="amount")
            for tag, seconds in fades.items():
                if seconds:
                    length = write_time(Fraction(seconds).limit_denominator(48_000))
                    SubElement(amount, tag, type="linear", duration=length)

    def _transition(self, transition: Any, cut: Fraction, zero: Fraction) -> Element:
        kept = transition.metadata.get(KEY, {}).get("xml")
        if kept:
            element = ElementTree.fromstring(kept)
        else:
            element = Element("transition", name="Cross Dissolve")
            effect = self._assets.dissolve()
            SubElement(element, "filter-video", ref=effect, name="Cross Dissolve")
        lead, tail = (seconds_of(time) for time in (transition.in_offset, transition.out_offset))
        element.set("offset", write_time(zero + cut / self._rate - lead))
        element.set("duration", write_time(lead + tail))
        return element

    def _own_markers(self, place: Placed, written: _Written) -> None:
        for marker in place.item.markers:
            at = seconds_of(marker.marked_range.start_time) - written.inside + written.start
            self._mark(marker, at, [written])

    def _mark(self, marker: Any, at: Fraction, story: list[_Written]) -> None:
        """Put a marker into the item that is seen at a time; where nothing is, it has no place."""
        under = _under(at, story)
        if under is None:
            return
        kept = marker.metadata.get(KEY, {}).get("xml")
        if kept:
            element = ElementTree.fromstring(kept)
        else:
            at = round(at * self._rate) / self._rate
            length = write_time(1 / self._rate)
            element = Element("marker", duration=length, value=printable(marker.name))
        element.set("start", write_time(under.inside + at - under.start))
        _insert(under.element, element, before_markers=False)

    @staticmethod
    def _name(thing: Any) -> str:
        return printable(thing.name) or "untitled"


def _under(at: Fraction, story: list[_Written]) -> _Written | None:
    """The item that is seen at a time; they stand end to end."""
    index = bisect_right(story, at, key=lambda item: item.start) - 1
    return story[index] if index >= 0 and at < story[index].end else None


_FADES = {"fadeIn": "fade_in_s", "fadeOut": "fade_out_s"}


def _order(timeline: Any) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """The main storyline, the tracks of picture from it down and up, and those of sound."""
    for track in timeline.tracks:
        if not isinstance(track, otio.schema.Track):
            raise ValueError(f"{track.name!r} is nested; FCPXML needs tracks: flatten it first")
    seen = [track for track in timeline.tracks if is_picture(track) and track.enabled]
    sounds = [track for track in timeline.tracks if is_sound(track) and track.enabled]
    if not any(map(len, seen)):
        raise ValueError("there is no picture, and FCPXML hangs everything on it")
    told = [track for track in seen if track.metadata.get(KEY, {}).get("lane") == 0]
    main = (told or [track for track in seen if len(track)])[0]
    at = seen.index(main)
    return main, seen[:at][::-1], seen[at + 1 :], sounds


def _groups(places: list[Placed]) -> Iterator[list[Placed]]:
    """What transitions join, or a connected storyline did; the rest apart, without the gaps."""
    group: list[Placed] = []
    story = None
    for place in places:
        own = place.item.metadata.get(KEY, {}).get("story")
        if group and place.head is None and (own is None or own != story):
            yield group
            group = []
        if not isinstance(place.item, otio.schema.Gap) or place.head is not None or own:
            group.append(place)
        story = own
    if group:
        yield group


def _is_black(item: Any) -> bool:
    return isinstance(getattr(item, "media_reference", None), otio.schema.GeneratorReference)


def _insert(parent: Element, child: Element, *, before_markers: bool) -> None:
    """Put a child where the DTD has it: connected clips, then markers, then filters."""
    stop = _AFTER | {"marker", "chapter-marker"} if before_markers else _AFTER
    at = next((index for index, item in enumerate(parent) if item.tag in stop), len(parent))
    parent.insert(at, child)
