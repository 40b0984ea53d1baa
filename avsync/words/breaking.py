"""Words into cues and lines: at clauses, no faster than can be read, no longer than a line.

All breaks are chosen together by dynamic programming: the cost of a cue is how badly it ends (in
the middle of a clause worst) and how much of its text could not be read in its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from avsync.polishing.profiles import PROFILES, Profile, text_width

__all__ = ["Caption", "Limits", "TimedWord", "break_cues", "break_lines"]


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word on the film's clock, seconds."""

    text: str
    start: float
    end: float
    glued: bool = False
    """no blank stands before it, as in Chinese"""


@dataclass(frozen=True, slots=True)
class Caption:
    """One cue to be shown, seconds."""

    text: str
    """one or two lines"""
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a cue may be."""

    line_characters: int = 42
    lines: int = 2
    characters_per_second: float = 17.0
    shortest: float = 5 / 6
    """seconds"""
    longest: float = 7.0
    gap: float = 2 / 24
    """seconds that two cues stay apart"""
    pause: float = 1.5
    """seconds: a longer pause always ends a cue"""
    linger: float = 0.5
    """seconds that a cue may stay after its last word, where it can be read by then"""
    language: str | None = None

    @classmethod
    def of(cls, language: str | None, profile: Profile = PROFILES["netflix"]) -> Limits:
        """A guideline's limits for a language."""
        reading = profile.reading_of(language)
        return cls(
            line_characters=reading.line_characters,
            lines=profile.lines,
            characters_per_second=reading.characters_per_second,
            shortest=profile.shortest_s,
            longest=profile.longest_s,
            language=language,
        )


_SENTENCE = tuple(".!?…。！？؟।")  # noqa: RUF001
_CLAUSE = tuple(",;:，、；：،—–")  # noqa: RUF001
_CLOSING = "\"'”’»)]」』"
_MOST_WORDS = 60


def break_cues(words: Sequence[TimedWord], limits: Limits | None = None) -> list[Caption]:
    """Cues of ``words``, which are in order; a cue that cannot keep a limit misses it least."""
    limits = limits or Limits()
    best = [0.0, *([float("inf")] * len(words))]
    origins = [0] * (len(words) + 1)
    for last in range(1, len(words) + 1):
        for first in range(last - 1, max(-1, last - 1 - _MOST_WORDS), -1):
            cost = _cost(words, first, last, limits)
            if cost is None:
                break
            if best[first] + cost < best[last]:
                best[last], origins[last] = best[first] + cost, first
    edges = [len(words)]
    while edges[-1]:
        edges.append(origins[edges[-1]])
    edges.reverse()
    return [_caption(words, first, last, limits) for first, last in pairwise(edges)]


def break_lines(words: Sequence[TimedWord], limits: Limits) -> str:
    """The text of a cue, on two lines where one is too long: about even, at a clause if there."""
    whole = _text(words)
    if _width(whole, limits) <= limits.line_characters or len(words) < 2 or limits.lines < 2:
        return whole
    breaks = []
    for place in range(1, len(words)):
        upper, lower = _text(words[:place]), _text(words[place:])
        widths = _width(upper, limits), _width(lower, limits)
        over = sum(max(0.0, width - limits.line_characters) for width in widths)
        uneven = abs(widths[0] - widths[1]) / limits.line_characters
        breaks.append((over, uneven + 0.6 * _ending(words, place, limits), place))
    place = min(breaks)[2]
    return f"{_text(words[:place])}\n{_text(words[place:])}"


def _cost(words: Sequence[TimedWord], first: int, last: int, limits: Limits) -> float | None:
    """What a cue of words [first, last) costs; None: it cannot be one, nor with more before it."""
    shown = words[first:last]
    if len(shown) > 1:
        if shown[-1].end - shown[0].start > limits.longest:
            return None
        if shown[1].start - shown[0].end > limits.pause:
            return None
        lines = break_lines(shown, limits).split("\n")
        if any(_width(line, limits) > limits.line_characters for line in lines):
            return None
    seconds = _until(words, first, last, limits) - shown[0].start
    needed = _width(_text(shown), limits) / limits.characters_per_second
    hurried = max(0.0, needed / max(seconds, 0.04) - 1.0)
    short = max(0.0, limits.shortest - seconds)
    inside = sum(
        0.5
        for n in range(first + 1, last)
        if words[n - 1].text.rstrip(_CLOSING).endswith(_SENTENCE)
    )
    return 1.0 + 4.0 * hurried + 3.0 * short + inside + 3.0 * _ending(words, last, limits)


def _ending(words: Sequence[TimedWord], place: int, limits: Limits) -> float:
    """How bad it is to break before word ``place``: 0 after a sentence, 1 within a clause."""
    if place >= len(words):
        return 0.0
    before = words[place - 1].text.rstrip(_CLOSING)
    if before.endswith(_SENTENCE):
        return 0.0
    pause = words[place].start - words[place - 1].end
    if pause > limits.pause:
        return 0.0
    clause = 0.3 if before.endswith(_CLAUSE) else 1.0
    return clause * (1.0 - 0.6 * min(1.0, max(0.0, pause) / 0.6))


def _until(words: Sequence[TimedWord], first: int, last: int, limits: Limits) -> float:
    """The latest that words [first, last) may be shown until."""
    latest = words[first].start + limits.longest
    if last < len(words):
        latest = min(latest, words[last].start - limits.gap)
    return max(latest, words[last - 1].end)


def _caption(words: Sequence[TimedWord], first: int, last: int, limits: Limits) -> Caption:
    shown = words[first:last]
    text = break_lines(shown, limits)
    start, spoken = shown[0].start, shown[-1].end
    readable = start + _width(text.replace("\n", " "), limits) / limits.characters_per_second
    wanted = max(spoken + limits.linger, readable, start + limits.shortest)
    end = max(min(wanted, _until(words, first, last, limits)), start + 0.04)
    if last < len(words):  # words that overlap do not make cues overlap
        end = max(min(end, words[last].start - limits.gap), start + 0.04)
    return Caption(text, start, end)


def _text(words: Sequence[TimedWord]) -> str:
    glued = "".join(word.text if word.glued else f" {word.text}" for word in words)
    return glued.strip()


def _width(text: str, limits: Limits) -> float:
    return text_width(text, limits.language)
