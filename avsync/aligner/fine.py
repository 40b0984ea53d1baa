"""From the lags that the coarse path visits to exact ones: one cue at a time, at 50 Hz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avsync.aligner.attention import lag_logits
from avsync.aligner.path import FloatArray, Path, decode, peak
from avsync.aligner.search import DOUBT, SWITCH_COST, Coarse, Queries, TimeArray
from avsync.encoders.audio import TOKEN_RATE_HZ

STRADDLE = 2  # windows on either side of a jump whose cues may belong to the other side
SAME_LAG = 0.17  # seconds: coarse lags closer than this are one candidate
FINE_REACH = 0.4  # seconds around a coarse lag
TIE = 1e-3  # nats that do not decide between two slopes
FINE_SLACK = 5  # tokens by which habits move a single cue from its segment's lag


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
    """The candidates of ``path``; ``bounds`` are the windows' first cues, see ``Windows``."""
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
    for ends in sorted(np.arange(-largest, largest + 1e-9, 0.01).round(2).tolist(), key=abs):
        slope = ends / max(half, 1.0)
        total = 0.0
        for k in np.unique(owners):
            rows = np.flatnonzero(owners == k)
            shift = np.rint((times[rows] - middle) * slope * TOKEN_RATE_HZ).astype(int)
            index = (band + shift[:, None]).clip(0, len(band) - 1)
            total += float(np.take_along_axis(evidence[rows, k], index, 1).sum(axis=0).max())
        if total > best + TIE:
            best, found = total, slope
    return found
