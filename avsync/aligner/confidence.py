"""How far an alignment can be trusted.

The score of the decoded path, jumps paid for, is the log of a Bayes factor: how much better these
cues fit this film along one path than anywhere. The best of all paths through noise reaches some
nats too, whatever the length of the film; a logistic curve fitted on right and wrong pairs (Platt
1999; ``scripts/calibrate_retime.py``) says how many, so that 0.9 is wrong one time in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.aligner.alignment import Alignment

FloatArray = npt.NDArray[np.float32]


JUMP_DOUBT = 12.0
"""Nats by which every jump is paid for once more when trust is decided: each lets the wrong film
choose the best of all lags anew, while a right one with a real jump has hundreds to spare."""


@dataclass(frozen=True)
class Statistics:
    """What a pair of films is judged by."""

    support: float
    """nats per window along the path"""
    total: float
    """nats along the path, its jumps paid for"""
    jumps: int

    @property
    def trusted(self) -> float:
        """``total`` as far as it counts for trust: what a jump may gain by chance is taken off."""
        return self.total - JUMP_DOUBT * self.jumps


@dataclass(frozen=True)
class Confidence:
    """Probabilities that the cues were put where they belong."""

    overall: float
    segments: tuple[float, ...]
    reason: str
    """what speaks against it, in one line; read it when ``overall`` is low"""
    statistics: Statistics


def path_statistics(alignment: Alignment) -> Statistics:
    """What the decoded path of ``alignment`` amounts to."""
    scores, path = alignment.drift.scores, alignment.drift.path
    return Statistics(
        support=float(scores[np.arange(len(scores)), path.lags].mean()),
        total=alignment.drift.score,
        jumps=len(alignment.segments) - 1,
    )


def judge(alignment: Alignment, calibration: FloatArray) -> Confidence:
    """Turn the evidence of ``alignment`` into probabilities.

    ``calibration`` [2, 2] is the model's: the nats at which a file, then a run of cues, is as
    likely right as not, each with the nats per unit of log odds.
    """
    found = path_statistics(alignment)
    (even, scale), (even_run, scale_run) = calibration.astype(float)
    overall = logistic((found.trusted - even) / scale)
    runs = alignment.segments
    if len(runs) == 1:
        return Confidence(overall, (overall,), explain(found), found)
    segments = tuple(
        overall * logistic((float(run.support.sum()) - even_run) / scale_run) for run in runs
    )
    return Confidence(overall, segments, explain(found), found)


def logistic(log_odds: float) -> float:
    """The probability whose log odds these are."""
    return float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -60.0, 60.0))))


def explain(found: Statistics) -> str:
    """One line that says what speaks against trusting the alignment."""
    if found.jumps > 3:
        return (
            f"the best fit needs {found.jumps} jumps and is hardly better than chance "
            f"({found.trusted:.0f} nats): these subtitles seem to belong to another film or edition"
        )
    return (
        f"no shift fits clearly better than the others ({found.trusted:.0f} nats in all, "
        f"{found.support:.1f} a window): another film or track, or too little speech"
    )
