"""Where a film was cut: the breaks of a time map, moved onto changes of shot.

Between the last cue before a break and the first one after it, nothing that is heard says where the
break is, and it may be anywhere in that pause. But whoever takes a scene out leaves a change of
shot behind, and whoever puts advertisements in leaves two. So a break goes to where the changes fit
best, of several that fit alike to the one nearest to the middle of the pause, and stays in that
middle where there is none: no cue is under any of them, and the middle itself is hardly ever right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from avsync.timemap import Piece, Span, TimeMap

__all__ = ["Break", "breaks_of", "snap_breaks"]

SHIFT_ERROR = 0.06
"""Seconds by which the shifts on both sides of a break may be off, together."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Break:
    """Where a time map jumps: what one side shows and the other does not."""

    source: Span
    """what the target lacks; empty where it has more"""
    target: Span
    """what the source lacks; empty where it has more"""


def breaks_of(time_map: TimeMap) -> tuple[Break, ...]:
    """The breaks of a time map, in order."""
    return tuple(
        Break(
            Span(before.source.end, max(before.source.end, after.source.start)),
            Span(before.target.end, max(before.target.end, after.target.start)),
        )
        for before, after in pairwise(time_map)
    )


def snap_breaks(time_map: TimeMap, cues: Sequence[Span], shots: Sequence[float]) -> TimeMap:
    """The same map with its breaks on changes of shot, where those tell where they are.

    What was put in (the shift grows) begins with a change and ends with one, as far apart as the
    shifts say; so two changes have to fit. Where something was taken out (it falls), one change is
    left. No cue moves: none lies in its pause.

    Args:
        cues: spans on the source's clock.
        shots: seconds on the target's clock at which new shots begin.
    """
    changes = np.unique(np.array(shots, np.float64))
    pieces = list(time_map.pieces)
    for n, (before, after) in enumerate(pairwise(pieces)):
        pause = _pause(before, after, cues)
        if pause is None:
            continue
        grows = after.shift_at(pause.start) >= before.shift_at(pause.start)
        ends = _inserted(before, after, pause, changes) if grows else None
        if not grows:
            ends = _removed(before, after, pause, changes)
        if ends is not None:
            pieces[n] = replace(pieces[n], source=Span(pieces[n].source.start, ends[0]))
            pieces[n + 1] = replace(after, source=Span(ends[1], after.source.end))
    return TimeMap(tuple(pieces))


def _pause(before: Piece, after: Piece, cues: Sequence[Span]) -> Span | None:
    """From the last cue of a piece to the first one of the next, on the source's clock."""
    ends = [cue.end for cue in cues if cue.end <= before.source.end + 1e-6]
    starts = [cue.start for cue in cues if cue.start >= after.source.start - 1e-6]
    if not ends or not starts:
        return None
    start = max(max(ends), before.source.start)
    end = min(min(starts), after.source.end)
    return Span(start, end) if math.isfinite(start) and math.isfinite(end) and start < end else None


def _inserted(
    before: Piece, after: Piece, pause: Span, changes: FloatArray
) -> tuple[float, float] | None:
    """The one moment of the source at which something was put in."""
    first = changes[_within(changes, before.map(pause.start), before.map(pause.end))]
    second = changes[_within(changes, after.map(pause.start), after.map(pause.end))]
    moments = [before.unmap(float(t)) for t in first]
    off = [float(np.abs(second - after.map(m)).min(initial=math.inf)) for m in moments]
    fitting = [m for m, by in zip(moments, off, strict=True) if by <= SHIFT_ERROR]
    if fitting:
        sure = [m for m in fitting if off[moments.index(m)] <= min(off) + SHIFT_ERROR / 2]
    else:  # one end of what was put in has no change that was seen
        sure = moments + [after.unmap(float(t)) for t in second]
    best = _most_central(sure, (pause.start + pause.end) / 2)
    return None if best is None else (_held(best, pause), _held(best, pause))


def _removed(
    before: Piece, after: Piece, pause: Span, changes: FloatArray
) -> tuple[float, float] | None:
    """Where the source breaks off and where it goes on, around the one change that is left."""
    first, last = before.map(pause.start), after.map(pause.end)
    left = changes[_within(changes, first, last)]
    moment = _most_central(left.tolist(), (first + last) / 2)
    if moment is None or first > last:
        return None
    moment = min(max(moment, first), last)
    return _held(before.unmap(moment), pause), _held(after.unmap(moment), pause)


def _most_central(moments: Sequence[float], middle: float) -> float | None:
    return min(moments, key=lambda t: abs(t - middle), default=None)


def _within(changes: FloatArray, start: float, end: float) -> npt.NDArray[np.bool_]:
    return (changes >= start - SHIFT_ERROR) & (changes <= end + SHIFT_ERROR)


def _held(moment: float, pause: Span) -> float:
    return min(max(moment, pause.start), pause.end)
