"""Fill slots with footage: which piece goes where, where it begins, how long dissolves can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import TOKEN_RATE_HZ, Clip
from avsync.montage.assignment import FORBIDDEN, assign
from avsync.montage.moments import Stretch
from avsync.montage.packing import Packing, Pieces, pack
from avsync.montage.scores import Scorer
from avsync.montage.sequence import lay_in_order
from avsync.progress import Progress

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Order = Literal["match", "sequential", "shuffled"]

_ROUNDS = 6  # pieces of each length laid out, where there is room
_CELLS = 4_000_000  # slots times pieces: beyond it an assignment takes seconds
_REPEAT_PRICE = 3.0  # of showing a moment again, in units of a score


@dataclass(frozen=True, slots=True)
class Demand:
    """What a slot asks of its footage, in frames of the timeline."""

    frames: int
    dissolve: int = 0
    """of the dissolve from the slot before, centred on the cut"""
    next_dissolve: int = 0

    @property
    def lead(self) -> int:
        """Needed before the cut."""
        return self.dissolve // 2

    @property
    def need(self) -> int:
        """Needed in all."""
        return self.lead + self.frames + self.next_dissolve - self.next_dissolve // 2


@dataclass(frozen=True, slots=True)
class Filling:
    """Where one slot's picture comes from."""

    clip: int
    source_frame: int
    """the first frame shown from the cut on, in frames of the timeline's rate"""
    before: int
    """frames of the same stretch, used by nothing else, before that"""
    after: int
    """and after the slot's last frame"""


@dataclass(frozen=True, slots=True)
class Filled:
    """One filling for each slot; or None, and for how many slots there was room."""

    fillings: tuple[Filling, ...] | None
    packed: int


def fill(
    demands: Sequence[Demand],
    stretches: Sequence[Stretch],
    clips: Sequence[Clip],
    scorer: Scorer,
    *,
    frame_rate: Fraction,
    order: Order,
    seed: int,
    repeat: bool,
    spread: float,
    progress: Progress | None = None,
) -> Filled:
    """Footage for every slot, none of it twice unless `repeat`."""
    needs = [demand.need for demand in demands]
    packing: Packing
    if order == "sequential":
        packing = lay_in_order(stretches, needs, repeat=repeat)
    else:
        rounds = _rounds(len(demands), len(stretches))
        packing = pack(stretches, needs, rounds=rounds, repeat=repeat)
    pieces = packing.pieces
    if pieces is None:
        return Filled(None, packing.packed)
    if order == "sequential":
        chosen = np.arange(len(demands))
        starts: IntArray = pieces.first + np.array([demand.lead for demand in demands], np.int64)
        wide = pieces.among(chosen, stretches)
    elif order == "shuffled":
        chance = np.random.default_rng(seed)
        scores = chance.random((len(demands), len(pieces)), np.float32)
        chosen = assign(_where_fits(scores, pieces, needs), pieces.clip, spread=spread)
        wide = pieces.among(chosen, stretches)
        allowed = [_allowed(demand, wide, k) for k, demand in enumerate(demands)]
        starts = np.array([chance.integers(low, high, endpoint=True) for low, high in allowed])
    else:
        scores = _scores(demands, pieces, clips, scorer, frame_rate, progress)
        chosen = assign(_where_fits(scores, pieces, needs), pieces.clip, spread=spread)
        wide = pieces.among(chosen, stretches)
        starts = _best_starts(demands, wide, scorer, frame_rate)
    return Filled(
        tuple(
            Filling(
                int(wide.clip[k]),
                int(starts[k]),
                int(starts[k] - wide.first[k]),
                int(wide.end[k] - starts[k]) - demand.frames,
            )
            for k, demand in enumerate(demands)
        ),
        packing.packed,
    )


