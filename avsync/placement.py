"""From an alignment to where each cue is shown: the time map, and cues kept in order.

Nothing is ever dropped. A cue that would fall before 0, whose scene the target lacks, or that
would newly run into the next one is kept, clamped, and reported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np

from avsync.aligner.alignment import Segment
from avsync.timemap import Piece, Span, TimeMap

OVERLAP_TOLERANCE = 1e-6  # seconds
REMOVED_SUPPORT = 4.0  # nats of evidence against, before a cue beside a jump counts as removed


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


def trim_removed(segments: Sequence[Segment], spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The first and one past the last cue of each segment that the target really shows.

    Where the shift falls, the target lacks a scene, and the cues of that scene lie at the ends of
    the two segments with the evidence against them. They are cut off where the evidence in favour
    sums to the most, as long as the two sides would otherwise run into each other.
    """
    kept = [(s.first, s.last) for s in segments]
    for n, (before, after) in enumerate(pairwise(segments)):
        if after.shift >= before.shift:
            continue
        tail, head = np.cumsum(before.support[::-1]), np.cumsum(after.support)
        cut_tail = int(np.argmin(tail)) + 1 if tail.min() < -REMOVED_SUPPORT else 0
        cut_head = int(np.argmin(head)) + 1 if head.min() < -REMOVED_SUPPORT else 0
        kept[n] = (kept[n][0], max(kept[n][0] + 1, before.last - cut_tail))
        kept[n + 1] = (min(after.last - 1, after.first + cut_head), kept[n + 1][1])
    return kept


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
        end = max(spans[i].end for i in range(*kept[n]))
        start = spans[kept[n + 1][0]].start
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
    for n in range(len(out) - 2, -1, -1):
        overlapped = spans[n].end > spans[n + 1].start + OVERLAP_TOLERANCE
        if overlapped or out[n].end <= out[n + 1].start + OVERLAP_TOLERANCE:
            continue
        limit = out[n + 1].start
        clamp(n, "overlap", Span(min(out[n].start, limit), limit))
    return Placed(tuple(out), tuple(clamps[n] for n in sorted(clamps)))
