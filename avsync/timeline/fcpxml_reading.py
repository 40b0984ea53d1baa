"""Reading FCPXML, the XML of Final Cut Pro X and later.

Our own reader: otio-fcpx-xml-adapter takes frame rates for whole numbers (23.976 becomes 23), cuts
times off to frames, knows no transitions, and mistakes the order of connected clips.

Times in FCPXML are exact fractions of seconds, and so they stay. A project's main storyline becomes
a track, each lane of connected clips another. What OpenTimelineIO has no word for is kept with each
item as the XML it was, for `avsync.timeline.fcpxml_writing` to write again. Markers are put on the
timeline, where they are seen, and not into clips.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import opentimelineio as otio

from avsync.timeline.clock import seconds_of, to_range, to_time
from avsync.timeline.items import OWN

KEY = "fcpxml"
"""Our key in OpenTimelineIO's metadata for what is kept of the XML."""

STORIES = ("asset-clip", "clip", "video", "audio", "ref-clip", "sync-clip", "mc-clip", "title")
MARKERS = ("marker", "chapter-marker")
_TIME = re.compile(r"(-?\d+)(?:/(\d+))?s")


def read_fcpxml(root: Element) -> Any:
    """The OpenTimelineIO timeline of an FCPXML document, or a collection of its several projects.

    Raises:
        ValueError: it has no project, or something in it cannot be read.
    """
    projects = list(root.iter("project"))
    if not projects:
        raise ValueError("there is no project in it: export a project, not clips or an event")
    timelines = [_Project(root, project).timeline() for project in projects]
    if len(timelines) == 1:
        return timelines[0]
    return otio.schema.SerializableCollection(name="projects", children=timelines)


def time_of(element: Element, name: str, missing: Fraction | None = None) -> Fraction:
    """A time in an attribute, in seconds.

    Raises:
        ValueError: it is missing and has no default, or is no time.
    """
    text = element.get(name)
    if text is None:
        if missing is None:
            raise ValueError(f"a {element.tag} has no {name}")
        return missing
    match = _TIME.fullmatch(text.strip())
    if not match or (match[2] and not int(match[2])):
        raise ValueError(f"{name}={text!r} of a {element.tag} is no time such as 1001/24000s")
    return Fraction(int(match[1]), int(match[2] or 1))


def source_url(asset: Element) -> str:
    """Where an asset's file is: an attribute up to version 1.8, elements from 1.9 on."""
    files = {file.get("kind", "original-media"): file for file in asset.iterfind("media-rep")}
    file = files.get("original-media", next(iter(files.values()), asset))
    return file.get("src", "")


