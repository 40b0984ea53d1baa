"""Search a whole film for where its cues belong: rate first, then lags, coarse to fine.

Coarse: cues are grouped into windows of some seconds; each gets its lag logits over the full reach
at 12.5 Hz, under each family of frame-rate changes, and a monotonic path through them says where
the lag jumps (:mod:`avsync.aligner.path`). A rate is judged by the score of its decoded path, never by
the best single lag, which breaks in the film would spoil. Fine: at 50 Hz, one cue at a time, but
only near the lags that the coarse path visits.

All scores are log likelihood ratios in nats, so every cost below is the log of a prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avsync.aligner.attention import lag_logits, window_lag_logits
from avsync.aligner.path import Path, decode, evidence, peak
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories
from avsync.tokens import TokenSequence

POOL = 4  # tokens summed to one coarse step
STEP = POOL / TOKEN_RATE_HZ  # 0.08 s
REACH = 900.0  # seconds: the largest shift looked for
WINDOW = 10.0  # seconds: cues are grouped until they span this
RATE_WINDOWS = 80  # windows that judge a rate; enough to tell, few enough to be quick
SWITCH_COST = 14.0  # nats: about one jump in a hundred cues, to anywhere in the reach
DRIFT_COST = 2.0  # nats
RATE_COST = 10.0  # nats: for any standard rate but 1
STRETCH_COST = 30.0  # nats: for a drift that is no standard rate
DOUBT = 0.02  # share of cues that tell nothing: never spoken, or mistimed
STRADDLE = 2  # windows on either side of a jump whose cues may belong to the other side
SAME_LAG = 0.17  # seconds: coarse lags closer than this are one candidate
FINE_REACH = 0.4  # seconds around a coarse lag
FINE_SLACK = 5  # tokens by which habits move a single cue from its segment's lag
SMALLEST_DRIFT = 0.12  # seconds over the whole file that a drift must amount to
PULLDOWN = 0.001  # 24 → 23.976 and its like
BASE_RATES = tuple(
    Fraction(n, d) for n, d in ((1, 1), (25, 24), (24, 25), (6, 5), (5, 6), (5, 4), (4, 5))
)

FloatArray = npt.NDArray[np.float32]
TimeArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Groups of consecutive cues, each one query; times on the cues' own clock."""

    spans: TimeArray
    """float64 [windows, 2]: from the first to the last second that the cues speak for"""
    cues: npt.NDArray[np.int64]
    """int64 [windows + 1]: window ``w`` holds cues ``cues[w]`` to ``cues[w + 1] − 1``"""

    @property
    def times(self) -> TimeArray:
        middles: TimeArray = self.spans.mean(axis=1)
        return middles


def group_cues(cues: Sequence[CueTiming], *, span: float = WINDOW) -> Windows:
    """Group ``cues`` (in order of start) into windows of about ``span`` seconds."""
    owned = territories(cues)
    first, spans, bounds = 0, [], [0]
    for n in range(len(cues)):
        last = n + 1 == len(cues)
        if (
            last
            or owned[n, 1] - owned[first, 0] >= span
            or owned[n + 1, 1] - owned[first, 0] > 2 * span
        ):
            spans.append((owned[first, 0], owned[first : n + 1, 1].max()))
            bounds.append(n + 1)
            first = n + 1
    return Windows(np.array(spans), np.array(bounds))


@dataclass(frozen=True)
class Queries:
    """Projected cue tokens at 50 Hz, zero where no cue speaks."""

    tokens: Tensor
    """float32 [tokens, d]"""
    start: float

    def resampled(self, spans: TimeArray, rate: float, pool: int) -> tuple[Tensor, Tensor]:
        """The windows ``spans`` [windows, 2] on a clock ``rate`` times as long.

        Returns the queries [windows, n, d] at 50/``pool`` Hz, tokens summed, and their starts
        int64 [windows] in steps of that rate.
        """
        step = pool / TOKEN_RATE_HZ
        starts = np.floor(spans[:, 0] * rate / step).astype(np.int64)
        stops = np.ceil(spans[:, 1] * rate / step).astype(np.int64)
        n = max(1, int((stops - starts).max()))
        fine = (starts[:, None] * pool + np.arange(n * pool)) / TOKEN_RATE_HZ / rate
        index = np.rint((fine - self.start) * TOKEN_RATE_HZ).astype(np.int64)
        inside = (
            (fine >= spans[:, :1])
            & (fine < spans[:, 1:])
            & (index >= 0)
            & (index < len(self.tokens))
        )
        taken = self.tokens[torch.from_numpy(np.where(inside, index, 0))]
        taken = taken * torch.from_numpy(inside.astype(np.float32))[..., None]
        return taken.unflatten(1, (n, pool)).sum(2), torch.from_numpy(starts)


