"""FrameGrid: the instants at which a film's picture changes, to which subtitles are timed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["FrameGrid"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FrameGrid:
    """The frames of a film by number: frame `k` begins at `start + k / rate`, or at `times[k]`.

    Frames go on at `rate` beyond both ends, because cues may: before the picture there may be
    sound, and a last cue may outlast it.

    Raises:
        ValueError: the rate is not positive, or the times do not grow.
    """

    rate: Fraction
    """frames a second; of a variable rate, on average"""
    start: float = 0.0
    """seconds; when frame 0 is shown"""
    times: FloatArray | None = None
    """float64 [frames]: when each is shown, of a variable rate; None where the rate is constant"""

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"a frame rate is above 0, got {self.rate}")
        if self.times is not None:
            times = np.ascontiguousarray(self.times, np.float64)
            if times.ndim != 1 or not len(times) or not (np.diff(times) > 0).all():
                raise ValueError("frame times are to grow, one after the other")
            object.__setattr__(self, "times", times)
            object.__setattr__(self, "start", float(times[0]))

    @property
    def earliest(self) -> int:
        """The first frame that is not before second 0."""
        return -math.floor(self.start * float(self.rate) + 1e-6)

    def seconds(self, frames: IntArray) -> FloatArray:
        """When frames are shown: int64 [n] → float64 [n]."""
        # The numbers of a rate are small: this is exact to the last bit but one.
        steps = np.asarray(frames, np.float64) * self.rate.denominator / self.rate.numerator
        if self.times is None:
            return self.start + steps
        last = len(self.times) - 1
        inside = self.times[np.clip(frames, 0, last)]
        beyond = np.where(frames > last, frames - last, np.minimum(frames, 0))
        found: FloatArray = inside + beyond * self.rate.denominator / self.rate.numerator
        return found

    def frames(self, seconds: FloatArray) -> IntArray:
        """The frames whose beginnings are nearest to instants: float64 [n] → int64 [n]."""
        if self.times is None:
            return _whole((seconds - self.start) * float(self.rate))
        last = len(self.times) - 1
        middles = (self.times[1:] + self.times[:-1]) / 2
        found = np.searchsorted(middles, seconds, side="right").astype(np.int64)
        before = _whole((seconds - self.times[0]) * float(self.rate))
        after = last + _whole((seconds - self.times[-1]) * float(self.rate))
        found = np.where(seconds < self.times[0], np.minimum(before, 0), found)
        return np.where(seconds > self.times[-1], np.maximum(after, last), found)


def _whole(values: FloatArray) -> IntArray:
    return np.floor(values + 0.5).astype(np.int64)
