"""Move each cue's start and end to the speech under it, by local attention.

The token at a cue's edge attends to the sound in a band around it; the softmax over the band is a
posterior of where the voice starts or stops, and its mean is the new edge. A posterior that is no
sharper than chance leaves the edge where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from avsync.aligner.model import EDGE_REACH, RetimeModel
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming
from avsync.timemap import Span
from avsync.tokens import TokenSequence

SHARPNESS = 0.6
"""The share of the largest possible entropy above which an edge is left alone."""
SHORTEST = 0.2  # seconds: a refined cue is never shorter, unless it came so


@dataclass(frozen=True, slots=True, kw_only=True)
class Refine:
    """How to place a cue around its speech; all in seconds."""

    lead_in: float = 0.1
    """how long before the voice a cue appears"""
    linger: float = 0.3
    """how long after the voice it stays"""
    reach: float = 0.5
    """the most that an edge may move"""

    def __post_init__(self) -> None:
        for name, value in (("lead_in", self.lead_in), ("linger", self.linger)):
            if not 0 <= value <= 5:
                raise ValueError(f"{name} must lie in 0 to 5 s, got {value}")
        if not 0 < self.reach <= 0.5:
            raise ValueError(f"reach must lie above 0 and up to 0.5 s, got {self.reach}")


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
) -> Edges:
    """Attend from the cue tokens at ``times`` [cues] to the sound around them.

    ``kind`` is 0 for where speech starts, 1 for where it stops.
    """
    at = np.rint((times - cue_tokens.start) * cue_tokens.rate_hz).astype(np.int64)
    centres = np.rint(times * TOKEN_RATE_HZ).astype(np.int64)
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
    entropy = -(posterior * posterior.clamp_min(1e-9).log()).sum(-1) / np.log(len(offsets))
    expected = (posterior @ offsets.float()).numpy().astype(np.float64)
    return Edges((centres + expected) / TOKEN_RATE_HZ, (entropy < SHARPNESS).numpy())


def refine_spans(
    model: RetimeModel,
    cues: Sequence[CueTiming],
    audio_tokens: TokenSequence,
    options: Refine,
) -> list[Span]:
    """New spans for ``cues`` (on the film's clock, in order of start), at most ``reach`` away.

    No two cues overlap that did not before; sound cues stay where they are.
    """
    tokens = model.cues.encode(cues)
    starts = np.array([cue.start for cue in cues])
    ends = np.array([cue.end for cue in cues])
    spoken = np.array([not cue.sound for cue in cues])
    first = find_edges(model, 0, starts, tokens, audio_tokens)
    last = find_edges(model, 1, ends, tokens, audio_tokens)
    new_starts = np.where(first.sure & spoken, first.times - options.lead_in, starts)
    new_ends = np.where(last.sure & spoken, last.times + options.linger, ends)
    new_starts = np.maximum(new_starts.clip(starts - options.reach, starts + options.reach), 0.0)
    new_ends = new_ends.clip(ends - options.reach, ends + options.reach)
    shortest = np.minimum(SHORTEST, ends - starts)
    bad = new_ends - new_starts < shortest
    new_starts, new_ends = np.where(bad, starts, new_starts), np.where(bad, ends, new_ends)
    for n in range(len(cues) - 1):
        if ends[n] <= starts[n + 1] and new_ends[n] > new_starts[n + 1]:
            # Two edges claim the same pause: the earlier cue gives up its linger first.
            new_ends[n] = max(min(new_ends[n], new_starts[n + 1]), new_starts[n] + shortest[n])
            new_starts[n + 1] = max(new_starts[n + 1], new_ends[n])
    return [Span(float(a), float(max(a, b))) for a, b in zip(new_starts, new_ends, strict=True)]