class _Project:
    """One project and what it refers to."""

    def __init__(self, root: Element, project: Element) -> None:
        sequence = project.find("sequence")
        spine = None if sequence is None else sequence.find("spine")
        if sequence is None or spine is None:
            raise ValueError(f"the project {project.get('name', '')!r} has no storyline")
        self._root, self._project, self._sequence, self._spine = root, project, sequence, spine
        self._resources = {item.get("id", ""): item for item in root.iterfind("resources/*")}
        form = self._resources.get(sequence.get("format", ""))
        if form is None or form.get("frameDuration") is None:
            raise ValueError("its sequence does not say how long a frame is (frameDuration)")
        self._form = form
        self._rate = 1 / time_of(form, "frameDuration")
        self._markers: list[Any] = []
        self._stories = 0
        self._lanes: dict[tuple[int, bool], list[tuple[Fraction, list[Any]]]] = {}

    def timeline(self) -> Any:
        start = time_of(self._sequence, "tcStart", Fraction(0))
        timeline = otio.schema.Timeline(
            self._project.get("name", ""), global_start_time=to_time(start * self._rate, self._rate)
        )
        main = otio.schema.Track("storyline", kind=otio.schema.TrackKind.Video)
        main.metadata[KEY] = {"lane": 0}
        main.extend(self._story(self._spine, Fraction(0), start))
        timeline.tracks.append(main)
        for (lane, sound), groups in sorted(self._lanes.items()):
            for track in _tracks(lane, sound, groups, self._rate):
                below = lane < 0 and not sound  # the order of a stack is from below
                timeline.tracks.insert(0 if below else len(timeline.tracks), track)
        timeline.tracks.markers.extend(self._markers)
        kept = copy.copy(self._sequence)
        kept[:] = [child for child in self._sequence if child.tag != "spine"]
        timeline.metadata[KEY] = {
            "version": self._root.get("version", ""),
            "resources": [_text(item) for item in self._resources.values()],
            "sequence": _text(kept),
        }
        if self._form.get("width") and self._form.get("height"):
            shape = {name: int(self._form.get(name, "0")) for name in ("width", "height")}
            timeline.metadata[OWN] = shape
        return timeline

    def _story(self, spine: Element, at: Fraction, zero: Fraction) -> Iterator[Any]:
        """The items of a storyline that begins `at` seconds, its offsets counting from `zero`."""
        end = at
        for element in map(_active, spine):
            if element.tag == "transition":
                length = time_of(element, "duration")
                start = at + time_of(element, "offset", end - at - length / 2 + zero) - zero
                yield self._transition(element, end - start, length)
            elif element.tag == "gap" or element.tag in STORIES:
                start = at + time_of(element, "offset", end - at + zero) - zero
                if start > end:  # it should not be, but it is what is meant
                    hole = otio.schema.Gap(source_range=self._range(Fraction(0), start - end))
                    hole.metadata[KEY] = {"picture": False}
                    yield hole
                yield self._item(element)
                self._anchored(element, start)
                end = start + self._length(element)

    def _anchored(self, parent: Element, at: Fraction) -> None:
        """Keep what hangs on an item that begins `at` seconds: markers and connected clips."""
        inside = self._start(parent)
        for child in parent:
            element = _active(child)
            if element.tag in MARKERS:
                when = at + time_of(element, "start") - inside
                self._markers.append(self._marker(element, when))
            elif self._is_connected(child, parent):
                when = at + time_of(child, "offset", inside) - inside
                lane = int(child.get("lane", "0"))
                if element.tag == "spine":
                    group = list(self._story(element, when, Fraction(0)))
                    sound = not any(_shows(item) for item in group)
                    self._stories += 1
                    for item in group:
                        item.metadata[KEY]["story"] = self._stories
                else:
                    group, sound = [self._item(element)], not self._is_seen(element)
                    self._anchored(element, when)
                self._lanes.setdefault((lane, sound), []).append((when, group))

    def _item(self, element: Element) -> Any:
        kept = copy.copy(element)
        kept[:] = [
            child
            for child in element
            if child.tag not in MARKERS and not self._is_connected(child, element)
        ]
        start, length = self._start(element), self._length(element)
        if element.tag == "gap":
            item = otio.schema.Gap(source_range=self._range(start, length))
        else:
            item = otio.schema.Clip(
                element.get("name", ""),
                media_reference=self._media(element),
                source_range=self._range(start, length),
            )
            if element.find("timeMap") is not None:
                item.effects.append(otio.schema.TimeEffect(name="retimed", effect_name="timeMap"))
            if element.get("enabled") == "0":
                item.enabled = False
        item.metadata[KEY] = {"xml": _text(kept), "picture": self._is_seen(element)}
        return item

    def _is_connected(self, child: Element, parent: Element) -> bool:
        """Whether something hangs on an item, rather than being what it consists of."""
        if parent.tag == "sync-clip" or not child.get("lane", "").lstrip("-").isdigit():
            return False
        inner = _active(child)
        return inner.tag == "spine" or inner.tag in STORIES  # captions are kept as they are

    def _start(self, element: Element) -> Fraction:
        asset = self._resources.get(element.get("ref", ""))
        first = Fraction(0)
        if element.tag == "asset-clip" and asset is not None:
            first = time_of(asset, "start", first)
        return time_of(element, "start", first)

    def _length(self, element: Element) -> Fraction:
        asset = self._resources.get(element.get("ref", ""))
        whole = None if asset is None else time_of(asset, "duration", Fraction(0))
        return time_of(element, "duration", whole)

    def _media(self, element: Element) -> Any:
        """The file that an element shows, its range on the clock of the element's `start`."""
        inner, shift = element, Fraction(0)
        if element.tag == "clip":
            media = [child for child in element if child.tag in ("video", "audio")]
            media += [child for child in element.iter() if child.tag in ("video", "audio")]
            if not media:
                return otio.schema.MissingReference()
            inner = media[0]
        asset = self._resources.get(inner.get("ref", ""))
        if asset is None or asset.tag != "asset":
            return otio.schema.MissingReference()
        first = time_of(asset, "start", Fraction(0))
        if inner is not element:  # what it plays at its offset is its start
            shift = time_of(inner, "offset", Fraction(0)) - time_of(inner, "start", first)
        length = time_of(asset, "duration", Fraction(0))
        known = self._range(first + shift, length) if length else None
        reference = otio.schema.ExternalReference(source_url(asset), available_range=known)
        reference.name = asset.get("name", "")
        return reference

    def _transition(self, element: Element, lead: Fraction, length: Fraction) -> Any:
        rate = self._rate
        transition = otio.schema.Transition(
            name=element.get("name", ""),
            transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve
            if "dissolve" in element.get("name", "cross dissolve").lower()
            else otio.schema.TransitionTypes.Custom,
            in_offset=to_time(lead * rate, rate),
            out_offset=to_time((length - lead) * rate, rate),
        )
        transition.metadata[KEY] = {"xml": _text(element)}
        return transition

    def _marker(self, element: Element, at: Fraction) -> Any:
        marker = otio.schema.Marker(
            element.get("value", ""), marked_range=self._range(at, Fraction(0))
        )
        marker.metadata[KEY] = {"xml": _text(element)}
        return marker

    def _range(self, start: Fraction, length: Fraction) -> Any:
        return to_range(start * self._rate, length * self._rate, self._rate)

    def _is_seen(self, element: Element) -> bool:
        if element.get("srcEnable") == "audio" or element.tag == "audio":
            return False
        if element.tag == "clip":
            return next(element.iter("video"), None) is not None
        asset = self._resources.get(element.get("ref", ""))
        return asset is None or asset.tag != "asset" or asset.get("hasVideo") == "1"


