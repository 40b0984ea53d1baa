"""The best monotonic path of units (tokens, letters) through time: units × frames.

A text is said in its order, so its units take stretches of time that follow one another, with
pauses between words in which none of them is said. Dynamic time warping (Sakoe, Chiba 1978) has no
pauses: it gives every frame to some unit, so silence stretches whatever stands beside it. Here the
pauses are states of their own, as in the hidden Markov models of forced alignment (Viterbi 1967),
and whole lines may be left out, which is what happens to a line that nobody says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_STAY, _ENTER, _FOLLOW, _JUMP = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class MonotonicPath:
    """When each unit is said."""

    first: IntArray
    """int64 [units]: its first frame; −1 where it was left out"""
    last: IntArray
    """int64 [units]: one past its last frame; −1 where it was left out"""
    score: float
    """sum of the scores along the path, less what was left out costs"""

    @property
    def taken(self) -> BoolArray:
        """bool [units]: whether the unit is on the path."""
        return self.first >= 0


def decode_monotonic(
    scores: FloatArray,
    *,
    pauses: FloatArray | None = None,
    breaks: BoolArray | None = None,
    lines: Sequence[tuple[int, int]] = (),
    leave_out: float = 0.0,
    open_end: bool = False,
) -> MonotonicPath:
    """The path with the highest sum of ``scores`` [units, frames] in nats; −∞ forbids a place.

    Args:
        pauses: [frames]: the score of a frame in which no unit is said; None: 0, that of a unit
            whose score says nothing either way.
        breaks: bool [units + 1]: whether a pause may stand before unit ``k``, or after the last;
            None: everywhere.
        lines: ``[first, last)`` units that may be left out together, in order.
        leave_out: what it costs to leave one of them out.
        open_end: the sound may end before the text does, at any break.

    Raises:
        ValueError: there is no frame, or the units cannot all be placed.
    """
    units, frames = scores.shape
    if not frames:
        raise ValueError(f"there is nothing to decode in scores of shape {scores.shape}")
    quiet = np.zeros(frames, np.float32) if pauses is None else pauses.astype(np.float32)
    shut = np.zeros(units + 1, np.float32)
    if breaks is not None:
        shut[~breaks] = -np.inf
    shut[0] = 0.0
    spoken = np.full(units, -np.inf, np.float32)
    silent = np.full(units + 1, -np.inf, np.float32)
    silent[0] = 0.0
    # How each state was reached: [frames, units]; `jumps` within the frame, after all else.
    spoken_from = np.zeros((frames, units), np.int8)
    silent_from = np.zeros((frames, units + 1), np.int8)
    jumps = [_jump(silent, silent_from[0], lines, leave_out)]
    for t in range(frames):
        before = np.concatenate([[-np.inf], spoken])[:units].astype(np.float32)
        choices = np.stack([spoken, silent[:-1], before])
        how = choices.argmax(axis=0)
        ended = np.concatenate([[-np.inf], spoken]).astype(np.float32)
        rests = np.stack([silent, ended])
        rested = rests.argmax(axis=0)
        spoken = np.take_along_axis(choices, how[None], 0)[0] + scores[:, t]
        silent = (np.take_along_axis(rests, rested[None], 0)[0] + quiet[t] + shut).astype(
            np.float32
        )
        spoken_from[t], silent_from[t] = how, rested
        jumps.append(_jump(silent, silent_from[t], lines, leave_out))
    state, at, best = _last_state(spoken, silent, shut, open_end=open_end)
    if not np.isfinite(best):
        raise ValueError(f"{units} units have no place in {frames} frames")
    first, last = _trace(spoken_from, silent_from, jumps, state, at)
    return MonotonicPath(first, last, float(best))


def _jump(
    silent: FloatArray, how: npt.NDArray[np.int8], lines: Sequence[tuple[int, int]], cost: float
) -> dict[int, int]:
    """Go from the pause before a line to the pause after it, where that is better."""
    jumped: dict[int, int] = {}
    for first, last in lines:
        if last > first and silent[first] - cost > silent[last]:
            silent[last] = silent[first] - np.float32(cost)
            jumped[last] = first
    return jumped


def _last_state(
    spoken: FloatArray, silent: FloatArray, shut: FloatArray, *, open_end: bool
) -> tuple[str, int, float]:
    """Which state the best path ends in: its kind, its index, its score."""
    units = len(spoken)
    if not open_end:
        if units and spoken[-1] > silent[-1]:
            return "spoken", units - 1, float(spoken[-1])
        return "silent", units, float(silent[-1])
    rest = int(silent.argmax())
    if units:
        ends = np.where(np.isfinite(shut[1:]), spoken, -np.inf)
        voice = int(ends.argmax())
        if ends[voice] > silent[rest]:
            return "spoken", voice, float(ends[voice])
    return "silent", rest, float(silent[rest])


def _trace(
    spoken_from: npt.NDArray[np.int8],
    silent_from: npt.NDArray[np.int8],
    jumps: list[dict[int, int]],
    state: str,
    at: int,
) -> tuple[IntArray, IntArray]:
    frames, units = spoken_from.shape
    first = np.full(units, -1, np.int64)
    last = np.full(units, -1, np.int64)
    for t in range(frames - 1, -1, -1):
        while state == "silent" and at in jumps[t + 1]:
            at = jumps[t + 1][at]
        if state == "spoken":
            if last[at] < 0:
                last[at] = t + 1
            first[at] = t
            how = spoken_from[t, at]
            if how == _ENTER:
                state = "silent"
            elif how == _FOLLOW:
                at -= 1
        elif silent_from[t, at]:
            state, at = "spoken", at - 1
    return first, last
