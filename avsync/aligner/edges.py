"""Where the speech under a cue starts and stops: attention in a band around the cue's edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from avsync.aligner.model import EDGE_REACH, OUTSIDE_BAND, RetimeModel
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming
from avsync.tokens import TokenSequence

SHARPNESS = 0.6  # for habits: the sharpest edges of a file, a few of which are enough
LEAD_IN = 0.06  # seconds by which subtitlers show a cue before its speech, on average
FEW = 5  # sure edges at which the habits of one subtitler are believed by half


@dataclass(frozen=True)
class Edges:
    """Where the speech under each cue starts or stops."""

    times: npt.NDArray[np.float64]
    """float64 [cues]: seconds"""
    sure: npt.NDArray[np.bool_]
    """bool [cues]: whether the posterior is sharp enough to act on"""


@torch.inference_mode()
def find_edges(
    model: RetimeModel,
    kind: int,
    times: npt.NDArray[np.float64],
    cue_tokens: TokenSequence,
    audio_tokens: TokenSequence,
    *,
    shifts: npt.NDArray[np.float64] | float = 0.0,
    sharpness: float = SHARPNESS,
) -> Edges:
    """Attend from the cue tokens at ``times`` [cues] to the sound around them.

    ``kind`` is 0 for where speech starts, 1 for where it stops. ``times`` are on the clock of the
    cue tokens; the sound is looked at ``shifts`` seconds later, and so are the edges found. An
    edge is sure where the entropy of its posterior is below ``sharpness`` of the largest possible.
    """
    at = np.rint((times - cue_tokens.start) * cue_tokens.rate_hz).astype(np.int64)
    centres = np.rint((times + shifts) * TOKEN_RATE_HZ).astype(np.int64)
    half = round(EDGE_REACH * TOKEN_RATE_HZ)
    offsets = torch.arange(-half, half + 1)
    logits = model.edge_logits(
        kind,
        torch.from_numpy(cue_tokens.values[at.clip(0, len(cue_tokens) - 1)]),
        torch.from_numpy(audio_tokens.values)[None],
        torch.zeros(len(at), dtype=torch.int64),
        torch.from_numpy(centres),
        offsets,
    )
    posterior = torch.softmax(logits, -1)
    heard = (logits > OUTSIDE_BAND).sum(-1).clamp_min(2)  # the band is cut off at the ends
    entropy = -(posterior * posterior.clamp_min(1e-9).log()).sum(-1) / heard.log()
    expected = (posterior @ offsets.float()).numpy().astype(np.float64)
    inside = (centres >= 0) & (centres < len(audio_tokens))
    sure = (entropy < sharpness).numpy() & inside
    return Edges((centres + expected) / TOKEN_RATE_HZ, sure)


def habit_correction(
    model: RetimeModel,
    cues: Sequence[CueTiming],
    shifts: npt.NDArray[np.float64],
    cue_tokens: TokenSequence,
    audio_tokens: TokenSequence,
) -> float:
    """Seconds to add to the ``shifts`` [cues] at which the lag attention puts ``cues``.

    The lag attention weighs both ends of a cue, and how long a cue lingers after its speech differs
    so much between subtitlers that it biases the shift by up to a tenth of a second. The starts do
    not: on average they come ``LEAD_IN`` before the voice, so the cues are moved until they do.
    """
    starts = np.array([cue.start for cue in cues])
    spoken = np.array([not cue.sound for cue in cues])
    onsets = find_edges(model, 0, starts, cue_tokens, audio_tokens, shifts=shifts)
    leads = (onsets.times - starts - shifts)[onsets.sure & spoken]
    if not len(leads):
        return 0.0
    return float(np.median(leads) - LEAD_IN) * len(leads) / (len(leads) + FEW)
