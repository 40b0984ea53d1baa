"""From an alignment to where each cue is shown: the time map, and cues kept in order.

Nothing is ever dropped. A cue that would fall before 0, whose scene the target lacks, or that
would newly run into the next one is kept, clamped, and reported.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np

from avsync.aligner.alignment import SAME_SHIFT, Segment
from avsync.timemap import Piece, Span, TimeMap

OVERLAP_TOLERANCE = 1e-6  # seconds
COLLISION = 0.3  # seconds by which neighbouring cues may overlap at a jump, by habit


@dataclass(frozen=True, slots=True)
class Clamp:
    """A cue that could not be shown where the time map puts it, and where it is shown instead."""

    cue: int
    """its place in the file, from 0"""
    reason: Literal["before zero", "removed scene", "overlap"]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Placed:
    """The spans of all cues on the target's clock, in order of start."""

    spans: tuple[Span, ...]
    clamped: tuple[Clamp, ...]


def trim_removed(
    segments: Sequence[Segment], rate: Fraction, spans: Sequence[Span]
) -> list[tuple[int, int]]:
    """The first and one past the last cue of each segment that the target really shows.

    Where the shift falls, the target lacks a scene, and the cues of that scene lie at the ends of
    the two segments, which so run into each other. As many are cut off on either side as it takes
    for them not to, those with the least evidence in all. A segment may lose all of its cues.
    """
    kept = [(s.first, s.last) for s in segments]
    for n, (before, after) in enumerate(pairwise(segments)):
        tail, head = _least_cut(before, after, float(rate), spans)
        kept[n] = (kept[n][0], max(kept[n][0], before.last - tail))
        kept[n + 1] = (after.first + head, after.last)
    return kept


def _least_cut(
    before: Segment, after: Segment, slope: float, spans: Sequence[Span]
) -> tuple[int, int]:
    """How many cues to cut off the end of ``before`` and the start of ``after``."""
    # A sign that stays on over the joint ran into what follows all along.
    joint = spans[after.first].start
    ends = np.array([_end_before(spans[i], joint) for i in range(before.first, before.last)])
    starts = np.array([spans[i].start for i in range(after.first, after.last)])
    ends, starts = slope * ends + before.shift, slope * starts + after.shift
    if starts[0] >= ends.max() - COLLISION:
        return 0, 0
    # Row i: the last i cues of `before` are cut off; the first of `after` that then has room.
    reach = np.append(np.maximum.accumulate(ends)[::-1], -np.inf)
    heads = np.searchsorted(starts, reach - COLLISION)
    lost = np.append(0.0, np.cumsum(before.support[::-1], dtype=np.float64))
    lost += np.append(0.0, np.cumsum(after.support, dtype=np.float64))[heads]
    tail = int(np.argmin(lost))
    return tail, int(heads[tail])


def _end_before(span: Span, joint: float) -> float:
    """Where ``span`` ends, or where it starts if it goes on over ``joint``."""
    return span.end if span.end <= joint else span.start


def in_order(
    segments: Sequence[Segment], rate: Fraction, spans: Sequence[Span]
) -> tuple[Segment, ...]:
    """``segments`` without those that cannot be shown after the ones before them.

    A film may lack scenes but does not run backwards. A segment that would have to lose all of its
    cues for that goes, and they follow a neighbour's line with no evidence for it.
    """
    found = list(segments)
    while True:
        kept = trim_removed(found, rate, spans)
        empty = next((n for n, (first, last) in enumerate(kept) if first >= last), None)
        if empty is None:
            return tuple(found)
        heir = empty - 1 if empty else 1
        found[heir] = _with_cues_of(found[heir], found[empty])
        del found[empty]
        for n in range(len(found) - 1, 0, -1):
            if abs(found[n].shift - found[n - 1].shift) < SAME_SHIFT:
                support = np.concatenate([found[n - 1].support, found[n].support])
                found[n - 1] = replace(found[n - 1], last=found[n].last, support=support)
                del found[n]


def _with_cues_of(segment: Segment, lost: Segment) -> Segment:
    """``segment`` with the cues of a neighbour, which have evidence against lying there."""
    doubt = np.full(lost.last - lost.first, -1.0, np.float32)
    parts = [doubt, segment.support] if lost.first < segment.first else [segment.support, doubt]
    first, last = min(segment.first, lost.first), max(segment.last, lost.last)
    return Segment(first, last, segment.shift, np.concatenate(parts))


def build_map(
    segments: Sequence[Segment],
    kept: Sequence[tuple[int, int]],
    rate: Fraction,
    spans: Sequence[Span],
) -> TimeMap:
    """The time map of ``segments``; each joint lies between the cues that are sure on its sides.

    Where the shift grows, the target has more material there: the joint is one moment of the
    source. Where it falls, the target lacks some: the joint is one moment of the target, and the
    source has a gap.
    """
    slope = float(rate)
    starts, stops = [-math.inf], []
    for n, (before, after) in enumerate(pairwise(segments)):
        start = spans[kept[n + 1][0]].start
        end = max(_end_before(spans[i], start) for i in range(*kept[n]))
        if after.shift >= before.shift:
            joint = (end + start) / 2
            starts.append(joint)
            stops.append(joint)
        else:
            joint = (slope * end + before.shift + slope * start + after.shift) / 2
            stops.append((joint - before.shift) / slope)
            starts.append((joint - after.shift) / slope)
    stops.append(math.inf)
    pieces: list[Piece] = []
    for start, stop, segment in zip(starts, stops, segments, strict=True):
        if pieces:  # cues that overlap at a joint must not make the pieces overlap
            shown = pieces[-1]
            start = max(start, shown.source.end, (shown.target.end - segment.shift) / slope)
        if stop > start:
            pieces.append(Piece(Span(start, stop), rate, segment.shift))
    return TimeMap(tuple(pieces))


def place_cues(
    spans: Sequence[Span],
    moved: Sequence[Span],
    removed: Sequence[tuple[int, float]] = (),
) -> Placed:
    """Keep ``moved`` spans on the screen: none before 0, none newly overlapping the next.

    Args:
        spans: where the cues were, in order of start.
        moved: where the alignment puts them.
        removed: cues whose scene is gone, each with the moment where that scene was.
    """
    out = list(moved)
    clamps: dict[int, Clamp] = {}

    def clamp(
        n: int, reason: Literal["before zero", "removed scene", "overlap"], span: Span
    ) -> None:
        out[n] = span
        clamps[n] = Clamp(n, reason, span.start, span.end)

    for n, moment in removed:
        clamp(n, "removed scene", Span(max(0.0, moment), max(0.0, moment)))
    for n, span in enumerate(out):
        if span.start < 0:
            clamp(n, "before zero", Span(0.0, max(0.0, span.end)))
    starts = [span.start for span in spans]
    for n in range(len(out) - 2, -1, -1):
        start, end = min(out[n].start, out[n + 1].start), out[n].end
        # The first cue that this one did not run into before must not be run into now.
        after = max(n + 1, bisect_left(starts, spans[n].end - OVERLAP_TOLERANCE))
        if after < len(out):
            end = min(end, out[after].start)
        if start < out[n].start - OVERLAP_TOLERANCE or end < out[n].end - OVERLAP_TOLERANCE:
            clamp(n, "overlap", Span(start, max(start, end)))
    return Placed(tuple(out), tuple(clamps[n] for n in sorted(clamps)))