def mask_outside(tokens: Tensor, start: float, owned: TimeArray) -> Tensor:
    """``tokens`` [n, d] with those outside every territory ``owned`` [cues, 2] set to zero."""
    inside = np.zeros(len(tokens), bool)
    for begin, end in np.rint((owned - start) * TOKEN_RATE_HZ).astype(int).clip(0):
        inside[begin:end] = True
    return tokens * torch.from_numpy(inside.astype(np.float32))[:, None]


@dataclass(frozen=True)
class Coarse:
    """The evidence of every window for every lag, under one rate."""

    rate: float
    scores: FloatArray
    """float32 [windows, lags], nats"""
    lags: TimeArray
    """float64 [lags]: seconds, target − rate · time"""
    times: TimeArray
    """float64 [windows]: middles of the windows on the stretched clock"""


def pool_keys(keys: Tensor) -> Tensor:
    """[m, d] → [⌈m / POOL⌉, d], means."""
    padded = torch.nn.functional.pad(keys, (0, 0, 0, -len(keys) % POOL))
    return padded.unflatten(0, (-1, POOL)).mean(1)


def coarse_scores(
    queries: Queries, windows: TimeArray, keys: Tensor, rate: float, temperature: float
) -> Coarse:
    """Evidence of ``windows`` [windows, 2] over every lag within reach; ``keys`` are pooled."""
    tokens, starts = queries.resampled(windows, rate, POOL)
    lowest = max(-REACH, -windows[-1, 1] * rate)
    highest = min(REACH, len(keys) * STEP - windows[0, 0] * rate)
    low, high = (
        int(np.floor(lowest / STEP)),
        max(int(np.floor(lowest / STEP)), int(np.ceil(highest / STEP))),
    )
    logits = window_lag_logits(tokens, starts, keys, lowest=low, highest=high).numpy()
    lags, times = np.arange(low, high + 1) * STEP, windows.mean(axis=1) * rate
    at = times[:, None] + lags
    # Outside the recording there is nothing to agree with, which must not look like agreement.
    logits[(at < 0) | (at > len(keys) * STEP)] = -np.inf
    return Coarse(rate, evidence(logits, temperature=temperature, doubt=DOUBT), lags, times)


def shear(coarse: Coarse, slope: float) -> FloatArray:
    """The scores along lines of ``slope`` (seconds of lag per second) instead of along one lag."""
    moved = slope * coarse.times / STEP
    whole = np.floor(moved).astype(int)
    part = (moved - whole).astype(np.float32)
    count = coarse.scores.shape[1]
    out = np.empty_like(coarse.scores)
    for row, scores, shift, weight in zip(out, coarse.scores, whole, part, strict=True):
        index = np.arange(count) + shift
        low, high = scores[index.clip(0, count - 1)], scores[(index + 1).clip(0, count - 1)]
        row[:] = low + weight * (high - low)
    return out


def find_rate(queries: Queries, windows: TimeArray, keys: Tensor, temperature: float) -> Coarse:
    """The coarse evidence under the base rate whose decoded path explains the windows best.

    Drift is let through, so that 25 → 23.976 counts for its base 25 → 24. ``RATE_WINDOWS`` of the
    windows, spread over the file, decide; the winner is then scored on all.
    """
    some = windows[np.unique(np.linspace(0, len(windows) - 1, RATE_WINDOWS).astype(int))]

    def score(rate: Fraction) -> float:
        coarse = coarse_scores(queries, some, keys, float(rate), temperature)
        path = decode(coarse.scores, switch_cost=SWITCH_COST, drift_cost=DRIFT_COST)
        return path.score - (0.0 if rate == 1 else RATE_COST)

    best = max(BASE_RATES, key=score)
    return coarse_scores(queries, windows, keys, float(best), temperature)


