"""Align cues with a reference: the ladder from tokens to segments, each rung a named result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from avsync.aligner.attention import CrossAttention
from avsync.aligner.edges import habit_correction
from avsync.aligner.fine import (
    FINE_SLACK,
    Fine,
    fine_scores,
    open_lags,
    residual_slope,
    settle,
)
from avsync.aligner.model import RetimeModel
from avsync.aligner.search import (
    BASE_RATES,
    REACH,
    Coarse,
    Drift,
    Queries,
    TimeArray,
    find_drift,
    find_rate,
    group_cues,
    mask_outside,
    pool_keys,
)
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories
from avsync.timemap import nearest_standard_rate
from avsync.tokens import TokenSequence

DIGITS = 10**9  # denominator of a rate that is no standard one
SAME_SHIFT = 0.15  # seconds: shifts closer than this are one segment
TEMPERATURE = 2.5  # trained logits are sharper than they should be on unseen voices


@dataclass(frozen=True)
class Segment:
    """A run of cues under one shift: ``target = rate · time + shift``."""

    first: int
    """its first cue"""
    last: int
    """one past its last cue"""
    shift: float
    """seconds"""
    support: npt.NDArray[np.float32]
    """float32 [cues]: nats by which each cue speaks for this place"""


@dataclass(frozen=True)
class Alignment:
    """Where cues belong on the reference's clock, and the evidence for it."""

    rate: Fraction
    exact: bool
    """whether ``rate`` is a ratio of standard frame rates"""
    segments: tuple[Segment, ...]
    coarse: Coarse
    drift: Drift
    fine: Fine


def stretch(cues: Sequence[CueTiming], rate: float) -> list[CueTiming]:
    """``cues`` on a clock ``rate`` times as long."""
    return [CueTiming(c.start * rate, c.end * rate, c.characters, c.sound) for c in cues]


@torch.inference_mode()
def make_queries(attention: CrossAttention, tokens: TokenSequence, owned: TimeArray) -> Queries:
    """The cue tokens as queries, zero outside of the territories ``owned`` [cues, 2]."""
    projected = attention.project_queries(torch.from_numpy(tokens.values))
    return Queries(mask_outside(projected, tokens.start, owned), tokens.start)


def align(
    model: RetimeModel,
    cues: Sequence[CueTiming],
    reference: TokenSequence,
    *,
    attention: CrossAttention,
    temperature: float = TEMPERATURE,
) -> Alignment:
    """Find the rate, the jumps and the shifts that lay ``cues`` over ``reference``.

    Args:
        cues: in order of start.
        reference: tokens of a soundtrack or of subtitles, from second 0.
        attention: ``model.lag`` for sound, ``model.subtitle`` for subtitles.

    Cues too far from the reference for any shift within reach ("Subtitles by ..." at 99:59:58) take
    no part, and follow the segment next to them.

    Raises:
        ValueError: there are no cues that could belong to the reference.
    """
    first, last = within_reach(cues, reference.duration)
    found = align_within(model, cues[first:last], reference, attention, temperature)
    segments = list(found.segments)
    segments[0] = extended(segments[0], before=first, after=0)
    segments[1:] = [replace(s, first=s.first + first, last=s.last + first) for s in segments[1:]]
    segments[-1] = extended(segments[-1], before=0, after=len(cues) - last)
    return replace(found, segments=tuple(segments))


def within_reach(cues: Sequence[CueTiming], duration: float) -> tuple[int, int]:
    """The first and one past the last cue that some rate and shift could lay on the reference."""
    fastest = float(max(BASE_RATES))
    lowest, highest = -REACH * fastest, (duration + REACH) * fastest
    able = [n for n, cue in enumerate(cues) if lowest <= cue.start <= highest]
    if not able:
        raise ValueError(f"no cue lies within {REACH:g} s of the {duration:.0f} s of the reference")
    return able[0], able[-1] + 1


