"""How well a moment of a clip suits a slot of the song.

Three terms: what attention finds in common between the sound of the
slot and the picture from that moment on (so that a movement's peak lands on the accent), whether
the picture moves as much as the music is loud, and whether the picture is good. Attention's
logits are compared within a slot, over all moments of all clips: their mean and spread depend on
the slot's length and on the song.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import isfinite

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import TOKEN_RATE_HZ, Clip
from avsync.montage.slots import Slot

FloatArray = npt.NDArray[np.float32]
Logits = Callable[[int], FloatArray]
"""float32 [slots, tokens] for a clip by its number, as `Hearing.logits`"""

_EXTREME = 6.0  # standard deviations beyond which no match is better or worse
_GOOD_LIGHT, _LIGHT_REACH = 0.45, 0.45  # the mean luma of a well exposed picture, and how far off
ALIKE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What counts how much in matching; 0 leaves a term out."""

    match: float = 1.0
    """attention between sound and picture, in standard deviations of the slot's logits"""
    motion: float = 1.0
    """loud music with much motion: 0 opposite, 1 equal in rank"""
    quality: float = 0.5
    """sharpness by rank and exposure: 0 to 1"""
    spread: float = 1.0
    """a clip's use over and over; and, fourfold, one clip in two slots in a row"""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"the weight of {field.name} is a number from 0 up; got {value}")


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a moment was chosen: the terms of its score, before their weights."""

    match: float
    """standard deviations above the mean of all moments; 0 where attention was not asked"""
    motion: float
    """0 to 1"""
    quality: float
    """0 to 1"""


class Scorer:
    """Scores of slots against the tokens of clips, one clip at a time."""

    def __init__(
        self,
        clips: Sequence[Clip],
        slots: Sequence[Slot],
        *,
        frame_rate: Fraction,
        weights: Weights,
        logits: Logits | None = None,
    ) -> None:
        self._clips, self._weights = clips, weights
        lengths = [max(1, round(slot.frames * TOKEN_RATE_HZ / frame_rate)) for slot in slots]
        self._lengths = np.array(lengths)
        self._loud = _ranks(np.array([slot.energy for slot in slots]))
        self._motion = _ranks_by_clip([clip.motion for clip in clips])
        sharp = _ranks_by_clip([clip.sharpness for clip in clips])
        self._quality = [
            (rank + _light(clip.exposure)) / 2 for rank, clip in zip(sharp, clips, strict=True)
        ]
        self._logits = logits if weights.match else None
        self._count = np.zeros((len(slots), 1))
        self._sum = np.zeros((len(slots), 1))
        self._squares = np.zeros((len(slots), 1))

    @property
    def clips(self) -> int:
        """How many there are."""
        return len(self._clips)

    @property
    def tokens(self) -> int:
        """Of all clips."""
        return sum(len(clip.tokens) for clip in self._clips)

    def measure(self) -> Iterator[float]:
        """Look once over the logits of all clips, for their scale; yields the fraction done."""
        if self._logits is None:
            return
        for number in range(len(self._clips)):
            values = self._logits(number).astype(np.float64)
            finite = np.isfinite(values)
            values[~finite] = 0.0
            self._count += finite.sum(axis=1, keepdims=True)
            self._sum += values.sum(axis=1, keepdims=True)
            self._squares += (values**2).sum(axis=1, keepdims=True)
            yield (number + 1) / len(self._clips)

    def scores(self, number: int) -> FloatArray:
        """float32 [slots, tokens] for one clip: the weighted sum of all terms."""
        motion, quality = self._of_picture(number)
        total = self._weights.motion * motion + self._weights.quality * quality
        if self._logits is not None:
            total = total + self._weights.match * self._match(number, self._logits)
        # Coarse enough that how a sum was ordered decides nothing.
        return np.round(total, 4).astype(np.float32)

    def reasons(self, number: int, slots: Sequence[int], tokens: Sequence[int]) -> list[Reasons]:
        """The terms of some slots, each at one token of one clip."""
        motion, quality = self._of_picture(number)
        match = np.zeros_like(motion)
        if self._logits is not None:
            match = self._match(number, self._logits)
        return [
            Reasons(*(round(float(term[i, j]), 4) for term in (match, motion, quality)))
            for i, j in zip(slots, tokens, strict=True)
        ]

    def total(self, reasons: Reasons) -> float:
        """The weighted sum."""
        weights = self._weights
        total = weights.match * reasons.match + weights.motion * reasons.motion
        return round(total + weights.quality * reasons.quality, 4)

    def _of_picture(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Agreement of motion with loudness, and quality: both [slots, tokens]."""
        tokens = len(self._clips[number].tokens)
        motion = np.empty((len(self._lengths), tokens), np.float32)
        quality = np.empty_like(motion)
        for length in np.unique(self._lengths):
            rows = self._lengths == length
            moving = _forward_means(self._motion[number], int(length))
            motion[rows] = 1 - np.abs(self._loud[rows, None] - moving)
            quality[rows] = _forward_means(self._quality[number], int(length))
        return motion, quality

    def _match(self, number: int, logits_of: Logits) -> FloatArray:
        logits = logits_of(number).astype(np.float64)
        count = np.maximum(1, self._count)
        mean = self._sum / count
        spread = np.sqrt(np.maximum(self._squares / count - mean**2, 0))
        finite = np.isfinite(logits)
        relative = (np.where(finite, logits, mean) - mean) / np.maximum(spread, ALIKE)
        relative[~finite & (self._count > 0)] = -_EXTREME
        return np.clip(relative, -_EXTREME, _EXTREME).astype(np.float32)


def _ranks(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Each value's place among all, 0 lowest to 1 highest; equal ones share a place."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    upto = np.searchsorted(ordered, values, "right")
    return (below + upto) / (2.0 * max(1, len(values)))


def _ranks_by_clip(measures: Sequence[FloatArray]) -> list[npt.NDArray[np.float64]]:
    ranks = _ranks(np.concatenate([*measures, np.zeros(0, np.float32)]))
    return np.split(ranks, np.cumsum([len(measure) for measure in measures])[:-1])


def _light(exposure: FloatArray) -> npt.NDArray[np.float64]:
    """1 for a well exposed picture, 0 for a black or white one."""
    return 1 - np.minimum(1, np.abs(exposure.astype(np.float64) - _GOOD_LIGHT) / _LIGHT_REACH)


def _forward_means(values: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """The mean over `length` entries from each one on, fewer at the end."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    stop = np.minimum(np.arange(len(values)) + length, len(values))
    means: npt.NDArray[np.float64] = (sums[stop] - sums[:-1]) / (stop - np.arange(len(values)))
    return means
