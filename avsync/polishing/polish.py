"""polish: subtitles on a film's frames, in step with its shots, as a delivery guideline has it.

Speech wins over style. What a cue shows of the words that are spoken under it, it goes on showing;
where nobody says what is spoken, it may lose no more at either end than the rules for cuts take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count

import numpy as np
import numpy.typing as npt

from avsync.framegrid import FrameGrid
from avsync.polishing.placing import Bounds, place
from avsync.polishing.profiles import PROFILES, Profile, ProfileName
from avsync.polishing.rules import (
    KINDS,
    RuleCount,
    Shown,
    Violation,
    needed_seconds,
    rule_counts,
    text_violations,
    timing_violations,
)
from avsync.polishing.signs import is_sign
from avsync.subtitles import Cue, Format, Subtitles
from avsync.timemap import Span

__all__ = ["Polishing", "polish"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_UNITS_HZ = {"srt": 1000, "vtt": 1000, "ass": 100, "ssa": 100}  # of stamps; others say frames
_SLIVER_S = 0.12  # of a word or a phrase that is another cue's: less than this, and than its half
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Polishing:
    """Polished subtitles, and what they broke before and after."""

    subtitles: Subtitles
    before: tuple[Violation, ...] = field(repr=False)
    after: tuple[Violation, ...] = field(repr=False)
    """in the order of the cues; none is here that is not in ``before``, but for its value"""
    moved: tuple[int, ...] = field(repr=False)
    """the cues whose times changed, by their places in the file, from 0"""

    @property
    def counts(self) -> tuple[RuleCount, ...]:
        """How many cues break each rule, before and after."""
        return rule_counts(self.before, self.after)

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return not self.moved


def polish(
    subtitles: Subtitles,
    shots: Sequence[float],
    frame_rate: Fraction | FrameGrid,
    *,
    profile: ProfileName | Profile = "netflix",
    speech: Sequence[Span] | None = None,
    language: str | None = None,
    written_as: Format | None = None,
) -> Polishing:
    """Move the times of subtitles, and nothing else, to where a guideline wants them.

    Every time comes to lie on the beginning of a frame. No cue breaks a rule that it kept before,
    cues keep their order and who is shown together with whom, and to polish again changes nothing
    (where the format's stamps are fine enough to tell the film's frames apart).

    Left where they are, but for the frame: signs that are set to a place in the picture (ASS),
    comments, and cues that are shown at no time. Cues that too coarse stamps would make worse are
    left there with all that is between them.

    Args:
        subtitles: in any order, overlapping or not, in sync with the film.
        shots: seconds on the film's clock at which new shots begin, of ``find_shots``.
        frame_rate: the film's frames a second if its first one is shown at 0, else its frames.
        profile: by its name, or one of your own.
        speech: where words are spoken on the film's clock, in any pieces; None if nobody knows.
        language: code of the subtitles' language, for the reading speed; None for one that is
            not English, Chinese, Japanese or Korean; the last three are told by their script.
        written_as: the format that they will be written in, if that is another one: so that its
            stamps hit the frames.

    Raises:
        ValueError: a shot does not begin at a finite time, or there is no such profile.
    """
    if isinstance(profile, str) and profile not in PROFILES:
        raise ValueError(f"there is no profile {profile!r}: use one of {', '.join(PROFILES)}")
    if not all(map(math.isfinite, shots)):
        raise ValueError("shots begin at finite times")
    grid = frame_rate if isinstance(frame_rate, FrameGrid) else FrameGrid(frame_rate)
    rules = PROFILES[profile] if isinstance(profile, str) else profile
    task = _Task(grid, _cut_frames(shots, grid), rules, _merged(speech), language, written_as)
    still: frozenset[int] = frozenset()
    for beside in (2**n - 1 for n in count()):  # it ends: with all cues still nothing gets worse
        polished, before, after = task.settle(subtitles, still)
        kept = {(violation.cue, violation.kind) for violation in before}
        worse = {
            violation.cue for violation in after if (violation.cue, violation.kind) not in kept
        }
        if not worse:
            break
        still |= _beside(worse, beside, subtitles.cues)
    moved = tuple(
        n
        for n, (old, new) in enumerate(zip(subtitles.cues, polished.cues, strict=True))
        if (old.start, old.end) != (new.start, new.end)
    )
    return Polishing(polished, before, after, moved)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    grid: FrameGrid
    cuts: IntArray
    profile: Profile
    speech: FloatArray | None
    """float64 [spans, 2], sorted, none overlapping"""
    language: str | None
    written_as: Format | None

    def settle(
        self, subtitles: Subtitles, still: frozenset[int]
    ) -> tuple[Subtitles, tuple[Violation, ...], tuple[Violation, ...]]:
        """Place every cue for good, but for those that are to be still; what is broken then.

        What is broken afterwards is seen from the stamps, since a format may be too coarse for
        the frames of a fast film, and say others than those that were found.
        """
        polished, before = self.step(subtitles, still)
        while True:  # it ends: each step that moves anything breaks fewer rules than the last
            again, after = self.step(polished, still)
            if again.cues == polished.cues:
                return polished, before, after
            polished = again

    def step(
        self, subtitles: Subtitles, still: frozenset[int]
    ) -> tuple[Subtitles, tuple[Violation, ...]]:
        """Place every cue once; with what was broken before."""
        cues = subtitles.cues
        unit_hz = _UNITS_HZ.get(self.written_as or subtitles.format)
        starts = np.array([cue.start for cue in cues], np.float64)
        ends = np.array([cue.end for cue in cues], np.float64)
        earliest = self.grid.earliest
        first = np.maximum(self.grid.frames(starts), earliest)
        last = np.maximum(self.grid.frames(ends), first)
        free = [n for n, cue in enumerate(cues) if not _is_held(cue) and last[n] > first[n]]
        free.sort(key=lambda n: (first[n], n))
        shown = Shown(first[free], last[free])
        off = [
            Violation(n, "off frame", t - on, 0.0)
            for n, cue in enumerate(cues)
            for t, on in zip(
                (cue.start, cue.end), self.grid.seconds(np.array([first[n], last[n]])), strict=True
            )
            if cue.kind != "comment" and not _lies_on(t, float(on), unit_hz)
        ]
        before = self._violations(shown, free, cues) + _once(off)
        if free:
            bounds = self._bounds([cues[n] for n in free], shown, unit_hz)
            bounds = replace(bounds, still=np.isin(free, list(still)))
            placed = place(shown, self.grid, self.cuts, self.profile, bounds)
            first[free], last[free] = placed.first, placed.last
        spans = [
            cue.span
            if cue.kind == "comment" or n in still
            else self._span(cue, int(first[n]), int(last[n]), unit_hz)
            for n, cue in enumerate(cues)
        ]
        return subtitles.retimed(spans), _in_order(before)

    def _violations(
        self, shown: Shown, numbers: Sequence[int], cues: Sequence[Cue]
    ) -> list[Violation]:
        found = timing_violations(shown, numbers, self.grid, self.cuts, self.profile)
        seconds = self.grid.seconds(shown.last) - self.grid.seconds(shown.first)
        for n, length in zip(numbers, seconds.tolist(), strict=True):
            found += text_violations(cues[n], n, length, self.profile, self.language)
        return found

    def _bounds(self, cues: Sequence[Cue], shown: Shown, unit_hz: int | None) -> Bounds:
        tolerance = self.profile.near_frames
        latest, earliest = shown.first + tolerance, shown.last - tolerance
        words_in, words_out = latest.copy(), earliest.copy()
        slack = 1 / unit_hz if unit_hz else _ROUNDING_S
        for n, cue in enumerate(cues):
            words = self._words(cue)
            if words is None:
                continue
            begin, end = self._inside(words, slack)
            words_in[n], words_out[n] = begin, end
            latest[n], earliest[n] = max(begin, shown.first[n]), min(end, shown.last[n])
        needed = np.array([needed_seconds(cue, self.profile, self.language) for cue in cues])
        return Bounds(latest, earliest, words_in, words_out, needed, np.zeros(len(cues), bool))

    def _words(self, cue: Cue) -> Span | None:
        """From the first to the last that is spoken under a cue; None if nothing is known of it."""
        if self.speech is None or not len(self.speech) or cue.is_sound:
            return None
        begins, ends = self.speech.T
        some = slice(
            np.searchsorted(ends, cue.start, side="right"), np.searchsorted(begins, cue.end)
        )
        inside = np.minimum(ends[some], cue.end) - np.maximum(begins[some], cue.start)
        own = np.flatnonzero((inside >= _SLIVER_S) | (inside >= (ends - begins)[some] / 2))
        if not len(own):
            return None
        begin = max(cue.start, float(begins[some][own[0]]))
        return Span(begin, min(cue.end, float(ends[some][own[-1]])))

    def _inside(self, words: Span, slack: float) -> tuple[int, int]:
        """The last frame that begins by a stretch of words, and the first once it is over."""
        near = self.grid.frames(np.array([words.start, words.end]))
        seconds = self.grid.seconds(near)
        begin = int(near[0]) - int(seconds[0] > words.start + slack)
        return begin, int(near[1]) + int(seconds[1] < words.end - slack)

    def _span(self, cue: Cue, first: int, last: int, unit_hz: int | None) -> Span:
        on = self.grid.seconds(np.array([first, last])).tolist()
        start, end = (
            t
            if self.written_as is None and _lies_on(t, exact, unit_hz)
            else self._stamp(exact, frame, unit_hz)
            for t, exact, frame in zip((cue.start, cue.end), on, (first, last), strict=True)
        )
        return Span(start, max(start, end))

    def _stamp(self, exact: float, frame: int, unit_hz: int | None) -> float:
        """What a stamp is to say of a frame: a player shows a cue once the stamp has passed.

        So it is rounded down, or the cue would come a frame late; unless the format is too coarse
        for the film, and that would name the frame before.
        """
        if unit_hz is None:
            return max(0.0, exact)
        down = max(0, math.floor(exact * unit_hz + 1e-4)) / unit_hz
        if int(self.grid.frames(np.array([down]))[0]) == frame:
            return down
        return max(0, round(exact * unit_hz)) / unit_hz


def _lies_on(t: float, exact: float, unit_hz: int | None) -> bool:
    """Whether a stamp is a frame's beginning, rounded to the nearest or down."""
    if t < 0:
        return False
    if unit_hz is None:
        return abs(t - exact) < _ROUNDING_S
    return -1 / unit_hz + _ROUNDING_S < t - exact <= 0.5 / unit_hz + _ROUNDING_S


