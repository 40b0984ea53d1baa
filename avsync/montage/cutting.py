"""Where to cut: the instants of a song at which one shot is to follow another. Pure.

A rule names candidates, each with a weight that says how much it matters musically (a downbeat
more than an upbeat, a loud accent more than a faint one). Where candidates lie closer together
than the shortest shot, those are kept that weigh most in sum; where they leave a shot longer than
the longest, it is divided on beats, as evenly as these allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.beats.grid import BeatGrid
from avsync.errors import AlignmentError
from avsync.montage.lengths import DROP, beat_weights, divide, keep_apart, period
from avsync.montage.pacing import Pacing

FloatArray = npt.NDArray[np.float64]

PHRASE_BARS = 8
ALIKE_DB = 1.0
"""Music whose bars differ by less has no quiet and no loud ones."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Instants strictly inside the range, ascending; and what could not be had as asked."""

    times: tuple[float, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    times: FloatArray
    weights: FloatArray


def choose_cuts(grid: BeatGrid, pacing: Pacing, start: float, end: float) -> Cuts:
    """The cuts of a song between `start` and `end` seconds.

    What comes before the first beat belongs to the first shot (unless it is as long as that would
    be by itself), and what comes after the last beat to the last.

    Raises:
        AlignmentError: there is no beat in that range, or none of what the rule cuts at.
    """
    heard = grid.between(start, end)
    if not len(heard):
        raise AlignmentError(
            f"there is no beat between {start:.2f} and {end:.2f} s of the song: "
            "choose another part of it"
        )
    notes: list[str] = []
    found = _candidates(heard, pacing, start, end, notes)
    beat = period(heard)
    inside = (found.times > start) & (found.times < end)
    if not pacing.times:  # half a beat more or less is no shot of its own
        inside &= found.times <= end - beat / 2
    times, weights = found.times[inside], found.weights[inside]
    if not pacing.times and len(times) and times[0] == heard.beats[0]:
        following = times[1] if len(times) > 1 else end
        if times[0] - start < following - times[0] - 1e-6:
            times, weights = times[1:], weights[1:]
    least = pacing.min_shot or (beat / 2 if pacing.every.unit == "onsets" else 0.0)
    kept = keep_apart(times, weights, start, end, least)
    _say_what_was_dropped(pacing, times, kept, least, end - start, notes)
    if pacing.max_shot is not None:
        kept = divide(kept, heard, pacing, start, end, notes)
    return Cuts(tuple(kept), tuple(notes))


def _candidates(
    grid: BeatGrid, pacing: Pacing, start: float, end: float, notes: list[str]
) -> _Candidates:
    if pacing.times:
        return _snapped(grid, pacing.times, start, end, notes)
    unit = pacing.every.unit
    if not pacing.pattern and unit in ("drops", "onsets"):
        times, weights = grid.accent_times, grid.accent_strengths
        if unit == "drops":
            times, weights = grid.drops, np.full(len(grid.drops), DROP)
        if not len(times):
            raise AlignmentError(
                f"no {unit} are known between {start:.2f} and {end:.2f} s of the song: "
                "cut by bar or by energy instead"
            )
        return _Candidates(times, weights)
    at = np.array(_counted(grid, pacing, notes), dtype=np.int64)
    return _Candidates(grid.beats[at], beat_weights(grid)[at])


def _counted(grid: BeatGrid, pacing: Pacing, notes: list[str]) -> list[int]:
    """Which beats the rules that count beats and bars cut at."""
    every, beats = pacing.every, len(grid)
    downbeats = np.flatnonzero(grid.positions == 1)
    anchor = int(downbeats[0]) if len(downbeats) else 0
    if pacing.pattern:
        return _walk(anchor, beats, pacing.pattern)
    if every.unit == "energy":
        return _by_energy(grid, pacing.energy_beats or _energy_beats(grid.meter), anchor, notes)
    if every.unit == "beats":
        return list(range(anchor % every.count, beats, every.count))
    if every.unit == "bars":
        return [int(beat) for beat in downbeats[:: every.count]]
    # A phrase begins with each drop, whatever was counted before it.
    at, bars = [], 0
    for beat in downbeats:
        bars = 0 if bars == PHRASE_BARS or grid.beats[beat] in grid.drops else bars
        if bars == 0:
            at.append(int(beat))
        bars += 1
    return at


def _walk(first: int, beats: int, pattern: Sequence[int]) -> list[int]:
    at, turn = [first], 0
    while at[-1] + pattern[turn % len(pattern)] < beats:
        at.append(at[-1] + pattern[turn % len(pattern)])
        turn += 1
    return at


def _energy_beats(meter: int) -> tuple[int, ...]:
    """Two bars of three beats are as long as one and a half of four."""
    return (4, 2, 1) if meter in (1, 2, 4, 8) else (2 * meter, meter, 1)


def _by_energy(grid: BeatGrid, paces: Sequence[int], anchor: int, notes: list[str]) -> list[int]:
    """Cut the faster the louder the bar is, with a cut wherever it becomes faster."""
    bars = grid.bars
    loudness = (np.bincount(bars, grid.energy) / np.maximum(1, np.bincount(bars)))[bars]
    levels = np.searchsorted(
        np.quantile(loudness, np.arange(1, len(paces)) / len(paces)), loudness, side="right"
    )
    if np.ptp(loudness) < ALIKE_DB:
        levels[:] = len(paces) // 2
        notes.append(
            "the music is equally loud throughout, so energy cuts it at one pace: "
            f"{paces[len(paces) // 2]} beats"
        )
    pace = np.array(paces)[levels]
    at = [anchor]
    while True:
        here, step = at[-1], int(pace[at[-1]])
        coming = range(here + 1, min(here + step, len(grid)))
        sooner = (
            beat
            for beat in coming
            if pace[beat] < step or (step <= grid.meter and grid.positions[beat] == 1)
        )
        following = next(sooner, here + step)
        if following >= len(grid):
            return at
        at.append(following)


def _snapped(
    grid: BeatGrid, times: Sequence[float], start: float, end: float, notes: list[str]
) -> _Candidates:
    outside = [time for time in times if not start <= time < end]
    if outside:
        listed = ", ".join(f"{time:.2f}" for time in outside[:5])
        more = "" if len(outside) <= 5 else f" and {len(outside) - 5} more"
        notes.append(f"cuts asked for outside {start:.2f} to {end:.2f} s: {listed}{more} s")
    wanted = np.array(sorted(set(times) - set(outside)), dtype=np.float64)
    at = np.abs(grid.beats[:, None] - wanted).argmin(axis=0) if len(wanted) else np.zeros(0, int)
    usual = period(grid)
    for time, beat in zip(wanted, grid.beats[at], strict=True):
        if abs(beat - time) > usual:
            notes.append(f"the beat nearest to {time:.2f} s is at {beat:.2f} s")
    chosen = np.unique(at)
    if len(chosen) < len(wanted):
        notes.append(f"{len(wanted) - len(chosen)} cuts asked for fall on the beat of another")
    return _Candidates(grid.beats[chosen], np.ones(len(chosen)))


def _say_what_was_dropped(
    pacing: Pacing,
    times: FloatArray,
    kept: Sequence[float],
    least: float,
    length: float,
    notes: list[str],
) -> None:
    dropped = sorted(set(times.tolist()) - set(kept))
    if dropped and pacing.times:
        listed = ", ".join(f"{time:.2f}" for time in dropped[:5])
        more = "" if len(dropped) <= 5 else f" and {len(dropped) - 5} more"
        notes.append(
            f"cuts left out because a shot would be shorter than {least:g} s: {listed}{more} s"
        )
    if length < least:
        notes.append(
            f"the whole montage, {length:.2f} s, is shorter than the shortest shot, {least:g} s"
        )
