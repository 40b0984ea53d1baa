"""Recordings of one event as a timeline: each on tracks of its own, at its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.timeline.clock import to_range, to_time
from avsync.timeline.files import save_timeline
from avsync.timeline.items import OWN
from avsync.timeline.places import printable, to_url
from avsync.timeline.sources import Source, look_at

_SOUND_RATE = Fraction(25)  # of a timeline without any picture
_NOTICED_S = 0.001  # seconds of drift over a recording from which on its speed is changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A recording in its place."""

    path: Path
    offset_s: float
    """where it begins on the first one's clock"""
    drift_ppm: float
    """by how many millionths its seconds are longer than the first one's"""
    confidence: float


def write_multitrack(recordings: Sequence[Laid], path: str | os.PathLike[str]) -> None:
    """Write an OpenTimelineIO file with a track for the picture and one for the sound of each.

    The timeline begins where the earliest recording does, at the frame rate of the first that has a
    picture. Places are kept finer than frames. A clock that drifts by a millisecond or more over
    the recording is a `LinearTimeWarp`; offset, drift and confidence are metadata of the clips.

    Raises:
        ValueError: nothing to write, or another extension than .otio.
        OSError: the file cannot be written.
    """
    if not recordings:
        raise ValueError("there are no recordings to write")
    if Path(path).suffix.lower() != ".otio":
        raise ValueError(f"{os.fspath(path)}: recordings are written as .otio")
    sources = [look_at(recording.path) for recording in recordings]
    rates = (source.frame_rate for source in sources if source.frame_rate is not None)
    rate = next(rates, _SOUND_RATE)
    timeline = otio.schema.Timeline("recordings", global_start_time=to_time(0, rate))
    begin = min(Fraction(recording.offset_s) for recording in recordings)
    pictures: list[Any] = []
    sounds: list[Any] = []
    for number, (recording, source) in enumerate(zip(recordings, sources, strict=True), start=1):
        for kind, tracks, there in (
            (otio.schema.TrackKind.Video, pictures, source.frame_rate is not None),
            (otio.schema.TrackKind.Audio, sounds, source.channels > 0),
        ):
            if there:
                name = f"{kind[0]}{number}"
                tracks.append(_track(name, kind, recording, source, begin, rate))
    timeline.tracks.extend([*pictures, *sounds])
    save_timeline(timeline, path, rate)


def _track(
    name: str, kind: str, recording: Laid, source: Source, begin: Fraction, rate: Fraction
) -> Any:
    track = otio.schema.Track(name, kind=kind)
    before = (Fraction(recording.offset_s) - begin) * rate
    if before:
        track.append(otio.schema.Gap(source_range=to_range(0, before, rate)))
    stretch = 1 + Fraction(recording.drift_ppm) / 10**6
    seconds = source.duration or Fraction(0)
    warped = abs(float(seconds * (stretch - 1))) >= _NOTICED_S
    reference = otio.schema.ExternalReference(to_url(recording.path))
    own_rate = source.frame_rate or rate
    reference.available_range = to_range(0, seconds * own_rate, own_rate)
    reference.name = printable(recording.path.name)
    clip = otio.schema.Clip(
        printable(recording.path.name),
        media_reference=reference,
        source_range=to_range(0, seconds * (stretch if warped else 1) * rate, rate),
    )
    if warped:
        clip.effects.append(otio.schema.LinearTimeWarp("drift", time_scalar=float(1 / stretch)))
    clip.metadata[OWN] = {
        "offset_s": recording.offset_s,
        "drift_ppm": recording.drift_ppm,
        "confidence": recording.confidence,
    }
    track.append(clip)
    return track
