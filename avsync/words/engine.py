"""What `align_words` asks of an engine, and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from avsync.words.windows import Line

FloatArray = npt.NDArray[np.float32]

__all__ = ["SAMPLE_RATE_HZ", "Engine", "Found", "LineWords"]

SAMPLE_RATE_HZ = 16_000
"""Of the sound that every engine hears."""


@dataclass(frozen=True, slots=True)
class Found:
    """One word that an engine looked for: characters [begin, finish) of its line."""

    begin: int
    finish: int
    start: float
    """seconds from the start of the sound that was given; NaN: it is not in it"""
    end: float
    score: float
    """0 to 1: how probable the model finds the word there; NaN: it cannot read it"""
    support: float
    """nats a unit by which the sound makes the word likelier than silence would; NaN likewise"""

    @property
    def placed(self) -> bool:
        return self.start == self.start  # NaN is no number, itself included

    def moved(self, characters: int, seconds: float) -> Found:
        """The same word further on in the text and later in the sound."""
        return replace(
            self,
            begin=self.begin + characters,
            finish=self.finish + characters,
            start=self.start + seconds,
            end=self.end + seconds,
        )


@dataclass(frozen=True, slots=True)
class LineWords:
    """What became of one line; all of its words, in order."""

    words: tuple[Found, ...]

    def moved(self, seconds: float) -> LineWords:
        """The same words later in the sound."""
        return LineWords(tuple(word.moved(0, seconds) for word in self.words))


class Engine(Protocol):
    """Finds given words in a stretch of sound."""

    @property
    def name(self) -> str:
        """As in `WordAlignment.engine`."""

    @property
    def language(self) -> str:
        """Whose words it looks for; a code of ISO 639."""

    @property
    def longest(self) -> float:
        """Seconds of sound that it hears at once."""

    @property
    def most_units(self) -> int:
        """How much text it reads at once, by `size`."""

    def size(self, text: str) -> int:
        """How many units a text is for it."""

    def words(self, text: str) -> list[tuple[int, int]]:
        """The words of a text: characters [begin, finish)."""

    def find(
        self,
        samples: FloatArray,
        lines: Sequence[Line],
        *,
        start: float,
        slack: float,
        open_end: bool = False,
    ) -> list[LineWords]:
        """Look for ``lines`` in mono ``samples`` at `SAMPLE_RATE_HZ`, which begin at ``start`` s.

        Each is looked for from ``slack`` seconds before its cue to as long after it, in this order.
        With ``open_end`` the sound may end before the text does.
        """
