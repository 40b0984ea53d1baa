"""The best path of lags through a matrix of evidence: windows × lags.

A film is the same film under one lag until a scene is added or removed, so the lag is constant
but for a few jumps, and a small cost per jump is the prior on how many. The decode is Viterbi's
(1967): ``dp_i(δ) = s_i(δ) + max(dp_{i−1}(δ), max dp_{i−1} − switch)``, which needs no lag × lag
table and so is linear in windows × lags. A drifting clock may also move by one lag a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Path:
    """One lag for every window."""

    lags: IntArray
    """int64 [windows]: indices into the lag axis"""
    score: float
    """sum of the evidence along the path, less what its switches and drifts cost"""

    @property
    def switches(self) -> IntArray:
        """The windows at which the lag is no longer that of the window before, by more than one."""
        found: IntArray = np.flatnonzero(np.abs(np.diff(self.lags)) > 1) + 1
        return found


def evidence(logits: FloatArray, *, temperature: float = 1.0, doubt: float = 0.02) -> FloatArray:
    """Lag logits [windows, lags] → log likelihood ratios of each lag against "anywhere", in nats.

    Each row is a posterior over the lags relative to a uniform one. ``doubt`` is the share of
    windows that tell nothing (a line that is not spoken, a cue that is mistimed): it bounds what
    one window can say against a lag at ``log(doubt)``. A lag that cannot be is −∞ in ``logits``.
    """
    scaled = logits / np.float32(temperature)  # a copy: the caller's logits stay
    highest = scaled.max(axis=1, keepdims=True)
    scaled -= np.where(np.isfinite(highest), highest, 0.0)
    np.exp(scaled, out=scaled)
    total = np.maximum(scaled.sum(axis=1, keepdims=True), np.float32(1e-30))
    scaled *= np.float32((1.0 - doubt) * scaled.shape[1]) / total
    scaled += np.float32(doubt)
    ratios: FloatArray = np.log(scaled, out=scaled)
    return ratios


def decode(scores: FloatArray, *, switch_cost: float, drift_cost: float = np.inf) -> Path:
    """The path with the highest sum of ``scores`` [windows, lags] less its costs.

    Args:
        switch_cost: nats for going to any other lag.
        drift_cost: nats for going to a neighbouring lag; infinite: never.

    Raises:
        ValueError: there is no window or no lag.
    """
    windows, lags = scores.shape
    if not windows or not lags:
        raise ValueError(f"there is nothing to decode in scores of shape {scores.shape}")
    choices = np.zeros((windows, lags), np.int8)  # 0 stay, ±1 came from that side, 2 switched
    origins = np.zeros(windows, np.int64)
    best = scores[0].astype(np.float32)
    for i in range(1, windows):
        origins[i] = origin = int(best.argmax())
        arrive, choice = best.copy(), choices[i]
        if np.isfinite(drift_cost):
            for step in (-1, 1):
                neighbour = np.full(lags, -np.inf, np.float32)
                if step < 0:
                    neighbour[1:] = best[:-1]
                else:
                    neighbour[:-1] = best[1:]
                neighbour -= np.float32(drift_cost)
                better = neighbour > arrive
                arrive[better], choice[better] = neighbour[better], step
        switched = best[origin] - np.float32(switch_cost)
        better = arrive < switched
        arrive[better], choice[better] = switched, 2
        best = arrive + scores[i]
    path = np.zeros(windows, np.int64)
    path[-1] = best.argmax()
    for i in range(windows - 1, 0, -1):
        step = int(choices[i, path[i]])
        path[i - 1] = origins[i] if step == 2 else path[i] + step
    return Path(path, float(best.max()))


def peak(scores: FloatArray) -> float:
    """The fractional index of the maximum of ``scores`` [lags], by a parabola through its top."""
    top = int(scores.argmax())
    if not 0 < top < len(scores) - 1:
        return float(top)
    left, middle, right = (float(x) for x in scores[top - 1 : top + 2])
    curvature = left - 2 * middle + right
    return top if curvature >= 0 else top + 0.5 * (left - right) / curvature