def _rounds(slots: int, stretches: int) -> int:
    """Enough pieces that every stretch is on offer, and not more than can be solved quickly."""
    wanted = max(_ROUNDS, math.ceil(2 * stretches / slots))
    return max(1, min(wanted, _CELLS // (slots * slots)))


def _where_fits(scores: FloatArray, pieces: Pieces, needs: Sequence[int]) -> FloatArray:
    long_enough = (pieces.end - pieces.first)[None, :] >= np.array(needs)[:, None]
    priced = scores - np.float32(_REPEAT_PRICE) * pieces.layer.astype(np.float32)
    return np.where(long_enough, priced, FORBIDDEN)


def _allowed(demand: Demand, pieces: Pieces, piece: int) -> tuple[int, int]:
    """The first and last frame at which a slot's picture may begin within a piece."""
    first = int(pieces.first[piece]) + demand.lead
    return first, first + max(0, int(pieces.end[piece] - pieces.first[piece]) - demand.need)


def _tokens(
    low: npt.ArrayLike, high: npt.ArrayLike, tokens: int, frame_rate: Fraction
) -> tuple[IntArray, IntArray]:
    """The tokens [from, to] on display at frames [low, high]; the nearest one if there is none."""
    per_frame = float(TOKEN_RATE_HZ / frame_rate)
    start = np.ceil(np.asarray(low) * per_frame - 1e-6).astype(np.int64)
    stop = np.floor(np.asarray(high) * per_frame + 1e-6).astype(np.int64)
    nearest = np.rint(np.asarray(low) * per_frame).astype(np.int64)
    last = max(0, tokens - 1)
    start, stop = np.where(start > stop, nearest, start), np.where(start > stop, nearest, stop)
    return start.clip(0, last), stop.clip(0, last)


def _scores(
    demands: Sequence[Demand],
    pieces: Pieces,
    clips: Sequence[Clip],
    scorer: Scorer,
    frame_rate: Fraction,
    progress: Progress | None,
) -> FloatArray:
    """[slots, pieces]: the score of the best in-point of each slot in each piece."""
    groups: dict[tuple[int, int], list[int]] = {}
    for slot, demand in enumerate(demands):
        groups.setdefault((demand.lead, demand.need), []).append(slot)
    best = np.full((len(demands), len(pieces)), FORBIDDEN, np.float32)
    present = np.unique(pieces.clip)
    for done, number in enumerate(present):
        columns = np.flatnonzero(pieces.clip == number)
        of_tokens = scorer.scores(int(number))
        tokens = of_tokens.shape[1]
        if not tokens:
            best[:, columns] = 0.0
            continue
        padded = np.pad(of_tokens, ((0, 0), (0, 1)), constant_values=FORBIDDEN)
        for (lead, need), rows in groups.items():
            low = pieces.first[columns] + lead
            high = low + (pieces.end - pieces.first)[columns] - need
            start, stop = _tokens(low, np.maximum(low, high), tokens, frame_rate)
            edges = np.stack([start, stop + 1], axis=1).ravel()
            found = np.maximum.reduceat(padded[rows], edges, axis=1)[:, ::2]
            best[np.array(rows)[:, None], columns] = found
        if progress is not None:
            progress("matching", (done + 1) / len(present))
    return best


def _best_starts(
    demands: Sequence[Demand], wide: Pieces, scorer: Scorer, frame_rate: Fraction
) -> IntArray:
    """Where each slot's picture begins: the best in-point of its piece."""
    starts = np.zeros(len(demands), np.int64)
    for number in np.unique(wide.clip):
        of_tokens = scorer.scores(int(number))
        for slot in np.flatnonzero(wide.clip == number).tolist():
            low, high = _allowed(demands[slot], wide, slot)
            start, stop = _tokens(low, high, of_tokens.shape[1], frame_rate)
            within = of_tokens[slot, int(start) : int(stop) + 1]
            token = int(start) + (int(within.argmax()) if len(within) else 0)
            starts[slot] = min(max(round(token * frame_rate / TOKEN_RATE_HZ), low), high)
    return starts
