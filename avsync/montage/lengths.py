"""The limits of a shot: leave cuts out where shots are too short, add some where too long. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from avsync.beats.grid import BeatGrid
from avsync.montage.pacing import Pacing

FloatArray = npt.NDArray[np.float64]

DOWNBEAT, HALF_BAR, BEAT, DROP = 2.5, 1.5, 1.0, 4.0
"""What a cut there weighs, musically."""


def beat_weights(grid: BeatGrid) -> FloatArray:
    """float64 [beats]: a drop weighs more than a downbeat, that more than the middle of a bar."""
    weights = np.full(len(grid), BEAT)
    if grid.meter % 2 == 0:
        weights[grid.positions == 1 + grid.meter // 2] = HALF_BAR
    weights[grid.positions == 1] = DOWNBEAT
    weights[np.isin(grid.beats, grid.drops)] = DROP
    return weights


def keep_apart(
    times: FloatArray, weights: FloatArray, start: float, end: float, least: float
) -> list[float]:
    """The heaviest choice of `times` that lie `least` seconds apart, and from start and end.

    Weighted interval scheduling: best[i] is the weight of the best choice among the first i.
    """
    least -= 1e-6  # two beats of a metronome are a period apart but for rounding
    usable = (times >= start + least) & (times <= end - least)
    times, weights = times[usable], weights[usable]
    before = [bisect_right(times, time - least, hi=i) for i, time in enumerate(times)]
    best = [0.0]
    for weight, allowed in zip(weights, before, strict=True):
        best.append(max(best[-1], best[allowed] + weight))
    kept, i = [], len(times)
    while i:
        if best[i] == best[i - 1]:
            i -= 1
        else:
            kept.append(float(times[i - 1]))
            i = before[i - 1]
    return kept[::-1]


def divide(
    cuts: Sequence[float],
    grid: BeatGrid,
    pacing: Pacing,
    start: float,
    end: float,
    notes: list[str],
) -> list[float]:
    """`cuts`, and more of them wherever a shot is longer than the longest; says where it cannot."""
    most, least = pacing.max_shot or math.inf, pacing.min_shot or 0.0
    # On bars if that will do, else on half bars, else on any beat.
    weights = beat_weights(grid)
    levels = [grid.beats[weights >= least_weight] for least_weight in (DOWNBEAT, HALF_BAR)]
    levels.append(_carried_on(grid, start, end))
    added: list[float] = []
    for left, right in pairwise([start, *cuts, end]):
        pieces: list[float] = []
        fits = right - left <= most + 1e-6
        for level in levels if not fits else ():
            inner = level[(level > left + 1e-6) & (level < right - 1e-6)]
            pieces, fits = _even_pieces(left, right, inner, least, most)
            if fits:
                break
        added += pieces
        if not fits:
            longest = max(b - a for a, b in pairwise([left, *pieces, right]))
            notes.append(
                f"from {left:.2f} to {right:.2f} s no beats allow shots of "
                f"{least:g} to {most:g} s; the longest is {longest:.2f} s"
            )
    silent = sorted(set(added) - set(grid.beats.tolist()))
    if silent:
        notes.append(
            f"{len(silent)} cuts lie where no beat is heard, first at {silent[0]:.2f} s: "
            "there the tempo next to it goes on"
        )
    return sorted([*cuts, *added])


def _even_pieces(
    left: float, right: float, inner: FloatArray, least: float, most: float
) -> tuple[list[float], bool]:
    """The fewest of the beats `inner` that divide a shot as asked, and whether they do."""
    fewest = math.ceil((right - left) / most - 1e-6)
    best: list[float] = []
    for count in range(fewest, len(inner) + 2):
        ideal = left + (right - left) * np.arange(1, count) / count
        chosen = np.unique(np.abs(inner[:, None] - ideal).argmin(axis=0))
        lengths = np.diff([left, *inner[chosen], right])
        if lengths.min() < least - 1e-6:
            break
        best = [float(time) for time in inner[chosen]]
        if lengths.max() <= most + 1e-6:
            return best, True
    return best, False


def _carried_on(grid: BeatGrid, start: float, end: float) -> FloatArray:
    """The beats, and where there are none the tempo next to that place, carried on."""
    tempo = grid.local_tempo_bpm
    first, last = (60 / tempo[0], 60 / tempo[-1]) if len(grid) > 1 else (0.5, 0.5)
    beats = grid.beats
    parts = [np.arange(beats[0] - first, start, -first)[::-1], beats[:1]]
    for here, (left, right) in zip(tempo, pairwise(beats), strict=False):
        count = max(1, round((right - left) * here / 60))
        parts += [left + (right - left) * np.arange(1, count) / count, np.array([right])]
    parts.append(np.arange(beats[-1] + last, end, last))
    return np.concatenate(parts)


def period(grid: BeatGrid) -> float:
    """Seconds from beat to beat, as they mostly are."""
    return 60 / grid.tempo_bpm if len(grid) > 1 else 0.5