def path_slope(coarse: Coarse, path: Path) -> float:
    """The drift of ``path`` in seconds per second, one slope for all its segments.

    Least squares with an intercept for each segment; windows that say nothing do not count.
    """
    counted = coarse.scores[np.arange(len(path.lags)), path.lags] > 0
    upper = lower = 0.0
    for rows in np.split(np.arange(len(path.lags)), path.switches):
        rows = rows[counted[rows]]
        if len(rows) < 3:
            continue
        x = coarse.times[rows] - coarse.times[rows].mean()
        upper += float(x @ (coarse.lags[path.lags[rows]] - coarse.lags[path.lags[rows]].mean()))
        lower += float(x @ x)
    return upper / lower if lower else 0.0


@dataclass(frozen=True)
class Drift:
    """A rate relative to the base rate, and the path that it makes straight."""

    slope: float
    standard: bool
    path: Path
    scores: FloatArray
    score: float


def find_drift(coarse: Coarse) -> Drift:
    """Choose between the base rate, its 0.1% neighbours and any other drift, by path score.

    A drift that is no standard rate must be worth ``STRETCH_COST`` nats and ``SMALLEST_DRIFT``
    seconds, so that a right rate is never stretched.
    """
    loose = decode(coarse.scores, switch_cost=SWITCH_COST, drift_cost=DRIFT_COST)
    slope = path_slope(coarse, loose)
    length = float(np.ptp(coarse.times))

    def straight(slope: float, cost: float, *, standard: bool) -> Drift:
        scores = shear(coarse, slope) if slope else coarse.scores
        path = decode(scores, switch_cost=SWITCH_COST)
        return Drift(slope, standard, path, scores, path.score - cost)

    options = [straight(0.0, 0.0, standard=True)]
    options += [
        straight(pulldown, RATE_COST, standard=True)
        for pulldown in (1 / (1 + PULLDOWN) - 1, PULLDOWN)
    ]
    if abs(slope) * length > SMALLEST_DRIFT:
        step = 0.5 * STEP / max(length, 1.0)
        options += [
            straight(slope + k * step, STRETCH_COST, standard=False) for k in (-2, -1, 0, 1, 2)
        ]
    return max(options, key=lambda option: option.score)


@dataclass(frozen=True)
class Candidate:
    """A lag that the coarse path visits."""

    lag: float
    """seconds"""
    home: npt.NDArray[np.int64]
    """the cues that the coarse path gives to it"""
    open_to: npt.NDArray[np.int64]
    """those and the cues near a jump, which may be its own too; ascending"""


def open_lags(coarse: Coarse, path: Path, bounds: npt.NDArray[np.int64]) -> list[Candidate]:
    """The candidates of ``path``; ``bounds`` are the windows' first cues, as in :class:`Windows`."""
    runs = np.split(np.arange(len(path.lags)), np.flatnonzero(np.diff(path.lags)) + 1)
    found: list[tuple[float, set[int], set[int]]] = []
    for run in runs:
        lag = float(coarse.lags[path.lags[run[0]]])
        home = set(range(int(bounds[run[0]]), int(bounds[run[-1] + 1])))
        first, last = max(0, run[0] - STRADDLE), min(len(bounds) - 1, run[-1] + 1 + STRADDLE)
        near = set(range(int(bounds[first]), int(bounds[last])))
        twin = next((c for c in found if abs(c[0] - lag) <= SAME_LAG), None)
        if twin is None:
            found.append((lag, home, near))
        else:
            twin[1].update(home)
            twin[2].update(near)
    return [Candidate(c[0], np.array(sorted(c[1])), np.array(sorted(c[2]))) for c in found]


@dataclass(frozen=True)
class Fine:
    """The evidence of every cue for lags around each candidate, at 50 Hz."""

    posterior: FloatArray
    """float32 [cues, candidates, band]: each cue's own, over all that it is open to"""
    centres: TimeArray
    """float64 [candidates]: seconds, the lag in the middle of each band"""

    @property
    def evidence(self) -> FloatArray:
        """float32 [cues, candidates, band]: nats against "anywhere", bounded by ``DOUBT``."""
        count = self.posterior[0].size
        ratios: FloatArray = np.log(DOUBT + (1 - DOUBT) * count * self.posterior)
        return ratios

    def near(self, offsets: npt.NDArray[np.int64], slack: int) -> FloatArray:
        """float32 [cues, candidates]: nats for lying within ``slack`` tokens of ``offsets``."""
        band = np.arange(self.posterior.shape[2])
        taken = np.abs(band - offsets[:, None]) <= slack  # [candidates, band]
        share = (self.posterior * taken).sum(axis=2)
        count = self.posterior[0].size / (2 * slack + 1)
        ratios: FloatArray = np.log(DOUBT + (1 - DOUBT) * count * share)
        return ratios


