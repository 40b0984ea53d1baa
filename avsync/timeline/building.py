"""From a cut list to OpenTimelineIO's model: one track of picture, one of music, markers."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.timeline.clock import to_range, to_time
from avsync.timeline.items import OWN, TICKS_HZ
from avsync.timeline.places import printable, to_url
from avsync.timeline.sources import Source, look_at


def build_timeline(cuts: CutList) -> Any:
    """The OpenTimelineIO timeline of a cut list.

    Every clip is named for its file, and holds its in-point in frames of the timeline's rate; the
    file's own range is in frames of its own. A dissolve is a transition over the cut. Fades of the
    music have no place in OpenTimelineIO's model: they are kept as metadata (and written to
    FCPXML).

    Raises:
        ValueError: there are no shots, or dissolves that no timeline can hold.
    """
    _check(cuts)
    rate = cuts.frame_rate
    timeline = otio.schema.Timeline(printable(cuts.name), global_start_time=to_time(0, rate))
    sources = {path: look_at(path) for path in dict.fromkeys(shot.source for shot in cuts.shots)}
    sizes = Counter(s.size for shot in cuts.shots if (s := sources[shot.source]).size)
    if sizes:
        (width, height), _ = sizes.most_common(1)[0]
        timeline.metadata[OWN] = {"width": width, "height": height}
    picture = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for shot in cuts.shots:
        if shot.dissolve_frames:
            picture.append(_dissolve(shot, rate))
        picture.append(_clip(shot, sources[shot.source], rate))
    timeline.tracks.append(picture)
    if cuts.music is not None:
        sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
        source = look_at(cuts.music.path)
        channels = 1 if source.channels == 1 else 2
        sound.metadata[OWN] = {"channels": channels}
        if channels == 2:  # else Premiere Pro takes it for one channel of two
            sound.metadata["fcp_xml"] = {"@premiereTrackType": "Stereo"}
        sound.append(_music(cuts.music, cuts, source))
        timeline.tracks.append(sound)
    for marker in cuts.markers:
        at = to_range(round(Fraction(marker.time) * rate), 0, rate)
        green = otio.schema.MarkerColor.GREEN
        timeline.tracks.markers.append(
            otio.schema.Marker(printable(marker.name), marked_range=at, color=green)
        )
    return timeline


def _check(cuts: CutList) -> None:
    if not cuts.shots:
        raise ValueError("there are no shots to write: plan at least one")
    if cuts.music is not None and cuts.music.start < 0:
        raise ValueError(
            f"music cannot begin {cuts.music.start:g} s into its file: begin it with the picture"
        )
    following = [*cuts.shots[1:], None]
    for number, (shot, after) in enumerate(zip(cuts.shots, following, strict=True), start=1):
        tail = shot.dissolve_frames - shot.lead_frames
        lead = after.lead_frames if after is not None else 0
        if tail + lead > shot.frames:
            raise ValueError(
                f"shot {number} is {shot.frames} frames long, and the dissolves at its ends take "
                f"{tail + lead} of them: shorten those"
            )
        if shot.source_frame < shot.lead_frames:
            raise ValueError(
                f"shot {number} begins {shot.source_frame} frames into {shot.source}, and its "
                f"dissolve needs {shot.lead_frames} before that: shorten it, or begin later"
            )


def _dissolve(shot: Shot, rate: Fraction) -> Any:
    return otio.schema.Transition(
        name="Cross Dissolve",
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=to_time(shot.lead_frames, rate),
        out_offset=to_time(shot.dissolve_frames - shot.lead_frames, rate),
    )


def _clip(shot: Shot, source: Source, rate: Fraction) -> Any:
    media: dict[str, Any] = {"video": {"samplecharacteristics": _size(source)}}
    if source.channels:
        media["audio"] = {"channelcount": str(source.channels)}
    return otio.schema.Clip(
        printable(shot.source.name),
        media_reference=_reference(shot.source, source, media, rate),
        source_range=to_range(shot.source_frame, shot.frames, rate),
    )


def _music(music: Soundtrack, cuts: CutList, source: Source) -> Any:
    rate = cuts.frame_rate
    start = Fraction(music.start) * rate
    length = Fraction(cuts.frames)
    if source.duration is not None:  # a song may end before the picture does
        length = max(Fraction(1), min(length, Fraction(floor(source.duration * rate - start))))
    media = {"audio": {"channelcount": str(source.channels or 2)}}
    clip = otio.schema.Clip(
        printable(music.path.name),
        media_reference=_reference(music.path, source, media, rate),
        source_range=to_range(start, length, rate),
    )
    first, last = start / rate * TICKS_HZ, (start + length) / rate * TICKS_HZ
    clip.metadata["fcp_xml"] = {
        "pproTicksIn": str(round(first)),
        "pproTicksOut": str(round(last)),
        "sourcetrack": {"mediatype": "audio", "trackindex": "1"},
    }
    clip.metadata[OWN] = {"fade_in_s": music.fade_in, "fade_out_s": music.fade_out}
    return clip


def _reference(path: Path, source: Source, media: dict[str, Any], rate: Fraction) -> Any:
    """A media reference, with the file's length where the file is at hand."""
    own_rate = source.frame_rate or rate
    reference = otio.schema.ExternalReference(to_url(path))
    if source.duration is not None:
        reference.available_range = to_range(0, source.duration * own_rate // 1, own_rate)
    reference.name = printable(path.name)
    reference.metadata["fcp_xml"] = {"media": media}
    return reference


def _size(source: Source) -> dict[str, str]:
    return dict(zip(("width", "height"), map(str, source.size or ()), strict=False))
