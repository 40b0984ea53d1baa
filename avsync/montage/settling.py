"""Move each slot's picture to where it suits best, of all the footage that is still free. Pure.

An assignment needs pieces that are laid out beforehand, and the best in-point may lie across the
border of two of them. So once every slot has its place, each in turn may leave it for any free
stretch of footage, to the token, and this goes on until nothing gains: coordinate ascent on the
same sum that the assignment maximised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import TOKEN_RATE_HZ
from avsync.montage.assignment import NEIGHBOURS, fair_share
from avsync.montage.moments import Stretch

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_PASSES = 8
_GAIN = 1e-3  # the least that is worth a move


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where slots take their footage, handles included: int64 arrays [slots]."""

    stretch: IntArray
    first: IntArray
    """frames of the timeline's rate on the clip's clock"""


def settle(
    places: Places,
    leads: Sequence[int],
    needs: Sequence[int],
    stretches: Sequence[Stretch],
    scores: Sequence[FloatArray],
    *,
    frame_rate: Fraction,
    spread: float,
) -> Places:
    """Better places for the slots, none of them overlapping.

    Args:
        leads: frames of each slot's footage that come before its first instant.
        needs: frames of each slot's footage in all.
        scores: for each clip [slots, tokens], when a slot's first instant shows a token.
        spread: as in `assign`.
    """
    line = _Line(stretches, [each.shape[1] for each in scores], frame_rate)
    table = np.concatenate(scores, axis=1)
    begins = places.first + line.offset[places.stretch]
    for begin, need in zip(begins, needs, strict=True):
        line.taken[begin : begin + need] = 1
    shown = line.clip_of[places.stretch]
    uses = np.bincount(shown, minlength=len(scores))
    for _ in range(_PASSES):
        changed = False
        for slot, (lead, need) in enumerate(zip(leads, needs, strict=True)):
            begin = int(begins[slot])
            line.taken[begin : begin + need] = 0
            uses[shown[slot]] -= 1
            prices = uses / fair_share(len(needs), line.clip_of)
            for near in (slot - 1, slot + 1):
                if 0 <= near < len(needs):
                    prices[shown[near]] += NEIGHBOURS
            prices *= spread
            value = table[slot, line.token] - prices[line.clip]
            value[~line.free(lead, need)] = -np.inf
            here = table[slot, line.token_at(begin + lead)] - prices[shown[slot]]
            best = int(value.argmax())
            if value[best] > here + _GAIN:
                changed = True
                begin, shown[slot] = int(line.at[best]) - lead, line.clip[best]
                begins[slot] = begin
            line.taken[begin : begin + need] = 1
            uses[shown[slot]] += 1
        if not changed:
            break
    stretch = line.stretch_at(begins)
    return Places(stretch, begins - line.offset[stretch])


class _Line:
    """All stretches on one line of frames, each followed by a frame that is never free."""

    def __init__(
        self, stretches: Sequence[Stretch], tokens: Sequence[int], frame_rate: Fraction
    ) -> None:
        self.clip_of = np.array([stretch.clip for stretch in stretches])
        firsts = np.array([stretch.first for stretch in stretches])
        ends = np.cumsum([stretch.frames + 1 for stretch in stretches])
        self._begins = np.concatenate(([0], ends[:-1]))
        self.offset: IntArray = self._begins - firsts
        """[stretches]: what to add to a frame on the clip's clock"""
        self.taken = np.zeros(int(ends[-1]), np.int32)
        self.taken[ends - 1] = 1
        columns = np.concatenate(([0], np.cumsum(tokens)[:-1]))
        self._column, self._last = columns[self.clip_of], np.array(tokens)[self.clip_of] - 1
        self._frames_per_token = float(frame_rate / TOKEN_RATE_HZ)
        parts = [self._candidates(number, each) for number, each in enumerate(stretches)]
        joined = np.concatenate(parts, axis=1)
        self.at, self.token, self.clip = joined
        """int64 [candidates]: frames that may be shown first, their columns in the scores, clips"""

    def _candidates(self, number: int, stretch: Stretch) -> IntArray:
        tokens = np.arange(self._last[number] + 1)
        frames = np.rint(tokens * self._frames_per_token).astype(np.int64)
        inside = (frames >= stretch.first) & (frames < stretch.end)
        at, token = frames[inside] + self.offset[number], tokens[inside] + self._column[number]
        return np.stack([at, token, np.full_like(at, stretch.clip)])

    def free(self, lead: int, need: int) -> BoolArray:
        """[candidates]: whether nothing of what is needed there is taken."""
        sums = np.concatenate(([0], np.cumsum(self.taken)))
        start = self.at - lead
        inside = (start >= 0) & (start + need <= len(self.taken))
        start = np.where(inside, start, 0)
        none = sums[np.minimum(start + need, len(self.taken))] == sums[start]
        found: BoolArray = inside & none
        return found

    def stretch_at(self, frames: IntArray) -> IntArray:
        """The stretches that frames on the line are in."""
        return np.searchsorted(self._begins, frames, side="right") - 1

    def token_at(self, frame: int) -> int:
        """The column in the scores of the token nearest to a frame on the line."""
        number = int(np.searchsorted(self._begins, frame, side="right")) - 1
        token = round((frame - self.offset[number]) / self._frames_per_token)
        return int(self._column[number] + min(token, self._last[number]))
