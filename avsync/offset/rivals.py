"""Two lines on which a recording may lie: which of them is it, where music repeats itself?

A song comes back to its loops, and a film to its takes, so a wrong line may agree all along its
overlap, and that may be longer than the right one's. But a passage that is played again is seldom
the same to the sample. So both lines are set against each other at the same places: what the
recording hears there is compared with where either line finds it on the other recording, and the
other way round. Each place is a round that goes to the line on which it agrees better; differences
that are no larger than noise makes them cancel out over all rounds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avsync.offset.fitting import SEEN_HEIGHT, Fit, clarity
from avsync.offset.lags import Line
from avsync.offset.phase import Pair, look

SAME_S = 0.05
"""seconds: lines nearer than this are one"""
_ROUNDS = 12  # on either clock, at most
_SHORTEST_S, _LONGEST_S = 2.0, 4.0  # of a round
_EXACT_S = 0.001  # how far a fitted line may be off at a place
_AUDIBLE = 0.06  # above what noise has
_NOISE = 1.7  # standard deviation of the difference between two heights of the same
_VARIES = 0.15  # of the height: the same for what is high above noise
_STEADY = 0.05  # of the height: and no less, however evenly it does
_CLEAR = 6.0  # standard deviations that one round counts for at most

FloatArray = npt.NDArray[np.float64]


def differs(one: Fit, other: Fit) -> bool:
    """Whether two fits are of different lines."""
    middle = (other.start_s + other.end_s) / 2
    return abs(float(one.line.at(middle) - other.line.at(middle))) > SAME_S


def contest(pair: Pair, one: Fit, other: Fit) -> float:
    """By how much `one` agrees better than `other` where both could: standard deviations.

    Lines that have no place in common, on either clock, are compared by how clearly each agrees
    wherever there is something to be heard. Positive where `one` is better; 0 where nothing is
    to be heard on either.
    """
    heights = []
    first, last = max(one.start_s, other.start_s), min(one.end_s, other.end_s)
    starts, length = _rounds(first, last)
    heights += [_round(pair, one.line, other.line, s, s, length) for s in starts]
    first = max(float(f.line.at(f.start_s)) for f in (one, other))
    last = min(float(f.line.at(f.end_s)) for f in (one, other))
    starts, length = _rounds(first, last)
    for start in starts:
        ours, theirs = ((start - f.line.offset_s) / (1 + f.line.drift) for f in (one, other))
        heights.append(_round(pair, one.line, other.line, ours, theirs, length))
    told = np.array([both for both in heights if max(both) >= SEEN_HEIGHT])
    return _margin(told) if len(told) > 1 else _apart(pair, one, other)


def _margin(heights: FloatArray) -> float:
    """Rounds [n, 2] → by how much the first side wins: decisively in some, or steadily in all."""
    off = heights[:, 0] - heights[:, 1]
    highest = heights.max(axis=1)
    scale = np.maximum(_NOISE, _VARIES * highest)
    decisive = np.clip(off / scale, -_CLEAR, _CLEAR).mean()
    steady = off.mean() / max(float(off.std()), _NOISE, _STEADY * float(np.median(highest)))
    return float(np.sqrt(len(off)) * max(decisive, steady, key=abs))


def _apart(pair: Pair, one: Fit, other: Fit) -> float:
    """Welch's statistic (1947) of how clear the places of two lines are."""
    values = []
    for found in (one, other):
        starts, length = _rounds(found.start_s, found.end_s)
        looked = (look(pair, found.line, s, length, reach_s=_EXACT_S) for s in starts)
        heard = [place for place in looked if place is not None]
        loud = [place for place in heard if place.audible >= _AUDIBLE] or heard
        values.append([clarity(p.height, p.audible, length) for p in loud])
    if not all(values):
        return float(len(values[0]) - len(values[1]))
    means = [float(np.mean(some)) for some in values]
    errors = [(np.var(some) + (_VARIES * np.mean(some)) ** 2) / len(some) for some in values]
    return (means[0] - means[1]) / float(np.sqrt(sum(errors)))


def _rounds(first: float, last: float) -> tuple[list[float], float]:
    """When rounds begin, and how long they are."""
    length = float(np.clip((last - first) / _ROUNDS, _SHORTEST_S, _LONGEST_S))
    count = min(_ROUNDS, int((last - first) / length + 1e-6))
    if count < 1:
        return [], length
    starts: list[float] = np.linspace(first, last - length, count).tolist()
    return starts, length


def _round(
    pair: Pair, one: Line, other: Line, ours_s: float, theirs_s: float, seconds: float
) -> tuple[float, float]:
    """How high both lines stand out at one place."""
    ours = look(pair, one, ours_s, seconds, reach_s=_EXACT_S)
    theirs = look(pair, other, theirs_s, seconds, reach_s=_EXACT_S)
    return (0.0 if ours is None else ours.height), (0.0 if theirs is None else theirs.height)
