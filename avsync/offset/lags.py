"""The coarse lag: which lines through time one recording may lie on, over another.

Cross-attention without projections: tokens of one recording are queries, those of the other keys,
and a constant lag is a diagonal of their score matrix (`avsync.aligner.attention`). Two clocks
never run alike, so over hours the diagonal bends away from itself by seconds. The recording is
therefore cut into windows of 15 s, in which no clock drifts by as much as a token; each names the
lags at which it fits best, and the lines `lag = offset + drift * time` on which most of that falls
are found by voting (Hough 1962; Duda and Hart 1972). A window that hears nothing names lags as any
noise does, all about equally good, and has next to no voice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avsync.aligner.attention import window_lag_logits
from avsync.offset.listening import TOKEN_RATE_HZ
from avsync.progress import Progress
from avsync.tokens import TokenSequence

WINDOW_TOKENS = 375
"""15 s: an overlap of 30 s has one window all to itself, wherever it lies."""
LARGEST_DRIFT = 5e-4
"""500 ppm: quartz clocks are within 100, cheap ones within 200."""
LIKELY_DRIFT = 1e-4  # for want of evidence, a drift is of this order
LINES = 10  # candidates that are worth a closer look
_PEAKS = 12  # lags that a window names
_BATCH = 48  # windows that are scored at once, which bounds the memory
_APART = 3  # tokens between two lags of one window
_LOUDEST = 4.0  # votes that one window may give to one lag
_LAG_ERROR_S = 0.012  # standard deviation of a peak that is right
_SAME_S = 0.1  # seconds: lags this near a line belong to it

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """How one clock lies on another: second `t` is `offset_s + (1 + drift) * t` there."""

    offset_s: float
    drift: float
    """seconds gained per second; positive: the recording's clock is slow"""
    votes: float = 0.0
    drift_error: float = LARGEST_DRIFT
    """standard deviation of `drift`"""
    heard_at: tuple[float, ...] = ()
    """seconds on the recording's clock: middles of the windows that voted for it, loudest first"""

    def at(self, seconds: FloatArray | float) -> FloatArray:
        """The same instants on the other clock."""
        return np.asarray(self.offset_s + (1 + self.drift) * np.asarray(seconds))


@dataclass(frozen=True, slots=True)
class _Peaks:
    """Lags that windows name, all in one row each."""

    times: FloatArray
    """seconds on the recording's clock: middles of the windows"""
    lags: FloatArray
    """seconds, the other clock minus the recording's"""
    votes: FloatArray


def find_lines(
    tokens: TokenSequence, reference: TokenSequence, *, progress: Progress | None = None
) -> list[Line]:
    """The lines on which a recording most likely lies over the reference, the likeliest first."""
    peaks = _name_lags(tokens, reference, progress)
    lines: list[Line] = []
    while len(lines) < LINES and len(peaks.times) and peaks.votes.max() > 0:
        line = _fit(peaks, *_most_voted(peaks))
        lines.append(line)
        others = np.abs(peaks.lags - line.offset_s - line.drift * peaks.times) > _SAME_S
        peaks = _Peaks(peaks.times[others], peaks.lags[others], peaks.votes[others])
    return lines


def _name_lags(
    tokens: TokenSequence, reference: TokenSequence, progress: Progress | None
) -> _Peaks:
    values, keys = torch.from_numpy(tokens.values), torch.from_numpy(reference.values)
    starts = np.arange(0, max(1, len(tokens)), WINDOW_TOKENS)
    if len(starts) > 1 and len(tokens) - starts[-1] < WINDOW_TOKENS // 3:
        starts = starts[:-1]  # too short a rest to name anything
    width = min(WINDOW_TOKENS, len(tokens))
    times, lags, votes = [], [], []
    for first in range(0, len(starts), _BATCH):
        if progress is not None:
            progress("comparing", first / len(starts))
        some = starts[first : first + _BATCH]
        queries = torch.stack([_padded(values[s : s + width], width) for s in some])
        # All windows begin at 0 here, so that they share their blocks of keys.
        scores = window_lag_logits(
            queries,
            torch.zeros(len(some), dtype=torch.int64),
            keys,
            lowest=-width,
            highest=len(keys),
        )
        places, heights = _peaks(scores)
        times.append(np.repeat((some + width / 2) / TOKEN_RATE_HZ, places.shape[1]))
        lags.append(((places - width - some[:, None]) / TOKEN_RATE_HZ).ravel())
        votes.append(heights.ravel())
    shift = reference.start - tokens.start
    return _Peaks(np.concatenate(times), np.concatenate(lags) + shift, np.concatenate(votes))


