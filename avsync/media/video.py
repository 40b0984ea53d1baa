"""How a film's picture is shown: its size, its rate, whether that is constant, and its length."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from avsync.media.container import film_length, film_start
from avsync.media.pictures import Pictures, orientation_of, shown_size

STANDARD_RATES = tuple(
    sorted(
        {Fraction(n) for n in (5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100)}
        | {Fraction(n) for n in (120, 144, 200, 240)}
        | {Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120, 240)}
    )
)
"""Frames a second that cameras and programs write."""
_NEAR_STANDARD = 3e-4  # relative; 24 and 24000/1001 are three times as far apart
_LOOKED_AT = 150  # packets that are read to see how regular they are, where there is no full index
_IRREGULAR = 0.1  # of the usual interval
_RARE = 0.01  # share of intervals that may be irregular


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """How a film's picture is shown."""

    track: int
    """FFmpeg's stream index in the container"""
    size: tuple[int, int]
    """(width, height) in square pixels, turned as the container says"""
    frame_rate: Fraction
    """frames a second on average; the exact standard rate if it is one but for rounding"""
    variable: bool
    """whether frames are shown for different times"""
    rotation: int
    """degrees clockwise by which the stored picture is turned: 0, 90, 180 or 270"""
    duration: float | None
    """seconds on the film's clock at which the picture ends; None where the file does not say"""


def probe_video(path: str | os.PathLike[str]) -> VideoFormat:
    """How a film's picture is shown: its size, its rate, its length.

    One picture is decoded, since only that tells for sure; of the rest, times are looked at.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not media, or has no picture that can be decoded.
    """
    with Pictures(path) as pictures:
        first = next(pictures.read())
        stream = pictures.stream
        rate, variable = _rate(stream, _timestamps(path, stream))
        return VideoFormat(
            track=stream.index,
            size=shown_size(first, stream),
            frame_rate=rate,
            variable=variable,
            rotation=orientation_of(first.frame).rotation,
            duration=_picture_end(pictures.container, stream),
        )


def standard_rate(rate: Fraction) -> Fraction:
    """The standard frame rate that `rate` is but for rounding, or else `rate` itself."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(rate / nearest - 1) <= _NEAR_STANDARD else rate.limit_denominator(100_000)


def _timestamps(path: str | os.PathLike[str], stream: VideoStream) -> npt.NDArray[np.int64]:
    """Times of successive pictures, in ticks: of all, if the index has all, else of the first."""
    entries = stream.index_entries
    if stream.frames and len(entries) == stream.frames:
        return np.sort([entry.timestamp for entry in islice(entries, 100_000)])
    with Pictures(path) as again:
        packets = islice(again.container.demux(again.stream), _LOOKED_AT)
        try:
            ticks = [packet.pts for packet in packets if packet.size]
        except (av.FFmpegError, IndexError):
            ticks = []
    # The last are not all there: pictures that are shown before them come after them.
    return np.sort([tick for tick in ticks if tick is not None])[: max(2, len(ticks) - 16)]


def _rate(stream: VideoStream, ticks: npt.NDArray[np.int64]) -> tuple[Fraction, bool]:
    """Frames a second, and whether they are shown for different times."""
    intervals = np.diff(ticks)
    intervals = intervals[intervals > 0]
    told = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not len(intervals):
        told = stream.guessed_rate or told or Fraction(25)
        return standard_rate(Fraction(told.numerator, told.denominator)), False
    usual = float(np.median(intervals))
    odd = np.abs(intervals - usual) > max(1.5, _IRREGULAR * usual)
    measured = 1 / (
        Fraction(int(intervals.sum()), len(intervals)) * Fraction(stream.time_base or 1)
    )
    rate = Fraction(told.numerator, told.denominator) if told else measured
    # An average that the usual interval has no part in: the gaps come later than was looked.
    gap = abs(float(rate / measured) - 1) > 0.01 and len(intervals) > 10
    variable = bool(np.mean(odd) > _RARE) or gap
    return standard_rate(rate), variable


def _picture_end(container: InputContainer, stream: VideoStream) -> float | None:
    start = film_start(container)
    length = film_length(container)
    ends = [] if length is None else [length]
    base = float(stream.time_base or 1)
    if stream.duration is not None:
        ends.append(((stream.start_time or 0) + stream.duration) * base - start)
    told = stream.metadata.get("DURATION", "")  # as Matroska's writers put it: 00:00:02.002000000
    parts = told.split(":")
    with suppress(ValueError):
        ends.append(
            sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
        )
    positive = [end for end in ends if end > 0]
    return min(positive) if positive else None