def fine_scores(
    queries: Queries,
    owned: TimeArray,
    keys: Tensor,
    candidates: Sequence[Candidate],
    *,
    temperature: float,
    batch: int = 64,
) -> Fine:
    """Score each cue within ``FINE_REACH`` of each candidate that is open to it.

    ``queries`` and their territories ``owned`` [cues, 2] are on their final clock; ``keys`` [m, d]
    at 50 Hz.
    """
    half = round(FINE_REACH * TOKEN_RATE_HZ)
    band = 2 * half + 1
    logits = np.full((len(owned), len(candidates), band), -np.inf, np.float32)
    centres = np.rint(np.array([c.lag for c in candidates]) * TOKEN_RATE_HZ).astype(np.int64)
    for column, (centre, candidate) in enumerate(zip(centres.tolist(), candidates, strict=True)):
        for first in range(0, len(candidate.open_to), batch):
            some = candidate.open_to[first : first + batch]
            tokens, starts = queries.resampled(owned[some], 1.0, 1)
            n = tokens.shape[1]
            index = (starts + centre - half)[:, None] + torch.arange(n + band - 1)
            known = ((index >= 0) & (index < len(keys)))[..., None]
            near = keys[index.clamp(0, len(keys) - 1)] * known
            logits[some, column] = lag_logits(tokens, near)[:, n - 1 : n - 1 + band].numpy()
    logits /= np.float32(temperature)
    logits -= logits.max(axis=(1, 2), keepdims=True)
    likelihood = np.exp(logits)
    return Fine(likelihood / likelihood.sum(axis=(1, 2), keepdims=True), centres / TOKEN_RATE_HZ)


def settle(
    fine: Fine, candidates: Sequence[Candidate], *, rounds: int = 3
) -> tuple[npt.NDArray[np.int64], TimeArray]:
    """Which candidate each cue belongs to, and the exact lag of each candidate.

    The two are found in turn: the lag of a candidate from all of its cues together, then a path
    over the candidates given their lags. Cues differ by the habits of whoever timed them, so none
    of them has a lag of its own.

    Returns int64 [cues] (indices into ``candidates``) and float64 [candidates] (seconds).
    """
    evidence = fine.evidence
    owners = np.zeros(len(evidence), np.int64)
    for k, candidate in enumerate(candidates):
        owners[candidate.home] = k
    tops = np.zeros(len(candidates))
    for _ in range(rounds):
        for k in range(len(candidates)):
            if (owners == k).any():
                tops[k] = peak(evidence[owners == k, k].sum(axis=0))
        scores = fine.near(np.rint(tops).astype(np.int64), slack=FINE_SLACK)
        owners = decode(scores, switch_cost=SWITCH_COST).lags
    half = (evidence.shape[2] - 1) / 2
    return owners, fine.centres + (tops - half) / TOKEN_RATE_HZ


def residual_slope(
    fine: Fine, owners: npt.NDArray[np.int64], times: TimeArray, *, largest: float = 0.3
) -> float:
    """The drift that is left, in seconds per second, after the rate has been taken out.

    The one that makes the summed evidence of every candidate the highest, among those that move
    either end of the file by up to ``largest`` seconds.
    """
    evidence, half = fine.evidence, np.ptp(times) / 2
    middle = (times.min() + times.max()) / 2
    band = np.arange(evidence.shape[2])
    best, found = -np.inf, 0.0
    for ends in np.arange(-largest, largest + 1e-9, 0.01):
        slope = ends / max(half, 1.0)
        total = 0.0
        for k in np.unique(owners):
            rows = np.flatnonzero(owners == k)
            shift = np.rint((times[rows] - middle) * slope * TOKEN_RATE_HZ).astype(int)
            index = (band + shift[:, None]).clip(0, len(band) - 1)
            total += float(np.take_along_axis(evidence[rows, k], index, 1).sum(axis=0).max())
        if total > best:
            best, found = total, slope
    return found
