"""Match slots with pieces of footage by their scores, and choose where each picture begins."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import TOKEN_RATE_HZ
from avsync.montage.assignment import FORBIDDEN, assign
from avsync.montage.demand import Demand
from avsync.montage.moments import Stretch
from avsync.montage.packing import Pieces
from avsync.montage.scores import Scorer
from avsync.montage.settling import Places, settle
from avsync.progress import Progress

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_REPEAT_PRICE = 3.0  # of showing a moment again, in units of a score
_SETTLED = 100_000_000  # entries of scores, slots times tokens, that fit into memory: 400 MB


def match(
    demands: Sequence[Demand],
    pieces: Pieces,
    stretches: Sequence[Stretch],
    scorer: Scorer,
    frame_rate: Fraction,
    spread: float,
    progress: Progress | None,
) -> Pieces:
    """Exactly the footage that each slot is to show, in the order of slots."""
    scores = _scores(demands, pieces, scorer, frame_rate, progress)
    chosen = assign(where_fits(scores, pieces, demands), pieces.clip, spread=spread)
    wide = pieces.among(chosen, stretches)
    leads, needs = [d.lead for d in demands], [d.need for d in demands]
    first = _best_starts(demands, wide, scorer, frame_rate) - leads
    exact = wide.begun_at(first, np.array(needs))
    if exact.layer.any() or len(demands) * scorer.tokens > _SETTLED:
        return exact
    places = settle(
        Places(exact.stretch, exact.first),
        leads,
        needs,
        stretches,
        [scorer.scores(number) for number in range(scorer.clips)],
        frame_rate=frame_rate,
        spread=spread,
    )
    clip = np.array([stretch.clip for stretch in stretches])[places.stretch]
    end = places.first + np.array(needs)
    return Pieces(clip, places.stretch, places.first, end, exact.layer)


def where_fits(scores: FloatArray, pieces: Pieces, demands: Sequence[Demand]) -> FloatArray:
    """[slots, pieces]: scores, lower for repeated footage and forbidden where it is too short."""
    needs = np.array([demand.need for demand in demands])
    long_enough = (pieces.end - pieces.first)[None, :] >= needs[:, None]
    priced = scores - np.float32(_REPEAT_PRICE) * pieces.layer.astype(np.float32)
    return np.where(long_enough, priced, FORBIDDEN)


def _allowed(demand: Demand, pieces: Pieces, piece: int) -> tuple[int, int]:
    """The first and last frame at which a slot's picture may begin within a piece."""
    first = int(pieces.first[piece]) + demand.lead
    return first, int(pieces.end[piece]) - demand.need + demand.lead


def _tokens(
    low: npt.ArrayLike, high: npt.ArrayLike, tokens: int, frame_rate: Fraction
) -> tuple[IntArray, IntArray]:
    """The tokens [from, to] on display at frames [low, high]; the nearest one if there is none."""
    per_frame = float(TOKEN_RATE_HZ / frame_rate)
    start = np.ceil(np.asarray(low) * per_frame - 1e-6).astype(np.int64)
    stop = np.floor(np.asarray(high) * per_frame + 1e-6).astype(np.int64)
    nearest = np.rint(np.asarray(low) * per_frame).astype(np.int64)
    last = tokens - 1
    start, stop = np.where(start > stop, nearest, start), np.where(start > stop, nearest, stop)
    return start.clip(0, last), stop.clip(0, last)


def _scores(
    demands: Sequence[Demand],
    pieces: Pieces,
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
            token = int(start) + int(within.argmax())
            starts[slot] = min(max(round(token * frame_rate / TOKEN_RATE_HZ), low), high)
    return starts
