"""How far an alignment can be trusted.

The decoded path is compared with itself moved to other lags: what a wrong film, a song or silence
can reach is what the path reaches when it is slid along. The excess over that spread, and the
evidence per window, go through a logistic curve fitted on right and wrong pairs (Platt 1999;
``scripts/calibrate_retime.py``), so that a confidence of 0.9 is wrong one time in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.aligner.alignment import Alignment, Segment
from avsync.aligner.search import STEP

FloatArray = npt.NDArray[np.float32]

NULL_STEP = 1.0  # seconds between the lags that the path is slid to
NULL_CLEAR = 3.0  # seconds around the path that do not belong to the null


@dataclass(frozen=True)
class Statistics:
    """What a pair of films is judged by."""

    excess: float
    """how many standard deviations the path lies above itself slid along the lags"""
    support: float
    """nats per window along the path"""
    total: float
    """nats along the path, its jumps paid for"""
    jumps: int


@dataclass(frozen=True)
class Confidence:
    """Probabilities that the cues were put where they belong."""

    overall: float
    segments: tuple[float, ...]
    reason: str
    """what speaks against it, in one line; read it when ``overall`` is low"""
    statistics: Statistics


def path_statistics(alignment: Alignment) -> Statistics:
    """Measure the decoded path against itself at other lags."""
    scores, path = alignment.drift.scores, alignment.drift.path
    rows, count = np.arange(len(scores)), scores.shape[1]
    along = scores[rows, path.lags]
    slides = np.arange(-count, count + 1, max(1, round(NULL_STEP / STEP)))
    slides = slides[np.abs(slides) * STEP > NULL_CLEAR]
    null = []
    for slide in slides:
        at = path.lags + slide
        inside = (at >= 0) & (at < count)
        if inside.mean() > 0.5:
            null.append(float(scores[rows[inside], at[inside]].mean()))
    mean, spread = (float(np.mean(null)), float(np.std(null))) if len(null) > 8 else (-1.0, 0.2)
    return Statistics(
        excess=(float(along.mean()) - mean) / max(spread, 1e-3),
        support=float(along.mean()),
        total=alignment.drift.score,
        jumps=len(alignment.segments) - 1,
    )


INTERCEPT, PER_NAT, PER_SUPPORT = -9.0, 0.15, 2.0
"""The logistic curve, from ``scripts/calibrate_retime.py``."""
MOST_NATS = 150.0  # beyond this, more evidence of the same kind adds nothing
SEGMENT_NATS = 8.0  # evidence at which one run of cues is as likely right as not


def judge(alignment: Alignment) -> Confidence:
    """Turn the evidence of ``alignment`` into probabilities."""
    found = path_statistics(alignment)
    logit = INTERCEPT + PER_NAT * min(found.total, MOST_NATS) + PER_SUPPORT * found.support
    overall = float(1.0 / (1.0 + np.exp(-logit)))
    segments = tuple(overall * segment_confidence(segment) for segment in alignment.segments)
    return Confidence(overall, segments, explain(found), found)


def segment_confidence(segment: Segment) -> float:
    """The probability that a run of cues is right, given that the rest of the file is."""
    nats = float(segment.support.sum())
    return float(1.0 / (1.0 + np.exp(-(nats - SEGMENT_NATS) / 3.0)))


def explain(found: Statistics) -> str:
    """One line that says what speaks against trusting the alignment."""
    if found.jumps > 3 and found.total < MOST_NATS / 3:
        return (
            f"the best fit needs {found.jumps} jumps and is hardly better than chance "
            f"({found.total:.0f} nats): these subtitles seem to belong to another film or edition"
        )
    return (
        f"no shift fits clearly better than the others ({found.total:.0f} nats in all, "
        f"{found.support:.1f} a window): another film or track, or too little speech"
    )