def _padded(window: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(window, (0, 0, 0, width - len(window)))


def _peaks(scores: Tensor) -> tuple[FloatArray, FloatArray]:
    """Each window's highest peaks [windows, peaks]: their places, and how far they stand out.

    A peak has as many votes as it is higher than the lowest of them, in units of that one: in
    noise, and in music that repeats itself, all peaks are about equally high.
    """
    highest = torch.nn.functional.max_pool1d(
        scores[:, None], 2 * _APART + 1, stride=1, padding=_APART
    )[:, 0]
    only = torch.where((scores == highest) & (scores > 0), scores, scores.new_zeros(()))
    heights, places = only.topk(min(_PEAKS, scores.shape[1]), dim=1)
    floor = heights[:, -1:].clamp_min(1e-6)
    votes = torch.where(heights > 0, heights / floor - 1, 0).clamp(0.0, _LOUDEST)
    rows = torch.arange(len(scores))[:, None]
    before = scores[rows, (places - 1).clamp_min(0)]
    after = scores[rows, (places + 1).clamp_max(scores.shape[1] - 1)]
    bend = (2 * heights - before - after).clamp_min(1e-6)
    between = ((after - before) / (2 * bend)).clamp(-0.5, 0.5)
    return (places + between).double().numpy(), votes.double().numpy()


def _most_voted(peaks: _Peaks) -> tuple[float, float]:
    """The drift, and the lag at the middle of the recording, that get the most votes."""
    step = 1 / TOKEN_RATE_HZ
    middle = float(peaks.times.mean())
    reach = max(float(np.abs(peaks.times - middle).max()), 1.0)
    count = int(np.ceil(LARGEST_DRIFT * reach / step))
    best = (-1.0, 0.0, 0.0)
    for drift in np.linspace(-LARGEST_DRIFT, LARGEST_DRIFT, 2 * count + 1):
        bins = np.rint((peaks.lags - drift * (peaks.times - middle)) / step).astype(np.int64)
        lowest = int(bins.min())
        votes = np.bincount(bins - lowest + 1, peaks.votes, minlength=3)
        votes = np.append(votes, 0.0)
        both = votes[1:-1] + 0.5 * (votes[:-2] + votes[2:])
        top = int(both.argmax())
        if both[top] > best[0] + 1e-9:
            best = float(both[top]), float(drift), (top + lowest) * step
    return best[1], best[2]


def _fit(peaks: _Peaks, drift: float, lag: float) -> Line:
    """The line through the lags near one, by least squares with a likely drift as the prior."""
    middle = float(peaks.times.mean())
    off = peaks.lags - lag - drift * (peaks.times - middle)
    near = (np.abs(off) <= 2 / TOKEN_RATE_HZ) & (peaks.votes > 0)
    weights = peaks.votes[near] / _LAG_ERROR_S**2
    times = peaks.times[near] - middle
    lags = peaks.lags[near]
    centre = float((weights * times).sum() / weights.sum())
    mean = float((weights * lags).sum() / weights.sum())
    precision = float((weights * (times - centre) ** 2).sum()) + 1 / LIKELY_DRIFT**2
    slope = float((weights * (times - centre) * (lags - mean)).sum()) / precision
    slope = float(np.clip(slope, -LARGEST_DRIFT, LARGEST_DRIFT))
    loudest = np.argsort(-peaks.votes[near], kind="stable")
    return Line(
        mean - slope * (centre + middle),
        slope,
        float(peaks.votes[near].sum()),
        precision**-0.5,
        tuple(peaks.times[near][loudest].tolist()),
    )
