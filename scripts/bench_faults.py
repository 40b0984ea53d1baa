"""The faults that a retimer must undo, and films and subtitles that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from bench_films import Case, make_case
from make_films import RATE_HZ, Bank, Film, Samples, break_film, make_film

from avsync.subtitles import Cue
from avsync.timemap import TimeMap

FRAME_RATES = tuple(
    rate
    for up in (Fraction(25, 24), Fraction(1001, 1000), Fraction(25025, 24000))
    for rate in (up, 1 / up)
)
DRIFT = Fraction(10023, 10000)  # no ratio of two frame rates
REACH = 900.0  # seconds of shift that must be found


@dataclass(frozen=True)
class Condition:
    """One kind of fault."""

    name: str
    goal: float = 0.99
    """share of cues within 100 ms that every film must reach"""
    rates: tuple[Fraction, ...] = (Fraction(1),)
    shift: float = 20.0
    """seconds: drawn from ± this"""
    every: int = 1
    breaks: int = 0
    recuts: int = 0
    longest: float = 60.0
    """seconds of the longest break or removed scene"""
    tuned: tuple[str, ...] = ()
    """options with which ffsubsync may do better"""

    @property
    def cut(self) -> tuple[int, int, float]:
        """What was done to the film; conditions that follow each other share it."""
        return self.breaks, self.recuts, self.longest

    @property
    def is_cut(self) -> bool:
        return self.breaks + self.recuts > 0

    @property
    def is_drift(self) -> bool:
        return DRIFT in self.rates


SPLIT = ("--split-penalty", "5")
CONDITIONS = (
    Condition("shift up to ±15 min", shift=REACH),
    Condition("frame rate", rates=FRAME_RATES),
    Condition("frame rate and shift up to ±10 min", rates=FRAME_RATES[:2], shift=600.0),
    Condition("drift of 0.23%", rates=(DRIFT, 1 / DRIFT), tuned=("--gss",)),
    Condition("every ninth cue, shift up to ±5 min", shift=300.0, every=9),
    Condition("every ninth cue, frame rate", rates=FRAME_RATES, every=9),
    Condition("3 breaks", breaks=3, tuned=SPLIT),
    Condition("3 recuts", recuts=3, tuned=SPLIT),
    Condition("8 breaks, shifts up to minutes", 0.97, breaks=8, longest=100.0, tuned=SPLIT),
)


@dataclass(frozen=True)
class Trial:
    """One film's subtitles under one fault."""

    condition: Condition
    rate: Fraction
    shift: float
    case: Case


def cut_film(
    bank: Bank, film: Film, seed: Sequence[int], condition: Condition
) -> tuple[Samples, TimeMap]:
    """The soundtrack of ``film`` with breaks put in and scenes taken out, and its time map."""
    if not condition.is_cut:
        return film.samples, TimeMap.identity()
    breaks, recuts, longest = condition.cut
    adverts = make_film(bank, [*seed, 1, breaks, recuts], minutes=4).samples
    # Cuts are half of their share of the film apart, or more.
    most = 0.4 * len(film.samples) / RATE_HZ / (breaks + recuts + 1)
    rng = np.random.default_rng([*seed, 2, breaks, recuts])
    return break_film(film, rng, adverts, breaks=breaks, recuts=recuts, longest=min(longest, most))


def mistime(
    condition: Condition,
    film: Film,
    time_map: TimeMap,
    seed: Sequence[int],
    *,
    rate: Fraction | None = None,
) -> Trial:
    """The subtitles of ``film`` with one fault, at ``rate`` or at one that is drawn.

    No shift is larger than half of the film, or nothing would be left of its subtitles.
    """
    number = CONDITIONS.index(condition)
    if rate is None:
        drawn = np.random.default_rng([*seed, 3, number]).integers(len(condition.rates))
        rate = condition.rates[drawn]
    rng = np.random.default_rng([*seed, 4, number, condition.rates.index(rate)])
    reach = min(condition.shift, len(film.samples) / RATE_HZ / 2)
    shift = float(rng.uniform(-reach, reach))
    case = make_case(
        film.cues, time_map=time_map, rate=float(rate), shift=shift, every=condition.every
    )
    return Trial(condition, rate, shift, case)


def moved_cues(cues: Sequence[Cue], time_map: TimeMap) -> tuple[Cue, ...]:
    """``cues`` where ``time_map`` shows them, without those that it does not show."""
    moved = []
    for cue in cues:
        piece = time_map.pieces[time_map.index_at(cue.start)]
        if piece.source.contains(cue.start) and cue.end <= piece.source.end:
            moved.append(Cue(piece.map(cue.start), piece.map(cue.end), cue.text))
    return tuple(moved)
