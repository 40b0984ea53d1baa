"""Fill slots with footage: which piece goes where, where it begins, how long dissolves can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from avsync.montage.assignment import assign
from avsync.montage.demand import Demand
from avsync.montage.matching import match, where_fits
from avsync.montage.moments import Stretch
from avsync.montage.packing import Packing, Pieces, pack
from avsync.montage.scores import Scorer
from avsync.montage.sequence import lay_in_order
from avsync.progress import Progress

Order = Literal["match", "sequential", "shuffled"]

_ROUNDS = 6  # pieces of each length laid out, where there is room
_CELLS = 4_000_000  # slots times pieces: beyond it an assignment takes seconds


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
        rounds = _rounds(needs, stretches)
        packing = pack(stretches, needs, rounds=rounds, repeat=repeat)
    pieces = packing.pieces
    if pieces is None:
        return Filled(None, packing.packed)
    if order == "match":
        exact = match(demands, pieces, stretches, scorer, frame_rate, spread, progress)
    elif order == "shuffled":
        exact = _by_lot(demands, pieces, stretches, seed, spread)
    else:
        exact = pieces
    wide = exact.among(np.arange(len(demands)), stretches)
    fillings = [
        Filling(
            clip=int(exact.clip[k]),
            source_frame=int(exact.first[k]) + demand.lead,
            before=int(exact.first[k] - wide.first[k]) + demand.lead,
            after=int(wide.end[k] - exact.first[k]) - demand.lead - demand.frames,
        )
        for k, demand in enumerate(demands)
    ]
    return Filled(tuple(fillings), packing.packed)


def _by_lot(
    demands: Sequence[Demand],
    pieces: Pieces,
    stretches: Sequence[Stretch],
    seed: int,
    spread: float,
) -> Pieces:
    """An assignment of scores drawn by lot: as even as any other."""
    chance = np.random.default_rng(seed)
    scores = chance.random((len(demands), len(pieces)), np.float32)
    chosen = assign(where_fits(scores, pieces, demands), pieces.clip, spread=spread)
    wide = pieces.among(chosen, stretches)
    needs = np.array([demand.need for demand in demands])
    return wide.begun_at(chance.integers(wide.first, wide.end - needs, endpoint=True), needs)


def _rounds(needs: Sequence[int], stretches: Sequence[Stretch]) -> int:
    """Enough pieces that there is a choice, and few enough to leave in-points free.

    Half of the footage at most is laid out, so that pieces are twice as long as they need to be;
    and no more pieces than can be assigned quickly.
    """
    wanted = max(_ROUNDS, math.ceil(2 * len(stretches) / len(needs)))
    half = sum(stretch.frames for stretch in stretches) // (2 * sum(needs))
    return max(1, min(wanted, half, _CELLS // len(needs) ** 2))
