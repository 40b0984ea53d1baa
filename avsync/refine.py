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

from avsync.aligner.edges import find_edges
from avsync.aligner.model import RetimeModel
from avsync.encoders.cues import CueTiming
from avsync.timemap import Span
from avsync.tokens import TokenSequence

TimeArray = npt.NDArray[np.float64]

SHARPNESS = 0.85  # a doubtful edge still beats one that is known to be loose
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
    first = find_edges(model, 0, starts, tokens, audio_tokens, sharpness=SHARPNESS)
    last = find_edges(model, 1, ends, tokens, audio_tokens, sharpness=SHARPNESS)
    wanted_starts = np.where(first.sure & spoken, first.times - options.lead_in, starts)
    wanted_ends = np.where(last.sure & spoken, last.times + options.linger, ends)
    wanted_starts = wanted_starts.clip(starts - options.reach, starts + options.reach).clip(0.0)
    wanted_ends = wanted_ends.clip(ends - options.reach, ends + options.reach)
    kept = np.zeros(len(cues), bool)
    while True:
        new_starts, new_ends = share_pauses(
            starts, ends, np.where(kept, starts, wanted_starts), np.where(kept, ends, wanted_ends)
        )
        short = new_ends - new_starts < np.minimum(SHORTEST, ends - starts) - 1e-9
        if not (short & ~kept).any():
            return [
                Span(float(a), float(max(a, b))) for a, b in zip(new_starts, new_ends, strict=True)
            ]
        kept |= short  # such a cue stays where it was, which is never too short


def share_pauses(
    starts: TimeArray, ends: TimeArray, new_starts: TimeArray, new_ends: TimeArray
) -> tuple[TimeArray, TimeArray]:
    """Keep new edges [cues] from running over cues that they did not run over before.

    Where two edges claim one pause, the later cue may start as early as the earlier one's speech
    allows, and the earlier one gives up its linger. No edge ends farther from its old place.
    """
    least_ends = np.minimum(new_ends, ends)
    by_end = np.argsort(ends, kind="stable")
    highest = np.maximum.accumulate(least_ends[by_end])
    before = np.searchsorted(ends[by_end], starts, side="right") - 1
    bounds = np.where(before >= 0, highest[before.clip(0)], -np.inf)
    new_starts = np.maximum(new_starts, np.minimum(bounds, starts))
    lowest = np.append(np.minimum.accumulate(new_starts[::-1])[::-1], np.inf)
    after = np.maximum(np.searchsorted(starts, ends), np.arange(len(starts)) + 1)
    return new_starts, np.minimum(new_ends, lowest[after])
