"""ToneReport: what was found of a film's tone, window by window. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from avsync.timemap import Span

__all__ = ["Agreement", "Contribution", "Explanation", "SideTone", "ToneReport"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SideTone:
    """Valence and arousal of one side over the report's windows; NaN where nothing is there."""

    valence: FloatArray
    """float64 [windows], -1 displeasing to 1 pleasing"""
    arousal: FloatArray
    """float64 [windows], -1 calm to 1 excited"""
    valence_error: FloatArray
    """float64 [windows]: standard error"""
    arousal_error: FloatArray
    """float64 [windows]: standard error"""
    valence_mean: float
    """over everything that is there"""
    arousal_mean: float
    valence_mean_error: float
    """standard error: errors of neighbours are alike, so it shrinks little with length"""
    arousal_mean_error: float
    measures: dict[str, FloatArray]
    """float64 [windows] each, by name: "speech.pitch", "music.tempo", "brightness\""""
    speech_share: FloatArray | None = None
    """float64 [windows]: how much of the judgement is the voice's; None for a picture"""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How well two sides go together, -1 to 1; 0 is what strangers have."""

    windows: FloatArray
    """float64 [windows]; NaN where one side is missing"""
    overall: float
    low: float
    """of a 95% interval of `overall`"""
    high: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one measure did to one number."""

    side: str
    """"sound" or "picture\""""
    measure: str
    of: str
    """"valence" or "arousal\""""
    value: float
    """in the measure's own unit"""
    unit: str
    by: float
    """what it added, before the sum is squashed: sums of about ±1 are strong"""
    words: str
    """"a raised voice\""""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a window came out as it did."""

    window: Span
    contributions: tuple[Contribution, ...]
    """the largest first"""
    moments: FloatArray
    """float64 [moments] in seconds: the middles of what attention looked at"""
    sound_to_picture: FloatArray
    """float64 [moments]: how the sound of the window attended to the picture; empty for one side"""
    picture_to_sound: FloatArray
    """float64 [moments]"""


@dataclass(frozen=True, slots=True, eq=False)
class ToneReport:
    """Tone of sound and picture over windows, and how they agree."""

    path: str
    duration: float
    """seconds"""
    windows: tuple[Span, ...]
    names: tuple[str, ...]
    """of the windows: of shots, of scenes, or times"""
    sound: SideTone | None
    picture: SideTone | None
    agreement: Agreement | None
    missing: tuple[str, ...]
    """why a side is missing, in words"""
    sentences: tuple[str, ...]
    """what is to be said, the whole first"""
    explanations: tuple[Explanation, ...] = field(repr=False)

    def explain(self, window: int) -> Explanation:
        """Which measures and which moments made the numbers of a window, counted from 0.

        Raises:
            IndexError: there is no such window.
        """
        if not 0 <= window < len(self.windows):
            raise IndexError(f"there are {len(self.windows)} windows, from 0; got {window}")
        return self.explanations[window]
