"""Where to cut: the instants of a song at which one shot is to follow another. Pure.

A rule names candidates, each with a weight that says how much it matters musically (a downbeat
more than an upbeat, a loud accent more than a faint one). Where candidates lie closer together
than the shortest shot, those are kept that weigh most in sum; where they leave a shot longer than
the longest, it is divided on beats, as evenly as these allow.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from avsync.beats.grid import BeatGrid
from avsync.errors import AlignmentError

FloatArray = npt.NDArray[np.float64]
Unit = Literal["beats", "bars", "phrase", "energy", "drops", "onsets"]

PHRASE_BARS = 8
ALIKE_DB = 1.0
"""Music whose bars differ by less has no quiet and no loud ones."""
_RULE = re.compile(r"(\d+)?\s*(beats?|bars?)?", re.IGNORECASE)
_DOWNBEAT, _HALF_BAR, _BEAT, _DROP = 2.5, 1.5, 1.0, 4.0


@dataclass(frozen=True, slots=True)
class Every:
    """A rule of cutting, as `parse` reads it from "beat", 2, "2 bars", "energy" and so on."""

    unit: Unit
    count: int = 1

    @classmethod
    def parse(cls, value: int | str) -> Every:
        """The rule that a number of beats or a few words name.

        Raises:
            ValueError: they name none.

        >>> Every.parse("4 bars")
        Every(unit='bars', count=4)
        """
        text = str(value).strip().lower()
        for unit in ("phrase", "energy", "drops", "onsets"):
            if text in (unit, unit.removesuffix("s")):
                return cls(unit)
        found = _RULE.fullmatch(text)
        if not text or found is None or int(found[1] or 1) < 1:
            raise ValueError(
                f"cannot cut every {value!r}: give a number of beats, "
                '"beat", "2 beats", "bar", "4 bars", "phrase", "energy", "drops" or "onsets"'
            )
        return cls("bars" if (found[2] or "").startswith("bar") else "beats", int(found[1] or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How often to cut. `pattern` and `times` each take the place of `every`."""

    every: Every = Every("bars")
    pattern: tuple[int, ...] = ()
    """beats of one shot after the other, again from the front when it ends"""
    times: tuple[float, ...] = ()
    """seconds on the song's clock, each moved to the nearest beat"""
    energy_beats: tuple[int, ...] = ()
    """beats of a shot in the quietest music, ..., in the loudest; if empty, by meter"""
    min_shot: float | None = None
    """seconds"""
    max_shot: float | None = None
    """seconds"""

    def __post_init__(self) -> None:
        if self.pattern and self.times:
            raise ValueError("cut by a pattern or at given times, not by both")
        for name, beats in (("pattern", self.pattern), ("energy_beats", self.energy_beats)):
            if any(count < 1 for count in beats):
                raise ValueError(f"{name} counts beats, 1 or more each; got {list(beats)}")
        if not all(map(math.isfinite, self.times)):
            raise ValueError(f"times are finite seconds; got {list(self.times)}")
        for name, limit in (("min_shot", self.min_shot), ("max_shot", self.max_shot)):
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise ValueError(f"{name} is a positive number of seconds; got {limit}")
        if self.min_shot and self.max_shot and self.min_shot > self.max_shot:
            raise ValueError(
                f"the shortest shot, {self.min_shot} s, is longer than the longest, "
                f"{self.max_shot} s"
            )


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
    period = _period(heard)
    inside = (found.times > start) & (found.times < end)
    if not pacing.times:  # half a beat more or less is no shot of its own
        inside &= found.times <= end - period / 2
    times, weights = found.times[inside], found.weights[inside]
    if not pacing.times and len(times) and times[0] == heard.beats[0]:
        following = times[1] if len(times) > 1 else end
        if times[0] - start < following - times[0] - 1e-6:
            times, weights = times[1:], weights[1:]
    least = pacing.min_shot or (period / 2 if pacing.every.unit == "onsets" else 0.0)
    kept = _keep_apart(times, weights, start, end, least)
    _say_what_was_dropped(pacing, times, kept, least, end - start, notes)
    if pacing.max_shot is not None:
        kept = _divide(kept, heard, pacing, start, end, notes)
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
            times, weights = grid.drops, np.full(len(grid.drops), _DROP)
        if not len(times):
            raise AlignmentError(
                f"no {unit} are known between {start:.2f} and {end:.2f} s of the song: "
                "cut by bar or by energy instead"
            )
        return _Candidates(times, weights)
    at = np.array(_counted(grid, pacing, notes), dtype=np.int64)
    return _Candidates(grid.beats[at], _beat_weights(grid)[at])


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
    period = _period(grid)
    for time, beat in zip(wanted, grid.beats[at], strict=True):
        if abs(beat - time) > period:
            notes.append(f"the beat nearest to {time:.2f} s is at {beat:.2f} s")
    chosen = np.unique(at)
    if len(chosen) < len(wanted):
        notes.append(f"{len(wanted) - len(chosen)} cuts asked for fall on the beat of another")
    return _Candidates(grid.beats[chosen], np.ones(len(chosen)))


def _beat_weights(grid: BeatGrid) -> FloatArray:
    weights = np.full(len(grid), _BEAT)
    if grid.meter % 2 == 0:
        weights[grid.positions == 1 + grid.meter // 2] = _HALF_BAR
    weights[grid.positions == 1] = _DOWNBEAT
    weights[np.isin(grid.beats, grid.drops)] = _DROP
    return weights


def _keep_apart(
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


def _divide(
    cuts: Sequence[float],
    grid: BeatGrid,
    pacing: Pacing,
    start: float,
    end: float,
    notes: list[str],
) -> list[float]:
    """Cut again wherever a shot is longer than the longest."""
    most, least = pacing.max_shot or math.inf, pacing.min_shot or 0.0
    # On bars if that will do, else on half bars, else on any beat.
    weights = _beat_weights(grid)
    levels = [grid.beats[weights >= least_weight] for least_weight in (_DOWNBEAT, _HALF_BAR)]
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


def _period(grid: BeatGrid) -> float:
    return 60 / grid.tempo_bpm if len(grid) > 1 else 0.5


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
