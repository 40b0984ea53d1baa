"""How often to cut: a rule, and the limits of what a shot may be. Pure values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Unit = Literal["beats", "bars", "phrase", "energy", "drops", "onsets"]

_RULE = re.compile(r"(\d+)?\s*(beats?|bars?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Every:
    """A rule of cutting, as `parse` reads it from "beat", 2, "2 bars", "energy" and so on."""

    unit: Unit
    count: int = 1

    @classmethod
    def parse(cls, value: int | str) -> Every:
        """The rule that a number of beats or a few words name.

        Raises:
            ValueError: they name none.

        >>> Every.parse("4 bars")
        Every(unit='bars', count=4)
        """
        text = str(value).strip().lower()
        for unit in ("phrase", "energy", "drops", "onsets"):
            if text in (unit, unit.removesuffix("s")):
                return cls(unit)
        found = _RULE.fullmatch(text)
        if not text or found is None or int(found[1] or 1) < 1:
            raise ValueError(
                f"cannot cut every {value!r}: give a number of beats, "
                '"beat", "2 beats", "bar", "4 bars", "phrase", "energy", "drops" or "onsets"'
            )
        return cls("bars" if (found[2] or "").startswith("bar") else "beats", int(found[1] or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How often to cut. `pattern` and `times` each take the place of `every`."""

    every: Every = Every("bars")
    pattern: tuple[int, ...] = ()
    """beats of one shot after the other, again from the front when it ends"""
    times: tuple[float, ...] = ()
    """seconds on the song's clock, ascending, each moved to the nearest beat"""
    energy_beats: tuple[int, ...] = ()
    """beats of a shot in the quietest music, ..., in the loudest; if empty, by meter"""
    min_shot: float | None = None
    """seconds"""
    max_shot: float | None = None
    """seconds"""

    def __post_init__(self) -> None:
        if self.pattern and self.times:
            raise ValueError("cut by a pattern or at given times, not by both")
        for name, beats in (("pattern", self.pattern), ("energy_beats", self.energy_beats)):
            if any(count < 1 for count in beats):
                raise ValueError(f"{name} counts beats, 1 or more each; got {list(beats)}")
        if not all(map(math.isfinite, self.times)):
            raise ValueError(f"times are finite seconds; got {list(self.times)}")
        for earlier, later in pairwise(self.times):
            if later <= earlier:
                raise ValueError(
                    f"times ascend, none of them twice; {later:g} s comes after {earlier:g} s"
                )
        for name, limit in (("min_shot", self.min_shot), ("max_shot", self.max_shot)):
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise ValueError(f"{name} is a positive number of seconds; got {limit}")
        if self.min_shot and self.max_shot and self.min_shot > self.max_shot:
            raise ValueError(
                f"the shortest shot, {self.min_shot} s, is longer than the longest, "
                f"{self.max_shot} s"
            )
