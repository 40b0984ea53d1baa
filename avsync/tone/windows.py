"""Windows of time, and what the moments (seconds) in them come to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from avsync.timemap import Span

__all__ = ["WINDOW_S", "clock", "pooled", "pooled_error", "weights_of", "windows_of"]

WINDOW_S = 5.0
"""Seconds of a window where nobody says otherwise."""
ALIKE = 0.7
"""Correlation of the errors of neighbouring moments: what misleads now misleads still."""

FloatArray = npt.NDArray[np.float64]


def windows_of(duration: float, seconds: float) -> list[Span]:
    """Windows of about `seconds`, all alike, that cover [0, duration).

    Raises:
        ValueError: `seconds` is less than 1.
    """
    if not 1 <= seconds < 1e6:
        raise ValueError(f"a window is 1 s or more; got {seconds:g}")
    count = max(1, round(duration / seconds))
    edges = [duration * n / count for n in range(count + 1)]
    return [Span(a, b) for a, b in pairwise(edges)]


def weights_of(window: Span, there: npt.NDArray[np.bool_]) -> FloatArray:
    """How much of each moment (a second) lies in a window, 0 where nothing is there."""
    starts = np.arange(len(there))
    inside = np.clip(np.minimum(starts + 1, window.end) - np.maximum(starts, window.start), 0, 1)
    weights: FloatArray = inside * there
    return weights


def pooled(values: FloatArray, weights: FloatArray) -> float:
    """The weighted mean of [moments]; NaN where all weights are 0."""
    total = float(weights.sum())
    return float(values @ weights) / total if total > 0 else float("nan")


def pooled_error(errors: FloatArray, weights: FloatArray) -> float:
    """The standard error of a weighted mean whose errors are correlated by `ALIKE`."""
    total = float(weights.sum())
    if total <= 0:
        return float("nan")
    share = weights / total
    alone = float(np.square(share * errors).sum())
    return float(np.sqrt((1 - ALIKE) * alone + ALIKE * float(share @ errors) ** 2))


def clock(seconds: float) -> str:
    """Minutes and seconds, as players show them: 1:12."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