def extended(segment: Segment, *, before: int, after: int) -> Segment:
    """``segment``, first of its kind at ``before``, with ``after`` cues more that say nothing."""
    silent = np.zeros(before, np.float32), np.zeros(after, np.float32)
    support = np.concatenate([silent[0], segment.support, silent[1]])
    first = 0 if before else segment.first
    return Segment(first, first + len(support), segment.shift, support)


def align_within(
    model: RetimeModel,
    cues: Sequence[CueTiming],
    reference: TokenSequence,
    attention: CrossAttention,
    temperature: float,
) -> Alignment:
    """:func:`align` for cues that all lie within reach."""
    tokens = model.cues.encode(cues)
    with torch.inference_mode():
        keys = attention.project_keys(torch.from_numpy(reference.values))
    windows = group_cues(cues)
    queries = make_queries(attention, tokens, territories(cues))
    coarse = find_rate(queries, windows.spans, pool_keys(keys), temperature)
    drift = find_drift(coarse)
    rate, exact = final_rate(coarse.rate, drift)
    candidates = open_lags(coarse, drift.path, windows.cues)

    def fit(rate: Fraction) -> Fit:
        moved = stretch(cues, float(rate))
        encoded = tokens if rate == 1 else model.cues.encode(moved)
        owned = territories(moved)
        fine = fine_scores(
            make_queries(attention, encoded, owned),
            owned,
            keys,
            candidates,
            temperature=temperature,
        )
        return Fit(moved, encoded, fine, *settle(fine, candidates))

    found = fit(rate)
    if not exact:
        times = np.array([cue.start for cue in found.cues])
        slope = residual_slope(found.fine, found.owners, times)
        rate = Fraction(float(rate) * (1 + slope)).limit_denominator(DIGITS)
        found = fit(rate)
    segments = segments_of(found.fine, found.owners, found.lags)
    if attention is model.lag:
        shifts = np.concatenate([np.full(s.last - s.first, s.shift) for s in segments])
        habit = habit_correction(model, found.cues, shifts, found.tokens, reference)
        segments = tuple(replace(part, shift=part.shift + habit) for part in segments)
    return Alignment(rate, exact, segments, coarse, drift, found.fine)


@dataclass(frozen=True)
class Fit:
    """Cues on their final clock, and the lag that each belongs to."""

    cues: Sequence[CueTiming]
    tokens: TokenSequence
    fine: Fine
    owners: npt.NDArray[np.int64]
    """int64 [cues]: indices into the candidates"""
    lags: TimeArray
    """float64 [candidates]: seconds"""


def final_rate(base: float, drift: Drift) -> tuple[Fraction, bool]:
    """The exact rate where it is a standard one, else the drift to nine digits."""
    rate = base * (1 + drift.slope)
    standard = nearest_standard_rate(rate, 2e-5)
    if drift.standard and standard is not None:
        return standard, True
    return Fraction(rate).limit_denominator(DIGITS), False


def segments_of(fine: Fine, owners: npt.NDArray[np.int64], lags: TimeArray) -> tuple[Segment, ...]:
    """Runs of cues with one owner; neighbours whose lags hardly differ are one segment."""
    tops = (
        np.rint((lags - fine.centres) * TOKEN_RATE_HZ).astype(np.int64)
        + fine.posterior.shape[2] // 2
    )
    support = fine.near(tops, slack=FINE_SLACK)
    edges = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
    found: list[Segment] = []
    for first, last in pairwise(edges):
        shift, own = float(lags[owners[first]]), support[first:last, owners[first]]
        if found and abs(found[-1].shift - shift) < SAME_SHIFT:
            before = found.pop()
            share = (before.last - before.first) / (last - before.first)
            shift = share * before.shift + (1 - share) * shift
            first, own = before.first, np.concatenate([before.support, own])
        found.append(Segment(first, last, shift, own))
    return tuple(found)
