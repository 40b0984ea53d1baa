"""From OpenTimelineIO's model to a cut list, and what a cut list cannot hold."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.cutlist import CutList, Marker, Shot, Soundtrack
from avsync.timeline.clock import frames_of, seconds_of
from avsync.timeline.items import (
    OWN,
    Placed,
    in_point,
    is_picture,
    is_sound,
    media_start,
    placed,
    rate_of,
    speed_change,
    url_of,
)
from avsync.timeline.places import to_path

_KINDS = ("", otio.schema.TransitionTypes.SMPTE_Dissolve)


def flatten(timeline: Any, folder: Path) -> CutList:
    """The cut list of a timeline: its shots, the music under them, its markers.

    A cut list's dissolves are centred on their cuts. Where a timeline's are not, the cut is taken
    to be in the middle: the same picture is seen in every frame.

    Sound that belongs to the picture (a clip of a file that is also seen) is left out: how loud it
    is to be is said when a cut list is rendered. What else is on audio tracks is music.

    Args:
        timeline: as OpenTimelineIO has it.
        folder: where relative paths start.

    Raises:
        ValueError: a cut list cannot hold what is there; the message says what, and where.
    """
    rate = rate_of(timeline)
    tracks = [track for track in timeline.tracks if not is_sound(track)]
    for track in tracks:
        if not is_picture(track):
            raise ValueError(f"{track.name or track.schema_name()!r} is nested: flatten it first")
    seen = [track for track in tracks if track.enabled and len(track)]
    if not seen:
        raise ValueError("there is no clip on a video track")
    if len(seen) > 1:
        names = ", ".join(repr(track.name) for track in seen)
        raise ValueError(f"a cut list has one track of picture; there are {len(seen)}: {names}")
    picture = placed(seen[0], rate)
    _check(picture, rate)
    shots = _shots(picture, rate, folder)
    sources = {shot.source for shot in shots}
    return CutList(
        tuple(shots),
        rate,
        _music(timeline, rate, folder, sources, picture[-1].end),
        _markers(timeline, picture, rate),
        timeline.name or CutList((), rate).name,
    )


def _check(picture: Sequence[Placed], rate: Fraction) -> None:
    for place in picture:
        at = f"at {float(place.start / rate):.2f} s (frame {round(place.start)})"
        item = place.item
        what = speed_change(item)
        if isinstance(item, otio.schema.Gap):
            what = f"a gap of {round(place.end - place.start)} frames"
        elif not isinstance(item, otio.schema.Clip):
            what = f"the nested {item.schema_name().lower()} {item.name!r}"
        elif isinstance(item.media_reference, otio.schema.GeneratorReference):
            what = f"generated picture ({item.media_reference.generator_kind})"
        elif not item.enabled:
            what = f"{item.name!r}, switched off"
        elif what:
            what = f"{item.name!r}, {what}"
        for transition in (place.head, place.tail):
            kind = transition.transition_type if transition is not None else ""
            if kind not in _KINDS:
                what = f"the transition {kind}"
        if what:
            raise ValueError(f"{at} is {what}; a cut list holds clips and dissolves, end to end")
    ends = (picture[0].start, picture[0].head, picture[-1].tail)
    if any(ends):
        raise ValueError("it begins late, or fades in or out; a cut list's picture does not")


def _shots(picture: Sequence[Placed], rate: Fraction, folder: Path) -> list[Shot]:
    cuts, dissolves = [0], [0]
    for place in picture[1:]:
        cut, length = round(place.start), 0
        if place.head is not None:
            first = round(place.start - frames_of(place.head.in_offset, rate))
            length = round(place.start + frames_of(place.head.out_offset, rate)) - first
            cut = first + length // 2
        cuts.append(cut)
        dissolves.append(length)
    ends = [*cuts[1:], round(picture[-1].end)]
    shots = []
    for place, cut, end, length in zip(picture, cuts, ends, dissolves, strict=True):
        inside = place.item.trimmed_range().start_time
        start = frames_of(inside, rate) - media_start(place.item) * rate + cut - place.start
        path = _path(place.item, folder)
        try:
            shots.append(Shot(path, round(start), end - cut, length))
        except ValueError as error:
            raise ValueError(f"at frame {cut}, {place.item.name!r}: {error}") from None
    return shots


def _path(clip: Any, folder: Path) -> Path:
    url = url_of(clip)
    path = to_path(url, folder)
    if path is not None:
        return path
    if url:
        raise ValueError(f"{clip.name!r} is at {url}; a cut list holds files: download it first")
    if not clip.name:
        raise ValueError("a clip has neither a file nor a name: relink it, and export once more")
    return folder / str(clip.name)  # all that an EDL may say of it


def _music(
    timeline: Any, rate: Fraction, folder: Path, sources: set[Path], end: Fraction
) -> Soundtrack | None:
    found: dict[tuple[Path, Fraction, Fraction], Placed] = {}
    for track in timeline.tracks:
        for place in placed(track, rate) if is_sound(track) and track.enabled else ():
            if not isinstance(place.item, otio.schema.Clip) or not place.item.enabled:
                continue
            path = _path(place.item, folder)
            if path not in sources:  # two tracks may hold the two channels of one song
                start = seconds_of(place.item.trimmed_range().start_time)
                found.setdefault((path, place.start, start), place)
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted({path.name for path, _, _ in found}))
        raise ValueError(f"a cut list has one piece of music; there are {len(found)}: {names}")
    (path, at, _), place = next(iter(found.items()))
    if round(at):
        raise ValueError(f"the music begins at frame {round(at)}; a cut list's begins with it")
    if speed_change(place.item):
        raise ValueError(f"the music is {speed_change(place.item)}; a cut list cannot hold that")
    own = place.item.metadata.get(OWN, {})
    fades = (float(own.get(key, 0.0)) for key in ("fade_in_s", "fade_out_s"))
    start = in_point(place.item, rate)
    if start < 0:
        raise ValueError(f"the music begins {float(-start):.3f} s before its file does")
    return Soundtrack(path, float(start), *fades)


def _markers(timeline: Any, picture: Sequence[Placed], rate: Fraction) -> tuple[Marker, ...]:
    """Those of the timeline, and those of its clips where they are seen."""
    found = [
        (frames_of(marker.marked_range.start_time, rate), marker.name)
        for marker in timeline.tracks.markers
    ]
    for place in picture:
        inside = frames_of(place.item.trimmed_range().start_time, rate)
        for marker in place.item.markers:
            at = frames_of(marker.marked_range.start_time, rate) - inside + place.start
            if place.start <= at < place.end:
                found.append((at, marker.name))
    found.sort(key=lambda pair: pair[0])
    return tuple(Marker(float(at / rate), name) for at, name in found)
