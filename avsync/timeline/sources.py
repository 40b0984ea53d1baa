"""What is known of the files that a timeline shows: their length, rate, size and sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from avsync.errors import MediaError
from avsync.media import probe
from avsync.timeline.clock import exact_rate


@dataclass(frozen=True, slots=True)
class Source:
    """A media file, as far as it could be looked at; what is not known is None."""

    duration: Fraction | None = None
    """seconds"""
    frame_rate: Fraction | None = None
    """frames per second of the picture"""
    size: tuple[int, int] | None = None
    """width and height of the picture as shown, in pixels"""
    channels: int = 0
    """of its sound; 0 where there is none"""
    rate_hz: int | None = None
    """of its sound"""


def look_at(path: Path) -> Source:
    """The facts of a file, none where it cannot be read: a timeline may name what is elsewhere."""
    try:
        info = probe(path)
    except OSError:
        return Source()
    sound = info.audio[0] if info.audio else None
    picture = info.video[0] if info.video else None
    seconds = info.duration if picture is None else picture.duration or info.duration
    rate = None if picture is None else picture.frame_rate
    return Source(
        None if seconds is None else Fraction(seconds).limit_denominator(10**6),
        None if rate is None else exact_rate(float(rate)),
        None if picture is None else _size(path),
        0 if sound is None else sound.channels or 2,
        None if sound is None else sound.rate_hz,
    )


def _size(path: Path) -> tuple[int, int] | None:
    from avsync.media.frames import probe_video

    try:
        return probe_video(path).size
    except MediaError:
        return None
