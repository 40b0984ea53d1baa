"""Search a whole film for where its cues belong: the rate and the jumps, coarsely.

Cues are grouped into windows of some seconds; each gets its lag logits over the full reach at
12.5 Hz, under each family of frame-rate changes, and a path through them says where the lag jumps
(:mod:`avsync.aligner.path`). A rate is judged by the score of its decoded path, never by the best
single lag, which breaks in the film would spoil. :mod:`avsync.aligner.fine` then looks closer.

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

from avsync.aligner.attention import window_lag_logits
from avsync.aligner.path import Path, decode, evidence
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories

POOL = 4  # tokens summed to one coarse step
STEP = POOL / TOKEN_RATE_HZ  # 0.08 s
REACH = 900.0  # seconds: the largest shift looked for
WINDOW = 10.0  # seconds: cues are grouped until they span this
RATE_RUNS = 5  # stretches of the film that they lie in
RATE_WINDOWS = 80  # windows that judge a rate; enough to tell, few enough to be quick
SWITCH_COST = 20.0  # nats: a jump in a few hundred cues, to anywhere in the reach
DRIFT_COST = 2.0  # nats
RATE_COST = 10.0  # nats: for any standard rate but 1
STRETCH_COST = 30.0  # nats: for a drift that is no standard rate
DOUBT = 0.02  # share of cues that tell nothing: never spoken, or mistimed
OUTSIDE = -1.0  # nats for lying before or after the recording: less bad than in a wrong place
SMALLEST_DRIFT = 0.12  # seconds over the whole file that a drift must amount to
SURE = 1.5  # nats per window that no wrong rate reaches
BATCH = 64  # windows scored at a time, which bounds the memory
BLUR = (1, 2, 3, 2, 1)  # weights of neighbouring lags: a scatter of about 0.1 s
NEAR = 4.0  # seconds around a path within which drifts are compared
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
        return taken.reshape(len(taken), n, pool, -1).sum(2), torch.from_numpy(starts)


def mask_outside(tokens: Tensor, start: float, owned: TimeArray) -> Tensor:
    """Set ``tokens`` [n, d] outside every territory ``owned`` [cues, 2] to zero, in place."""
    inside = np.zeros(len(tokens), bool)
    for begin, end in np.rint((owned - start) * TOKEN_RATE_HZ).astype(int).clip(0):
        inside[begin:end] = True
    tokens[torch.from_numpy(~inside)] = 0.0
    return tokens


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
    return padded.reshape(-1, POOL, padded.shape[1]).mean(1)


def coarse_scores(
    queries: Queries, windows: TimeArray, keys: Tensor, rate: float, temperature: float
) -> Coarse:
    """Evidence of ``windows`` [windows, 2] over every lag within reach; ``keys`` are pooled."""
    lowest = max(-REACH, -windows[-1, 1] * rate)
    highest = max(lowest, min(REACH, len(keys) * STEP - windows[0, 0] * rate))
    low, high = int(np.floor(lowest / STEP)), int(np.ceil(highest / STEP))
    lags = np.arange(low, high + 1, dtype=np.float64) * STEP
    times = windows.mean(axis=1) * rate
    scores = np.empty((len(windows), len(lags)), np.float32)
    for first in range(0, len(windows), BATCH):
        rows = slice(first, first + BATCH)
        tokens, starts = queries.resampled(windows[rows], rate, POOL)
        logits = window_lag_logits(tokens, starts, keys, lowest=low, highest=high).numpy()
        at = times[rows, None] + lags
        # Outside the recording there is nothing to agree with, which must not look like agreement.
        outside = (at < 0) | (at > len(keys) * STEP)
        logits[outside] = -np.inf
        scores[rows] = evidence(logits, temperature=temperature, doubt=DOUBT)
        scores[rows][outside] = OUTSIDE
    return Coarse(rate, scores, lags, times)


def shear(coarse: Coarse, slope: float) -> FloatArray:
    """The scores along lines of ``slope`` (seconds of lag per second) instead of along one lag."""
    moved = slope * coarse.times / STEP
    whole = np.floor(moved).astype(int)
    part = (moved - whole).astype(np.float32)
    count = coarse.scores.shape[1]
    out = np.empty_like(coarse.scores)
    for row, scores, shift, weight in zip(out, coarse.scores, whole, part, strict=True):
        likelihood = np.exp(scores)  # a peak between two lags must not sink to their mean in nats
        index = np.arange(count) + shift
        low, high = index.clip(0, count - 1), (index + 1).clip(0, count - 1)
        row[:] = likelihood[low] + weight * (likelihood[high] - likelihood[low])
    np.log(out, out=out)
    return out


def judging_windows(count: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` windows judge a rate: runs of neighbours, since drift shows in a run."""
    if count <= RATE_WINDOWS:
        return np.arange(count)
    run = RATE_WINDOWS // RATE_RUNS
    firsts = np.linspace(0, count - run, RATE_RUNS).astype(np.int64)
    return np.unique(firsts[:, None] + np.arange(run))


