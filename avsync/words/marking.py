"""From what an engine found to the words of a cue and its mark."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from avsync.words.engine import Found, LineWords
from avsync.words.result import CueWords, Mark, Word
from avsync.words.spoken import CueText

__all__ = ["cue_words", "mark_of"]

SAID_SCORE, SAID_SUPPORT = 0.3, 1.5
"""From either of these on, a line whose words were found is said."""
UNSAID_SCORE, UNSAID_SUPPORT = 0.1, 0.5
"""Below both of these it is not."""


def cue_words(
    cue: int, start: float, end: float, text: CueText, found: LineWords | None
) -> CueWords:
    """The words of one cue; ``found`` is None where there is nothing to say."""
    looked = () if found is None else found.words
    if not looked:
        return CueWords(cue, start, end, text, "unspoken", 0.0, 0.0, ())
    read = [word for word in looked if word.support == word.support]
    if not read:  # digits and signs, where an engine knows letters only
        words = _words(looked, text, start, end)
        return CueWords(cue, start, end, text, "uncertain", 0.0, 0.0, words)
    score = float(np.mean([word.score for word in read]))
    support = float(np.mean([word.support for word in read]))
    mark = mark_of(sum(word.placed for word in read) / len(read), score, support)
    return CueWords(cue, start, end, text, mark, score, support, _words(looked, text, start, end))


def mark_of(placed: float, score: float, support: float) -> Mark:
    """Whether a line is said, from the share of its words that were found, and how well they fit.

    The sound speaks for a line in two ways: its words are probable, and they are likelier than they
    would be in silence. Names are improbable in any case, and what everybody says is probable even
    in silence; so either will do, and both have to be missing to say that it is not said.
    """
    if placed >= 0.5 and (score >= SAID_SCORE or support >= SAID_SUPPORT):
        if support >= UNSAID_SUPPORT:
            return "said"
        return "uncertain"
    if (score < UNSAID_SCORE and support < UNSAID_SUPPORT) or (
        placed < 0.5 and support < UNSAID_SUPPORT
    ):
        return "not said"
    return "uncertain"


def _words(found: Sequence[Found], text: CueText, start: float, end: float) -> tuple[Word, ...]:
    times = _times(found, start, end)
    words = []
    for looked, (begins, ends) in zip(found, times, strict=True):
        begin = text.places[looked.begin]
        finish = text.places[looked.finish - 1] + 1
        shown = " ".join(text.visible[begin:finish].split())
        words.append(
            Word(shown, begins, ends, _bounded(looked.score), begin, finish, looked.placed)
        )
    return tuple(words)


def _bounded(score: float) -> float:
    return min(1.0, max(0.0, score))


def _times(found: Sequence[Found], start: float, end: float) -> list[tuple[float, float]]:
    """When each word is said; those that were not found share the room between their neighbours."""
    times: list[tuple[float, float]] = []
    number = 0
    while number < len(found):
        if found[number].placed:
            times.append((found[number].start, found[number].end))
            number += 1
            continue
        last = number
        while last < len(found) and not found[last].placed:
            last += 1
        low = times[-1][1] if times else min(start, found[last].start if last < len(found) else end)
        high = found[last].start if last < len(found) else max(low, end)
        sizes = [word.finish - word.begin + 1 for word in found[number:last]]
        edges = low + (high - low) * np.cumsum([0, *sizes]) / sum(sizes)
        times += [(float(a), float(b)) for a, b in pairwise(edges)]
        number = last
    return times
