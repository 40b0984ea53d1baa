"""Final Cut Pro 7 XML (xmeml), which Premiere Pro and DaVinci Resolve read and write too.

Read and written by otio-fcp-adapter. What is put right around it: it takes two like clips for one
and loses the second; it crashes on media of unknown length; without a start time it counts one
frame a second; it writes clip times and lengths in whatever rate they are in; a marker without
length ends where the format wants -1; there is no DOCTYPE, by which programs know the format.
"""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio

from avsync.timeline.clock import exact_rate, frames_of, seconds_of, to_range, to_time
from avsync.timeline.items import clips, extents, size_of, url_of
from avsync.timeline.markup import to_text

KEY = "fcp_xml"
"""The adapter's key in OpenTimelineIO's metadata."""


def read_fcp7(text: str) -> Any:
    """The OpenTimelineIO timeline, or collection of several, in a Final Cut Pro 7 XML file."""
    found = otio.adapters.read_from_string(text, "fcp_xml")
    for timeline in [found] if isinstance(found, otio.schema.Timeline) else found:
        rate = timeline.metadata.get(KEY, {}).get("rate", {})
        if timeline.global_start_time is None and "timebase" in rate:
            nominal = Fraction(rate["timebase"])
            ntsc = str(rate.get("ntsc")).upper() == "TRUE"
            exact = nominal * 1000 / 1001 if ntsc else nominal
            timeline.global_start_time = to_time(0, exact)
    return found


def write_fcp7(timeline: Any, rate: Fraction) -> str:
    """The Final Cut Pro 7 XML of an OpenTimelineIO timeline.

    Raises:
        ValueError: the format cannot hold what is there.
    """
    prepared = _prepared(timeline, rate)
    root = ElementTree.fromstring(otio.adapters.write_to_string(prepared, "fcp_xml"))
    for marker in root.iter("marker"):
        begin, end = marker.find("in"), marker.find("out")
        if begin is not None and end is not None and begin.text == end.text:
            end.text = "-1"
    for item in root.iter("clipitem"):
        for again in item.findall("rate")[1:]:
            item.remove(again)
    length = root.find("./project/children/sequence/duration")
    if length is not None:
        length.text = str(round(frames_of(timeline.duration(), rate)))
    return to_text(root, "xmeml")


def _prepared(timeline: Any, rate: Fraction) -> Any:
    """A copy that the adapter writes as it is meant."""
    prepared = copy.deepcopy(timeline)
    start = prepared.global_start_time
    prepared.global_start_time = to_time(0 if start is None else frames_of(start, rate), rate)
    for track in prepared.find_children(descended_from_type=otio.schema.Track):
        _align_fades(track, rate)
    known = extents(prepared)
    _set_format(prepared, rate)
    _mark_apart(prepared)
    for clip in clips(prepared):
        _prepare(clip, known, rate)
    for marker in prepared.tracks.markers:
        _rescale(marker, rate)
    return prepared


def _align_fades(track: Any, rate: Fraction) -> None:
    """Let a clip that fades from or to nothing reach as far as it is seen, as the format has it.

    The adapter writes other fades as if two clips met there, and loses half of each on reading.
    """
    children = [None, *track, None]
    for before, item, after in zip(children, children[1:], children[2:], strict=False):
        if not isinstance(item, otio.schema.Transition):
            continue
        lead, tail = frames_of(item.in_offset, rate), frames_of(item.out_offset, rate)
        whole = to_time(lead + tail, rate)
        if before is None or isinstance(before, otio.schema.Gap):
            _reach(after, -lead, Fraction(0), rate)
            _reach(before, Fraction(0), -lead, rate)
            item.in_offset, item.out_offset = to_time(0, rate), whole
        elif after is None or isinstance(after, otio.schema.Gap):
            _reach(before, Fraction(0), tail, rate)
            _reach(after, tail, Fraction(0), rate)
            item.in_offset, item.out_offset = whole, to_time(0, rate)


def _reach(item: Any | None, head: Fraction, tail: Fraction, rate: Fraction) -> None:
    """Move an item's ends by so many frames of the timeline."""
    if item is None:
        return
    shown = item.trimmed_range()
    start = frames_of(shown.start_time, rate)
    start += Fraction(0) if isinstance(item, otio.schema.Gap) else head
    item.source_range = to_range(start, frames_of(shown.duration, rate) + tail - head, rate)


def _set_format(timeline: Any, rate: Fraction) -> None:
    size = size_of(timeline)
    if size is None or KEY in timeline.metadata:  # it was read, with what it had
        return
    nominal = -int(-rate // 1)
    shape = {
        "width": str(size[0]),
        "height": str(size[1]),
        "rate": {"timebase": str(nominal), "ntsc": "FALSE" if rate == nominal else "TRUE"},
    }
    video = {"format": {"samplecharacteristics": shape}}
    timeline.metadata[KEY] = {"media": {"video": video}}


def _mark_apart(timeline: Any) -> None:
    taken = {clip.metadata.get(KEY, {}).get("@id") for clip in clips(timeline)}
    free = (f"clipitem-{number}" for number in range(1, 10**9))
    fresh = (name for name in free if name not in taken)
    seen: set[str] = set()
    for clip in clips(timeline):
        own = dict(clip.metadata.get(KEY, {}))
        if own.get("@id") in seen or "@id" not in own:
            own["@id"] = next(fresh)
        seen.add(own["@id"])
        clip.metadata[KEY] = own


def _prepare(clip: Any, known: dict[str, tuple[Fraction, Fraction]], rate: Fraction) -> None:
    if clip.source_range is None:
        clip.source_range = clip.trimmed_range()
    own_rate = exact_rate(clip.source_range.start_time.rate)
    shown = clip.source_range
    start, length = (frames_of(time, own_rate) for time in (shown.start_time, shown.duration))
    clip.source_range = to_range(start, length, own_rate)  # both in one rate
    reference = clip.media_reference
    url = url_of(clip)
    if reference is not None and url:
        file = reference.available_range
        media_rate = exact_rate(file.start_time.rate) if file is not None else rate
        start, end = (time * media_rate for time in known[url])
        first = frames_of(file.start_time, media_rate) if file is not None else start // 1
        reference.available_range = to_range(first, -(-(end - first) // 1), media_rate)
    for marker in clip.markers:
        _rescale(marker, own_rate)


def _rescale(marker: Any, rate: Fraction) -> None:
    marked = marker.marked_range
    start, length = (seconds_of(time) * rate for time in (marked.start_time, marked.duration))
    marker.marked_range = to_range(round(start), round(length), rate)
