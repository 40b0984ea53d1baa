"""From lag logits to an offset: windows of evidence, their sum, and how far it can be trusted.

Each window, some seconds of one mouth or of what moves, is turned into nats for each lag against
"anywhere", and they are added up: a window that tells nothing (a face that listens, a voice-over)
costs little, and many that each tell little make one sure answer. The odds of the best lag against
all others, put through a logistic curve (Platt 1999; fitted by ``scripts/train_offset.py`` on films
with their own sound and with that of others), are the confidence.

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
DOUBT = {"faces": 0.1, "motion": 0.5}
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What windows say together."""

    offset_s: float
    """positive: the sound is late"""
    log_odds: float
    """of the true lag being within one frame of it, by the evidence as it stands"""


def pool(windows: Sequence[Window], temperatures: FloatArray) -> FloatArray | None:
    """Nats of each lag, float32 [lags], of all windows together; None without any.

    Args:
        temperatures: of faces and of motion, by which logits are divided.
    """
    total = None
    for kind, temperature in zip(DOUBT, temperatures.tolist(), strict=True):
        rows = [window.logits for window in windows if window.kind == kind]
        if rows:
            nats = evidence(np.stack(rows), temperature=temperature, doubt=DOUBT[kind]).sum(axis=0)
            total = nats if total is None else total + nats
    return total


def weigh(nats: FloatArray) -> Verdict:
    """The best lag, finer than a step, and the odds that it is right to a frame."""
    nats = nats.astype(np.float64)
    best = int(nats.argmax())
    share = np.exp(nats - nats.max())
    near = np.abs(np.arange(len(nats)) - best) <= NEAR
    odds = float(np.log(share[near].sum()) - np.log(max(float(share[~near].sum()), 1e-300)))
    lag = peak(nats.astype(np.float32)) - (len(nats) - 1) / 2
    return Verdict(lag * STEP_S, odds)


def confidence(verdict: Verdict, calibration: FloatArray) -> float:
    """The probability, 0 to 1, that the offset is right to a frame.

    Args:
        calibration: the log odds at which a film is as likely right as not, and how many of them
            make one unit of true log odds.
    """
    even, scale = calibration.astype(float)
    return logistic((verdict.log_odds - even) / scale)