def _tracks(
    lane: int, sound: bool, groups: list[tuple[Fraction, list[Any]]], rate: Fraction
) -> Iterator[Any]:
    """The tracks that a lane needs: more than one where its clips overlap."""
    tracks: list[tuple[Any, Fraction]] = []
    for at, items in sorted(groups, key=lambda group: group[0]):
        spare = [i for i, (_, end) in enumerate(tracks) if end <= at]
        if not spare:
            kind = otio.schema.TrackKind.Audio if sound else otio.schema.TrackKind.Video
            track = otio.schema.Track(f"lane {lane}", kind=kind)
            track.metadata[KEY] = {"lane": lane}
            tracks.append((track, Fraction(0)))
            spare = [len(tracks) - 1]
        track, end = tracks[spare[0]]
        if at > end:
            track.append(otio.schema.Gap(source_range=to_range(0, (at - end) * rate, rate)))
        track.extend(items)
        tracks[spare[0]] = (track, at + _seconds(items, rate))
    yield from (track for track, _ in tracks)


def _seconds(items: list[Any], rate: Fraction) -> Fraction:
    lasting = [item for item in items if not isinstance(item, otio.schema.Transition)]
    return sum((seconds_of(item.source_range.duration) for item in lasting), Fraction(0))


def _active(element: Element) -> Element:
    """An audition's choice: its first clip."""
    return element[0] if element.tag == "audition" and len(element) else element


def _shows(item: Any) -> bool:
    return bool(item.metadata.get(KEY, {}).get("picture"))


def _text(element: Element) -> str:
    bare = copy.copy(element)
    bare.tail = None
    return ElementTree.tostring(bare, encoding="unicode").strip()
