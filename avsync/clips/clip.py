"""Clip: what is known of a clip's picture, on the clip's own clock. Pure; nothing is opened here.

All measures stand on the clock of the tokens: entry `k` belongs to the picture on display at
`k / 25` s, so a planner finds the moment of an index by one division, and slices one shot out of
every measure alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.timemap import Span
from avsync.tokens import TokenSequence

TOKEN_RATE_HZ = 25
ROUNDING_S = 0.001  # that containers round times by
"""Visual tokens and measures a second."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip's picture: its shots, its visual tokens and a measure of each at 25 Hz.

    Clips compare by identity, as arrays do.

    Raises:
        ValueError: the shots do not cover [0, duration) in order, or a measure is not as long as
            the tokens.
    """

    path: Path
    duration: float
    """seconds of picture"""
    frame_rate: Fraction
    """frames a second of the file, on average where it varies"""
    size: tuple[int, int]
    """width and height as shown, in pixels"""
    shots: tuple[Span, ...]
    """what the camera took in one go: end to end, in order, covering [0, duration)"""
    tokens: TokenSequence = field(repr=False)
    """of VisualEncoder, 25 Hz, from second 0"""
    motion: FloatArray = field(repr=False)
    """float32 [tokens]: how much moves, mean pixels of a 64 pixel wide picture in 1/25 s; a cut
    is no motion"""
    sharpness: FloatArray = field(repr=False)
    """float32 [tokens]: fine detail relative to contrast, 0 (flat or blurred) upwards"""
    exposure: FloatArray = field(repr=False)
    """float32 [tokens]: mean luma, 0 black to 1 white, without letterbox bars"""
    faces: FloatArray | None = field(default=None, repr=False)
    """float32 [tokens]: share of the picture that faces cover; None where nobody looked"""

    def __post_init__(self) -> None:
        if self.tokens.rate_hz != TOKEN_RATE_HZ or self.tokens.start != 0:
            raise ValueError(f"tokens of a clip come at {TOKEN_RATE_HZ} Hz from 0 s on")
        measures = {"motion": self.motion, "sharpness": self.sharpness, "exposure": self.exposure}
        if self.faces is not None:
            measures["faces"] = self.faces
        for name, values in measures.items():
            if values.shape != (len(self.tokens),):
                raise ValueError(f"{name} has shape {values.shape} for {len(self.tokens)} tokens")
        edges = [0.0, *(shot.end for shot in self.shots)]
        starts = [*(shot.start for shot in self.shots), self.duration]
        if edges != starts or any(end <= start for start, end in pairwise(edges)):
            raise ValueError(f"the shots do not cover [0, {self.duration}) in order: {self.shots}")


def tokens_before(until: float) -> int:
    """How many instants `k / 25` s lie before a time; containers round those to a millisecond."""
    return max(0, math.ceil((until - ROUNDING_S) * TOKEN_RATE_HZ))
