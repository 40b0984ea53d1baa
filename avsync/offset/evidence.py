"""From lag logits to an offset: windows of evidence, their sum, and how far it can be trusted.

Each window, some seconds of one mouth or of what moves, is turned into nats for each lag against
"anywhere", and they are added up: a window that tells nothing (a face that listens, a voice-over)
costs little, and many that each tell little make one sure answer. The odds of the best lag against
all others, and how well sound and picture go together at it (some lag is always the best one, also
of a sound that belongs to another film), put through a logistic curve (Platt 1999; fitted by
``scripts/calibrate_offset.py`` on films with their own sound and with that of others), are the
confidence.

Lags are in steps of 20 ms; a positive one says that the sound is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avsync.aligner.confidence import logistic
from avsync.aligner.path import evidence, peak

STEP_S = 0.02  # seconds from one lag to the next
NEAR = 2  # steps: within one frame
SUREST = 40.0  # log odds beyond which more say nothing more
DOUBT = {"faces": 0.01, "motion": 0.5}
"""The share of windows that tell nothing: of a listener's face, of things that move in silence."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one stretch of film says of each lag."""

    kind: str
    """"faces" or "motion\""""
    start_s: float
    end_s: float
    logits: FloatArray
    """float32 [lags], from −reach to reach"""
    match: FloatArray
    """float32 [lags]: what a token that tells anything says there, on average"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What windows say together."""

    offset_s: float
    """positive: the sound is late"""
    log_odds: float
    """of the true lag being within one frame of it, by the evidence as it stands"""
    match: float
    """how well a token of the picture goes with the sound there, on average: 0 is not at all"""
    kind: str
    """by what it was mostly judged: "faces" where there are any, since they tell more"""


def weigh(windows: Sequence[Window], temperatures: FloatArray) -> Verdict | None:
    """The best lag of all windows together; None where nothing tells.

    Args:
        temperatures: of faces and of motion, by which logits are divided.
    """
    nats = pool(windows, temperatures)
    if nats is None or not np.ptp(nats):
        return None
    best = int(nats.argmax())
    share = np.exp(nats - nats.max())
    near = np.abs(np.arange(len(nats)) - best) <= NEAR
    odds = float(np.log(share[near].sum()) - np.log(max(float(share[~near].sum()), 1e-300)))
    lag = peak(nats.astype(np.float32)) - (len(nats) - 1) / 2
    kind = next(kind for kind in DOUBT if any(window.kind == kind for window in windows))
    some = [window for window in windows if window.kind == kind]
    lengths = [window.end_s - window.start_s for window in some]
    match = float(np.average([window.match[best] for window in some], weights=lengths))
    return Verdict(lag * STEP_S, odds, match, kind)


def pool(windows: Sequence[Window], temperatures: FloatArray) -> npt.NDArray[np.float64] | None:
    """Nats of each lag, float64 [lags], of all windows together; None without any."""
    total = None
    for kind, temperature in zip(DOUBT, temperatures.tolist(), strict=True):
        rows = [window.logits for window in windows if window.kind == kind]
        if rows:
            nats = evidence(np.stack(rows), temperature=temperature, doubt=DOUBT[kind])
            summed = nats.sum(axis=0, dtype=np.float64)
            total = summed if total is None else total + summed
    return total


def confidence(verdict: Verdict, calibration: FloatArray) -> float:
    """The probability, 0 to 1, that the offset is right to a frame.

    Args:
        calibration: [2, 3], of faces and of motion: what a unit of log odds and of match weigh,
            and what both have to outweigh.
    """
    odds, match, bias = calibration[list(DOUBT).index(verdict.kind)].astype(float)
    surest = min(max(verdict.log_odds, -SUREST), SUREST)
    return logistic(odds * surest + match * verdict.match - bias)
