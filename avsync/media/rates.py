"""How many pictures a second a track has, and whether they are shown for equal times."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from avsync.media.container import film_length
from avsync.media.pictures import Pictures

STANDARD_RATES = tuple(
    sorted(
        {Fraction(n) for n in (5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100)}
        | {Fraction(n) for n in (120, 144, 200, 240)}
        | {Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120, 240)}
    )
)
"""Frames a second that cameras and programs write."""
_NEAR_STANDARD = 3e-4  # relative; 24 and 24000/1001 are three times as far apart
_LOOKED_AT = (0.0, 0.4, 0.8)  # places in the film, where its index does not tell of all pictures
_IRREGULAR = 0.1  # of the usual interval
_RARE = 0.01  # share of intervals that may be irregular


IntArray = npt.NDArray[np.int64]


class Rate(NamedTuple):
    """The rate of a track."""

    hz: Fraction
    """frames a second on average; the exact standard rate if it is one but for rounding"""
    variable: bool
    """whether frames are shown for different times"""


def standard_rate(rate: Fraction) -> Fraction:
    """The standard frame rate that `rate` is but for rounding, or else `rate` itself."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(rate / nearest - 1) <= _NEAR_STANDARD else rate.limit_denominator(100_000)


def _intervals(path: str | os.PathLike[str], stream: VideoStream) -> IntArray:
    """Ticks from picture to picture: of all if the index has all, else at a few places."""
    entries = stream.index_entries
    if stream.frames and len(entries) == stream.frames:
        return _steps([entry.timestamp for entry in islice(entries, 100_000)])
    with Pictures(path) as again:
        length = film_length(again.container) or 0.0
        return np.concatenate([_steps(again.times(place * length)) for place in _LOOKED_AT])


def _steps(ticks: list[int]) -> IntArray:
    times: IntArray = np.unique(np.array(ticks, np.int64))
    return times[1:] - times[:-1]


def rate_of(path: str | os.PathLike[str], stream: VideoStream) -> Rate:
    """How regular a track's pictures follow each other; the track stays where it is."""
    intervals = _intervals(path, stream)
    told = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not len(intervals):
        told = stream.guessed_rate or told or Fraction(25)
        return Rate(standard_rate(Fraction(told.numerator, told.denominator)), False)
    usual = float(np.median(intervals))
    odd = np.abs(intervals - usual) > max(1.5, _IRREGULAR * usual)
    measured = 1 / (
        Fraction(int(intervals.sum()), len(intervals)) * Fraction(stream.time_base or 1)
    )
    rate = Fraction(told.numerator, told.denominator) if told else measured
    # Another average than what was looked at has: it is irregular elsewhere.
    gap = abs(float(rate / measured) - 1) > 0.01 and len(intervals) > 10
    variable = bool(np.mean(odd) > _RARE) or gap
    return Rate(standard_rate(rate), variable)