def find_rate(queries: Queries, windows: TimeArray, keys: Tensor, temperature: float) -> Coarse:
    """The coarse evidence under the base rate whose decoded path explains the windows best.

    Drift is let through, so that 25 → 23.976 counts for its base 25 → 24. ``RATE_WINDOWS`` of the
    windows decide; the winner is then scored on all. No other rate is tried
    where rate 1 reaches what a wrong one never does.
    """
    some = windows[judging_windows(len(windows))]
    best, highest = BASE_RATES[0], -np.inf
    for rate in BASE_RATES:
        coarse = coarse_scores(queries, some, keys, float(rate), temperature)
        path = decode(coarse.scores, switch_cost=SWITCH_COST, drift_cost=DRIFT_COST)
        score = path.score - (0.0 if rate == 1 else RATE_COST)
        if score > highest:
            best, highest = rate, score
        if highest > SURE * len(some) + RATE_COST:
            break
    if best == coarse.rate and len(some) == len(windows):
        return coarse
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
    slope, length = path_slope(coarse, loose), float(np.ptp(coarse.times))
    near = near_path(coarse, loose)
    slopes = [(0.0, True), (1 / (1 + PULLDOWN) - 1, True), (PULLDOWN, True)]
    step = 0.5 * STEP / max(length, 1.0)
    slopes += [(slope + k * step, False) for k in (-2, -1, 0, 1, 2)]

    def worth(option: tuple[float, bool]) -> float:
        slope, standard = option
        cost = RATE_COST if standard else STRETCH_COST
        path = decode(shear(near, slope), switch_cost=SWITCH_COST)
        return path.score - (cost if slope else 0.0)

    able = [s for s in slopes if not s[0] or abs(s[0]) * length > SMALLEST_DRIFT]
    best, standard = max(able, key=worth)
    scores = shear(coarse, best) if best else coarse.scores
    path = decode(scores, switch_cost=SWITCH_COST)
    cost = 0.0 if not best else RATE_COST if standard else STRETCH_COST
    return Drift(best, standard, path, scores, path.score - cost)


def near_path(coarse: Coarse, path: Path) -> Coarse:
    """The evidence around the lags that ``path`` visits, each window's blurred by ``BLUR``.

    Windows scatter around the lag of the film by the habits of whoever timed them. Without the
    blur, a slope would gain by blurring what it interpolates.
    """
    margin = round(NEAR / STEP) + 1
    low, high = max(0, path.lags.min() - margin), path.lags.max() + margin + 1
    likelihood = np.exp(coarse.scores[:, low:high])
    padded = np.pad(likelihood, ((0, 0), (len(BLUR) // 2, len(BLUR) // 2)), mode="edge")
    blurred = np.zeros_like(likelihood)
    for k, weight in enumerate(BLUR):
        blurred += np.float32(weight / sum(BLUR)) * padded[:, k : k + likelihood.shape[1]]
    return Coarse(coarse.rate, np.log(blurred), coarse.lags[low:high], coarse.times)
