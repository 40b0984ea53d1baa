"""Times of OpenTimelineIO as exact numbers of frames.

OpenTimelineIO keeps a time as two floats, a value and a rate. 24000/1001 frames a second are no
float, so a rate is taken to be the exact one that it stands for, and all sums are of fractions:
they come out as the integers that went in.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import opentimelineio as otio

_NEAR = 5e-3  # 23.98 is how many programs write 24000/1001


def exact_rate(rate: float | Fraction) -> Fraction:
    """The frame rate that a number stands for: 23.976 and 23.98 are 24000/1001.

    Raises:
        ValueError: it is not a positive number.
    """
    if isinstance(rate, Fraction):
        if rate <= 0:
            raise ValueError(f"{rate} is no frame rate")
        return rate
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"{rate} is no frame rate")
    nominal = Fraction(math.ceil(rate) * 1000, 1001)
    whole = round(rate)
    if abs(rate - nominal) < _NEAR and abs(rate - nominal) < abs(rate - whole):
        return nominal
    return Fraction(rate).limit_denominator(1001)


def to_time(frames: Fraction | int, rate: Fraction) -> Any:
    """An OpenTimelineIO time."""
    return otio.opentime.RationalTime(float(frames), float(rate))


def to_range(start: Fraction | int, frames: Fraction | int, rate: Fraction) -> Any:
    """An OpenTimelineIO range."""
    return otio.opentime.TimeRange(to_time(start, rate), to_time(frames, rate))


def seconds_of(time: Any) -> Fraction:
    """An OpenTimelineIO time in exact seconds.

    Raises:
        ValueError: it is not a finite time.
    """
    if not math.isfinite(time.value):
        raise ValueError(f"{time.value} is no time")
    return Fraction(time.value) / exact_rate(time.rate) if time.value else Fraction(0)


def frames_of(time: Any, rate: Fraction) -> Fraction:
    """An OpenTimelineIO time in frames of ``rate``; whole where it is so but for float's noise.

    Raises:
        ValueError: it is not a finite time.
    """
    frames = seconds_of(time) * rate
    return Fraction(round(frames)) if abs(frames - round(frames)) < Fraction(1, 10**5) else frames
