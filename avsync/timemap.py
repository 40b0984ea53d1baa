"""Time algebra: spans of time and the maps between two clocks.

Times are float64 seconds and spans are half-open, [start, end). Every map goes from a *source*
clock to a *target* clock: `target = rate * source + offset`. So a positive shift means that things
happen *later* on the target clock, and a rate above 1 means that the target runs slower (25 fps
subtitles for a 23.976 fps film: rate 25/23.976 > 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAME_RATES",
    "STANDARD_RATES",
    "Piece",
    "Span",
    "TimeMap",
    "nearest_standard_rate",
]

FRAME_RATES: tuple[Fraction, ...] = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
)
"""Frames per second of films and broadcasts, exact."""

STANDARD_RATES: tuple[Fraction, ...] = tuple(
    sorted(
        rate
        for rate in {a / b for a in FRAME_RATES for b in FRAME_RATES}
        if Fraction(79, 100) <= rate <= Fraction(127, 100)
    )
)
"""Every ratio of two frame rates within [0.79, 1.27], sorted, 1 among them."""

# Two pieces that meet are computed by different lines and may miss each other by rounding; nothing
# real is this short.
_ROUNDING_S = 1e-6


def nearest_standard_rate(rate: float, tolerance: float) -> Fraction | None:
    """The standard rate nearest to `rate`, or None when it is farther off than `tolerance`."""
    best = min(STANDARD_RATES, key=lambda standard: abs(float(standard) - rate))
    return best if abs(float(best) - rate) <= tolerance else None


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time [start, end) in seconds.

    Either end may be infinite; start == end is an empty span.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        if not (self.start <= self.end and self.start < math.inf and self.end > -math.inf):
            raise ValueError(f"a span needs start <= end, got [{self.start}, {self.end})")

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.start) and math.isfinite(self.end)

    def contains(self, t: float) -> bool:
        """Whether start <= t < end."""
        return self.start <= t < self.end

    def intersect(self, other: Span) -> Span | None:
        """The time that both share, or None when they share none (touching ends share none)."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def shift(self, by: float) -> Span:
        """The same span, `by` seconds later."""
        return Span(self.start + by, self.end + by)


@dataclass(frozen=True, slots=True)
class Piece:
    """One straight line of a `TimeMap`: `target = rate * t + offset` for t in `source`.

    The rate is an exact fraction, so that 25/23.976 stays what it is through any composition.
    """

    source: Span
    rate: Fraction
    offset: float

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Fraction):
            raise TypeError(f"a rate is a Fraction, got {self.rate!r}")
        if self.rate <= 0:
            raise ValueError(f"a rate is above 0, got {self.rate}")
        if not math.isfinite(self.offset):
            raise ValueError(f"an offset is finite, got {self.offset}")
        if not self.source.start < self.source.end:
            raise ValueError(f"a piece needs a span that is not empty, got {self.source}")

    @property
    def target(self) -> Span:
        """Where the source span comes to lie."""
        return Span(self.map(self.source.start), self.map(self.source.end))

    def map(self, t: float) -> float:
        """The line at `t`, which need not lie in `source`."""
        return float(self.rate) * t + self.offset

    def unmap(self, t: float) -> float:
        """The source time that the line takes to `t`."""
        return (t - self.offset) / float(self.rate)

    def shift_at(self, t: float) -> float:
        """How much later `t` falls on the target clock: target - source, in seconds."""
        # Not map(t) - t: at rate 1 the shift is the offset itself, also for an infinite t.
        return self.offset if self.rate == 1 else float(self.rate - 1) * t + self.offset

    def inverse(self) -> Piece:
        """The same line read from target to source."""
        return Piece(self.target, 1 / self.rate, -self.offset / float(self.rate))

    def restrict(self, span: Span) -> Piece | None:
        """The part of the piece whose source lies in `span`, or None."""
        shared = self.source.intersect(span)
        return None if shared is None else Piece(shared, self.rate, self.offset)

    def then(self, other: Piece) -> Piece | None:
        """This line first and then the other, where both are defined; None if that is nowhere."""
        start = max(self.source.start, self.unmap(other.source.start))
        end = min(self.source.end, self.unmap(other.source.end))
        if not end - start > _ROUNDING_S:
            return None
        return Piece(Span(start, end), self.rate * other.rate, other.map(self.offset))