def _is_held(cue: Cue) -> bool:
    return cue.kind == "comment" or is_sign(cue.text, cue.format)


def _beside(some: set[int], by: int, cues: Sequence[Cue]) -> frozenset[int]:
    """Cues, and those that start before and after them, so many to either side."""
    order = sorted(range(len(cues)), key=lambda n: cues[n].start)
    found = (order[max(0, k - by) : k + by + 1] for k, n in enumerate(order) if n in some)
    return frozenset(n for group in found for n in group)


def _cut_frames(shots: Sequence[float], grid: FrameGrid) -> IntArray:
    """The first frames of shots, but for the film's first, which no shot comes before."""
    frames = np.unique(grid.frames(np.array(shots, np.float64)))
    return frames[frames > 0]


def _merged(speech: Sequence[Span] | None) -> FloatArray | None:
    """Spans in order, those that overlap as one."""
    if speech is None:
        return None
    merged: list[list[float]] = []
    for span in sorted(speech):
        if merged and span.start < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], span.end)
        elif span.duration > 0:
            merged.append([span.start, span.end])
    return np.array(merged, np.float64).reshape(-1, 2)


def _once(violations: Sequence[Violation]) -> list[Violation]:
    return list({violation.cue: violation for violation in violations}.values())


def _in_order(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    return tuple(sorted(violations, key=lambda v: (v.cue, KINDS.index(v.kind))))
