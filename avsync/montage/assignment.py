"""Which piece of footage goes into which slot: one assignment over all of them. Pure.

Maximising the sum of scores, each piece used at most once, is the linear assignment problem, which
is solved exactly (Jonker and Volgenant 1987, in scipy). That a clip is not used over and over and
not in two slots in a row is no sum over pairs, so it enters twice: each further piece of one clip
is offered at a growing price, and afterwards slots change or swap their pieces for as long as that
raises the sum with the true prices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

FORBIDDEN = np.float32(-1e6)
"""The score of a piece that is too short for a slot; every true score is far above it."""
NEIGHBOURS = 4.0
"""What one clip in two slots in a row costs, in units of `spread`."""
_PASSES = 20
_GAIN = 1e-4  # the least that is worth a change


def assign(scores: FloatArray, clip: IntArray, *, spread: float) -> IntArray:
    """The piece for each slot: int64 [slots], all different.

    Args:
        scores: [slots, pieces], `FORBIDDEN` where a piece does not fit; some choice must fit.
        clip: [pieces], the clip that each piece is from.
        spread: the price of using a clip twice as often as would be even.
    """
    from scipy.optimize import linear_sum_assignment

    spread = max(spread, 1e-3)  # between equals, even use is still the better one
    prices = np.zeros(len(clip), np.float32)
    fair = fair_share(len(scores), clip)
    best = scores.max(axis=0)
    for each in np.unique(clip):
        mine = np.flatnonzero(clip == each)
        mine = mine[np.argsort(-best[mine], kind="stable")]
        prices[mine] = spread * np.arange(len(mine)) / fair
    _, chosen = linear_sum_assignment(scores - prices, maximize=True)
    return _improve(scores, clip, np.asarray(chosen, np.int64), spread, fair)


def fair_share(slots: int, clip: IntArray) -> float:
    """How often each of the clips would be used if all were used alike."""
    return max(1.0, slots / len(np.unique(clip)))


def _improve(
    scores: FloatArray, clip: IntArray, chosen: IntArray, spread: float, fair: float
) -> IntArray:
    """Change or swap pieces, slot by slot, each time as raises the sum most."""
    chosen = chosen.copy()
    free = np.ones(len(clip), dtype=np.bool_)
    free[chosen] = False
    uses = np.bincount(clip[chosen], minlength=int(clip.max()) + 1)
    for _ in range(_PASSES):
        changed = False
        for slot in range(len(chosen)):
            move = _gains_of_moving(scores, clip, chosen, uses, slot, spread, fair)
            move[~free] = -np.inf
            swap = _gains_of_swapping(scores, clip, chosen, slot, spread)
            to, other = int(move.argmax()), int(swap.argmax())
            if max(move[to], swap[other]) <= _GAIN:
                continue
            changed = True
            if swap[other] >= move[to]:
                chosen[[slot, other]] = chosen[[other, slot]]
                continue
            free[[chosen[slot], to]] = True, False
            uses[clip[chosen[slot]]] -= 1
            uses[clip[to]] += 1
            chosen[slot] = to
        changed |= _turn_round(scores, clip, chosen, spread)
        if not changed:
            break
    return chosen


def _turn_round(scores: FloatArray, clip: IntArray, chosen: IntArray, spread: float) -> bool:
    """Reverse runs of slots where one clip is left twice in a row, in place, if that gains.

    Of two clips in turns, "A B B A B A A B" can only be mended all at once.
    """
    changed = False
    if (clip[chosen] == clip[chosen[0]]).all():
        return changed
    for cut in range(1, len(chosen)):
        if clip[chosen[cut - 1]] != clip[chosen[cut]]:
            continue
        best, run = _GAIN, (0, 0)
        after = [(cut, end) for end in range(cut + 2, len(chosen) + 1)]
        before = [(first, cut) for first in range(cut - 1)]
        for first, end in [*after, *before]:
            gain = _gain_of_reversing(scores, clip, chosen, first, end, spread)
            if gain > best:
                best, run = gain, (first, end)
        if run != (0, 0):
            chosen[run[0] : run[1]] = chosen[run[0] : run[1]][::-1].copy()
            changed = True
    return changed


def _gain_of_reversing(
    scores: FloatArray, clip: IntArray, chosen: IntArray, first: int, end: int, spread: float
) -> float:
    """What the sum gains if the slots [first, end) take their pieces in reverse order."""
    inside = chosen[first:end]
    gain = 0.0
    for outside, near, far in ((first - 1, 0, -1), (end, -1, 0)):
        if 0 <= outside < len(chosen):
            there = clip[chosen[outside]]
            gain += float(there == clip[inside[near]]) - float(there == clip[inside[far]])
    if gain <= 0:  # the rest is next to never worth it
        return gain
    slots = np.arange(first, end)
    change = scores[slots, inside[::-1]].sum(dtype=np.float64)
    change -= scores[slots, inside].sum(dtype=np.float64)
    return gain * spread * NEIGHBOURS + float(change)


def _gains_of_moving(
    scores: FloatArray,
    clip: IntArray,
    chosen: IntArray,
    uses: IntArray,
    slot: int,
    spread: float,
    fair: float,
) -> npt.NDArray[np.float64]:
    """[pieces]: what the sum gains if the slot takes that piece instead of its own."""
    others = uses.copy()
    others[clip[chosen[slot]]] -= 1
    beside = [clip[chosen[near]] for near in (slot - 1, slot + 1) if 0 <= near < len(chosen)]
    touching = sum((clip == each for each in beside), np.zeros(len(clip)))
    value = scores[slot] - spread * (others[clip] / fair + NEIGHBOURS * touching)
    gains: npt.NDArray[np.float64] = value - value[chosen[slot]]
    return gains


def _gains_of_swapping(
    scores: FloatArray, clip: IntArray, chosen: IntArray, slot: int, spread: float
) -> npt.NDArray[np.float64]:
    """[slots]: what the sum gains if the slot swaps pieces with that one."""
    shown = clip[chosen]
    mine = shown[slot]
    slots = np.arange(len(chosen))
    padded = np.concatenate(([-1], shown, [-1]))
    left, right = padded[:-2], padded[2:]  # of every slot
    before = (left == shown).astype(int) + (right == shown)
    before += before[slot]
    after = (left == mine).astype(int) + (right == mine)
    after += (left[slot] == shown).astype(int) + (right[slot] == shown)
    # Side by side, the pair itself stays as alike as it was.
    adjacent = np.abs(slots - slot) == 1
    after[adjacent] -= 2 * (shown[adjacent] != mine)
    score = scores[slot, chosen] + scores[slots, chosen[slot]].astype(np.float64)
    score -= scores[slot, chosen[slot]] + scores[slots, chosen]
    gains: npt.NDArray[np.float64] = score - spread * NEIGHBOURS * (after - before)
    gains[slot] = -np.inf
    return gains