@dataclass(frozen=True, slots=True)
class TimeMap:
    """A partial, monotone, piecewise linear bijection from a source clock to a target clock.

    Pieces are strictly ordered in source and in target. A gap between two of them in the *source*
    is material that the target lacks (a removed scene); a gap in the *target* is material that was
    put in (an ad break).
    """

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        for number, (before, after) in enumerate(pairwise(self.pieces), start=1):
            for clock, first, second in (
                ("source", before.source, after.source),
                ("target", before.target, after.target),
            ):
                if second.start < first.end - _ROUNDING_S:
                    raise ValueError(
                        f"pieces {number} and {number + 1} overlap in {clock}: {first}, {second}"
                    )

    @classmethod
    def identity(cls) -> TimeMap:
        """The map that moves nothing."""
        return cls.linear()

    @classmethod
    def linear(cls, rate: Fraction = Fraction(1), offset: float = 0.0) -> TimeMap:
        """One line over all of time."""
        return cls((Piece(Span(-math.inf, math.inf), rate, offset),))

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __repr__(self) -> str:
        lines = (
            f"[{p.source.start:g}, {p.source.end:g}) * {p.rate} {p.offset:+.3f} s" for p in self
        )
        return f"TimeMap({'; '.join(lines)})"

    @overload
    def map(self, t: float) -> float: ...

    @overload
    def map(self, t: NDArray[np.float64]) -> NDArray[np.float64]: ...

    def map(self, t: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Source seconds to target seconds, never decreasing in `t`.

        A time in a source gap falls onto the joint, which is the target end of the piece before it;
        a time before the first or after the last piece goes by the line of that piece. A time at
        which one piece ends and the next begins belongs to the next.
        """
        if not self.pieces:
            raise ValueError("a TimeMap without pieces maps nothing")
        times = np.asarray(t, dtype=np.float64)
        which = self._piece_indices(times)
        # A joint that is off by rounding must not make the map step back, so each piece is held to
        # its own stretch of target; this also folds a source gap onto its joint.
        ends = np.maximum.accumulate([piece.target.end for piece in self])
        starts = np.array([piece.target.start for piece in self])
        floor = np.concatenate(([-np.inf], np.maximum(starts[1:], ends[:-1])))
        ceiling = np.concatenate((np.maximum(ends[:-1], floor[:-1]), [np.inf]))
        rates = np.array([float(piece.rate) for piece in self])
        offsets = np.array([piece.offset for piece in self])
        mapped = np.clip(rates[which] * times + offsets[which], floor[which], ceiling[which])
        return mapped if isinstance(t, np.ndarray) else float(mapped)

    def index_at(self, t: float) -> int:
        """The index of the piece that `map` uses at `t`."""
        if not self.pieces:
            raise ValueError("a TimeMap without pieces has no piece anywhere")
        return int(self._piece_indices(np.asarray(t, dtype=np.float64)))

    def inverse(self) -> TimeMap:
        """The map from target to source."""
        return TimeMap(tuple(piece.inverse() for piece in self.pieces))

    def then(self, other: TimeMap) -> TimeMap:
        """This map first and then the other one, where both are defined."""
        joined = (mine.then(theirs) for mine in self.pieces for theirs in other.pieces)
        return TimeMap(tuple(piece for piece in joined if piece is not None))

    def restrict(self, span: Span) -> TimeMap:
        """The part of the map whose source lies in `span`."""
        parts = (piece.restrict(span) for piece in self.pieces)
        return TimeMap(tuple(piece for piece in parts if piece is not None))

    def is_identity(self, within: float, over: Span) -> bool:
        """Whether no time in `over` is moved by more than `within` seconds."""
        return self.largest_shift(over) <= within

    def largest_shift(self, over: Span) -> float:
        """The supremum of |map(t) - t| for t in `over`, in seconds."""
        if not self.pieces:
            raise ValueError("a TimeMap without pieces maps nothing")
        last = len(self.pieces) - 1
        shifts = [0.0]
        for index, piece in enumerate(self):
            start = over.start if index == 0 else max(over.start, piece.source.start)
            end = over.end if index == last else min(over.end, piece.source.end)
            if start <= end:
                shifts += [piece.shift_at(start), piece.shift_at(end)]
        for before, after in pairwise(self):
            start = max(over.start, before.source.end)
            end = min(over.end, after.source.start)
            if start < end:
                shifts += [before.target.end - start, before.target.end - end]
        return max(map(abs, shifts))

    def _piece_indices(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        starts = np.array([piece.source.start for piece in self.pieces[1:]])
        indices: NDArray[np.intp] = np.searchsorted(starts, times, side="right")
        return indices
