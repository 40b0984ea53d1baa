"""What breaks a profile's rules. Everything is judged by frames, since those are what is seen.

A cue is shown on the frames [first, last); whichever way its stamps were rounded, that is what a
player makes of them. Signs that are set to a place in the picture (ASS), comments and cues that are
shown at no time are neither judged nor do they stand in another cue's way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from avsync.framegrid import FrameGrid
from avsync.polishing.profiles import Profile, language_of_text, text_width
from avsync.subtitles import Cue

__all__ = [
    "KINDS",
    "Edge",
    "Kind",
    "NearCuts",
    "RuleCount",
    "Shown",
    "Violation",
    "needed_seconds",
    "rule_counts",
]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Kind = Literal[
    "off frame",
    "too short",
    "too long",
    "overlap",
    "gap too small",
    "gap not closed",
    "in-time near cut",
    "out-time near cut",
    "reading speed",
    "line length",
    "lines",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Edge = Literal["in", "out"]
SLACK_S = 0.0015
"""Seconds by which a duration may miss its limit: stamps in milliseconds cannot do better."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one cue breaks."""

    cue: int
    """its place in the file, from 0"""
    kind: Kind
    value: float
    """what it is: seconds, frames, characters a second, characters or lines"""
    limit: float
    """what it is to be, at most or at least"""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many cues break a rule, before and after."""

    kind: Kind
    before: int
    after: int


def rule_counts(before: Iterable[Violation], after: Iterable[Violation]) -> tuple[RuleCount, ...]:
    """One of each kind, in the order of `KINDS`, also where no cue breaks the rule."""
    old, new = (Counter(violation.kind for violation in found) for found in (before, after))
    return tuple(RuleCount(kind, old[kind], new[kind]) for kind in KINDS)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Cues in the order of their starts, and on which frames each is shown."""

    first: IntArray
    """int64 [cues]: the first frame"""
    last: IntArray
    """int64 [cues]: one past the last frame"""

    @property
    def following(self) -> IntArray:
        """int64 [cues]: the first frame of the next cue that starts once this one is over, or −1.

        Cues that start before it is over are shown together with it, and have no gap to it.
        """
        after = np.searchsorted(self.first, self.last)
        return np.where(after < len(self.first), np.append(self.first, -1)[after], -1)

    @property
    def overlapping(self) -> BoolArray:
        """bool [cues]: whether another cue starts while this one is shown."""
        later = np.append(self.first[1:], np.iinfo(np.int64).max)
        return later < self.last


class NearCuts:
    """Which frames are near a cut without being where that wants an edge.

    An edge that is where one cut wants it is right, whatever other cuts are near.
    """

    def __init__(self, cuts: IntArray, profile: Profile) -> None:
        before, after = -profile.before_out_frames, profile.after_out_frames
        margin = max(profile.near_frames, profile.before_in_frames, -before, after)
        self._lowest = int(cuts.min(initial=0)) - margin
        self._width = int(cuts.max(initial=0)) + margin + 1 - self._lowest
        self._places = {
            "in": self._placed(cuts, profile.near_frames, 0, -profile.before_in_frames),
            "out": self._placed(cuts, profile.near_frames, before, after),
        }

    def _placed(
        self, cuts: IntArray, reach: int, best: int, other: int
    ) -> tuple[BoolArray, BoolArray]:
        wrong, right = np.zeros((2, self._width), bool)
        for off in range(-reach, reach + 1):
            if off != other:
                wrong[cuts + off - self._lowest] = True
        wrong[cuts + best - self._lowest] = False
        right[cuts + best - self._lowest] = True
        right[cuts + other - self._lowest] = True
        return wrong, right & ~wrong

    def wrong(self, edge: Edge, at: IntArray) -> BoolArray:
        """Whether an edge on each frame of ``at`` breaks the rule."""
        return self._look_up(self._places[edge][0], at)

    def right(self, edge: Edge, at: IntArray) -> BoolArray:
        """Whether an edge on each frame of ``at`` is where a cut wants it."""
        return self._look_up(self._places[edge][1], at)

    def _look_up(self, table: BoolArray, at: IntArray) -> BoolArray:
        place = at - self._lowest
        inside = (place >= 0) & (place < self._width)
        found: BoolArray = inside & table[place.clip(0, self._width - 1)]
        return found


def needed_seconds(cue: Cue, profile: Profile, language: str | None) -> float:
    """How long a viewer needs to read a cue."""
    plain = cue.plain
    language = language or language_of_text(plain)
    reading = profile.reading_of(language)
    characters = text_width(plain.replace("\n", " "), language)
    return max(
        characters / reading.characters_per_second, len(plain.split()) / reading.words_per_second
    )


def timing_violations(
    shown: Shown, numbers: Sequence[int], grid: FrameGrid, cuts: IntArray, profile: Profile
) -> list[Violation]:
    """What the times break; ``numbers`` are the cues' places in the file."""
    seconds = grid.seconds(shown.last) - grid.seconds(shown.first)
    gaps = shown.following - shown.last
    follows = shown.following >= 0
    near = NearCuts(cuts, profile)
    wide = np.array(profile.gap_frames)
    rules: tuple[tuple[Kind, BoolArray, npt.NDArray[np.generic], float], ...] = (
        ("too short", seconds < profile.shortest_s - SLACK_S, seconds, profile.shortest_s),
        ("too long", seconds > profile.longest_s + SLACK_S, seconds, profile.longest_s),
        ("overlap", shown.overlapping, shown.last, 0.0),
        ("gap too small", follows & (gaps < wide), gaps, float(wide)),
        (
            "gap not closed",
            follows & (gaps > wide) & (gaps < profile.closed_frames),
            gaps,
            float(wide),
        ),
        ("in-time near cut", near.wrong("in", shown.first), _off(cuts, shown.first), 0.0),
        (
            "out-time near cut",
            near.wrong("out", shown.last),
            _off(cuts, shown.last),
            float(-profile.before_out_frames),
        ),
    )
    return [
        Violation(numbers[n], kind, float(values[n]), limit)
        for kind, broken, values, limit in rules
        for n in np.flatnonzero(broken).tolist()
    ]


def text_violations(
    cue: Cue, number: int, seconds: float, profile: Profile, language: str | None
) -> list[Violation]:
    """What the text breaks, for the time that it is shown."""
    found = []
    language = language or language_of_text(cue.plain)
    reading = profile.reading_of(language)
    needed = needed_seconds(cue, profile, language)
    if needed > seconds + SLACK_S and seconds > 0:
        words = reading.words_per_second < np.inf
        limit = reading.words_per_second if words else reading.characters_per_second
        found.append(Violation(number, "reading speed", limit * needed / seconds, limit))
    lines = cue.plain.split("\n")
    widest = max(text_width(line, language) for line in lines)
    if widest > reading.line_characters:
        found.append(Violation(number, "line length", widest, reading.line_characters))
    if len(lines) > profile.lines:
        found.append(Violation(number, "lines", len(lines), profile.lines))
    return found


def _off(cuts: IntArray, at: IntArray) -> IntArray:
    """int64 [n]: how many frames after the nearest cut each is."""
    if not len(cuts):
        return np.zeros(len(at), np.int64)
    after = np.searchsorted(cuts, at).clip(1, max(1, len(cuts) - 1))
    before = cuts[(after - 1).clip(0)]
    after = cuts[after.clip(0, len(cuts) - 1)]
    off: IntArray = np.where(np.abs(at - before) <= np.abs(at - after), at - before, at - after)
    return off
