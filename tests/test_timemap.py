"""The laws of spans and time maps."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync.timemap import (
    FRAME_RATES,
    STANDARD_RATES,
    Piece,
    Span,
    TimeMap,
    nearest_standard_rate,
)

steady = settings(deadline=None, derandomize=True)

ONE = Fraction(1)
PAL = Fraction(25) / Fraction(24000, 1001)

times = st.integers(-36_000_000, 36_000_000).map(lambda ms: ms / 1000)
lengths = st.integers(1, 3_600_000).map(lambda ms: ms / 1000)
gaps = st.one_of(st.just(0.0), lengths)
rates = st.one_of(st.sampled_from(STANDARD_RATES), st.fractions("0.5", "2", max_denominator=1000))


@st.composite
def time_maps(draw: st.DrawFn, most: int = 5) -> TimeMap:
    """Pieces of any length, with gaps of any kind between them, on any clocks."""
    source, target = draw(times), draw(times)
    pieces = []
    for _ in range(draw(st.integers(1, most))):
        rate, length = draw(rates), draw(lengths)
        pieces.append(Piece(Span(source, source + length), rate, target - float(rate) * source))
        source += length + draw(gaps)
        target = pieces[-1].target.end + draw(gaps)
    if draw(st.booleans()):
        pieces[0] = Piece(Span(-math.inf, pieces[0].source.end), pieces[0].rate, pieces[0].offset)
    if draw(st.booleans()):
        last = pieces[-1]
        pieces[-1] = Piece(Span(last.source.start, math.inf), last.rate, last.offset)
    return TimeMap(tuple(pieces))


def close(a: float, b: float, within: float = 1e-6) -> bool:
    return a == b or abs(a - b) <= within


def assert_same(a: TimeMap, b: TimeMap) -> None:
    assert len(a) == len(b), (a, b)
    for mine, theirs in zip(a, b, strict=True):
        assert mine.rate == theirs.rate
        assert close(mine.offset, theirs.offset), (a, b)
        assert close(mine.source.start, theirs.source.start), (a, b)
        assert close(mine.source.end, theirs.source.end), (a, b)


class TestSpan:
    def test_is_half_open(self) -> None:
        span = Span(1.0, 2.0)
        assert span.contains(1.0)
        assert not span.contains(2.0)
        assert span.intersect(Span(2.0, 3.0)) is None
        assert span.intersect(Span(1.5, 9.0)) == Span(1.5, 2.0)
        assert span.shift(-1.0) == Span(0.0, 1.0)
        assert span.duration == 1.0

    @pytest.mark.parametrize(
        "ends", [(2.0, 1.0), (math.nan, 1.0), (0.0, math.nan), (math.inf, math.inf)]
    )
    def test_refuses_what_is_no_stretch_of_time(self, ends: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="start <= end"):
            Span(*ends)

    @steady
    @given(times, lengths, times, lengths)
    def test_intersection_holds_what_both_hold(
        self, a: float, a_length: float, b: float, b_length: float
    ) -> None:
        one, other = Span(a, a + a_length), Span(b, b + b_length)
        shared = one.intersect(other)
        assert shared == other.intersect(one)
        for t in (a, b, a + a_length, b + b_length, (a + b) / 2):
            both = one.contains(t) and other.contains(t)
            assert both == (shared is not None and shared.contains(t))


class TestPiece:
    def test_refuses_nonsense(self) -> None:
        span = Span(0.0, 1.0)
        with pytest.raises(TypeError, match=r"Fraction.*1\.0"):
            Piece(span, 1.0, 0.0)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="above 0"):
            Piece(span, Fraction(0), 0.0)
        with pytest.raises(ValueError, match="finite"):
            Piece(span, ONE, math.inf)
        with pytest.raises(ValueError, match="not empty"):
            Piece(Span(1.0, 1.0), ONE, 0.0)

    def test_sign_convention(self) -> None:
        later = Piece(Span(0.0, 10.0), ONE, 2.5)
        assert later.map(1.0) == 3.5
        assert later.shift_at(1.0) == 2.5
        assert later.target == Span(2.5, 12.5)
        # Made for 25 fps, shown at 23.976: everything takes longer.
        slower = Piece(Span(0.0, 100.0), PAL, 0.0)
        assert slower.target.end > 104.2
        assert slower.shift_at(100.0) == pytest.approx(4.2708333)


class TestTimeMap:
    @steady
    @given(time_maps())
    def test_identity_is_neutral(self, m: TimeMap) -> None:
        assert TimeMap.identity().then(m) == m
        assert m.then(TimeMap.identity()) == m

    @steady
    @given(time_maps())
    def test_inverse_of_the_inverse(self, m: TimeMap) -> None:
        assert_same(m.inverse().inverse(), m)

    @steady
    @given(time_maps(), st.floats(0.001, 0.999))
    def test_inverse_undoes_inside_the_pieces(self, m: TimeMap, part: float) -> None:
        for piece in m:
            start = max(piece.source.start, piece.source.end - 1e5, -1e5)
            end = min(piece.source.end, start + 1e5)
            t = start + (end - start) * part
            if piece.source.contains(t):
                assert close(m.inverse().map(m.map(t)), t)

    @steady
    @given(time_maps(3), time_maps(3), time_maps(3))
    def test_composition_is_associative(self, a: TimeMap, b: TimeMap, c: TimeMap) -> None:
        left, right = a.then(b).then(c), a.then(b.then(c))
        # Where pieces merely touch, rounding may leave a splinter on one side and not on the other.
        long = [
            TimeMap(tuple(p for p in side if p.source.duration > 1e-4)) for side in (left, right)
        ]
        assert_same(*long)

    @steady
    @given(time_maps(3), time_maps(3))
    def test_composition_is_one_after_the_other(self, a: TimeMap, b: TimeMap) -> None:
        both = a.then(b)
        for piece in both:
            start = max(piece.source.start, -1e6)
            t = (start + min(piece.source.end, start + 10)) / 2
            if piece.source.contains(t) and piece.source.duration > 1e-3:
                assert close(both.map(t), b.map(a.map(t)), 1e-5)

    @steady
    @given(time_maps(), st.lists(times, min_size=2, max_size=30))
    def test_never_runs_backwards(self, m: TimeMap, points: list[float]) -> None:
        ends = [t for p in m for t in (p.source.start, p.source.end) if math.isfinite(t)]
        near = [t + step for t in ends for step in (-1e-9, 1e-9)]
        ordered = np.array(sorted([*points, *ends, *near]))
        assert (np.diff(m.map(ordered)) >= 0).all()

    @steady
    @given(time_maps(), st.lists(times, min_size=1, max_size=10))
    def test_array_and_scalar_agree(self, m: TimeMap, points: list[float]) -> None:
        mapped = m.map(np.array(points))
        assert mapped.tolist() == [m.map(t) for t in points]
        assert isinstance(m.map(points[0]), float)

    @steady
    @given(time_maps(), times, lengths)
    def test_restriction_is_the_same_map_on_less(
        self, m: TimeMap, start: float, length: float
    ) -> None:
        span = Span(start, start + length)
        part = m.restrict(span)
        for piece in part:
            assert span.start <= piece.source.start < piece.source.end <= span.end
            t = (piece.source.start + piece.source.end) / 2
            if piece.source.contains(t):
                assert close(part.map(t), m.map(t))

    @steady
    @given(time_maps(), times, lengths, st.lists(st.floats(0, 1), min_size=1, max_size=20))
    def test_largest_shift_bounds_every_shift(
        self, m: TimeMap, start: float, length: float, parts: list[float]
    ) -> None:
        over = Span(start, start + length)
        largest = m.largest_shift(over)
        points = np.array([min(start + part * length, over.end) for part in parts])
        assert (np.abs(m.map(points) - points) <= largest + 1e-6).all()
        assert m.is_identity(largest, over)

    def test_gaps(self) -> None:
        # Two seconds removed at 10, five seconds of break put in there.
        m = TimeMap((Piece(Span(0, 10), ONE, 0.0), Piece(Span(12, 20), ONE, 5.0)))
        assert m.map(9.0) == 9.0
        assert m.map(11.0) == 10.0  # the joint
        assert m.map(12.0) == 17.0
        assert m.map(-3.0) == -3.0  # the first line, continued
        assert m.map(30.0) == 35.0  # the last line, continued
        assert m.inverse().map(14.0) == 10.0  # within the break
        assert [m.index_at(t) for t in (-1, 5, 11, 12, 99)] == [0, 0, 0, 1, 1]

    def test_identity_test(self) -> None:
        film = Span(0.0, 7200.0)
        assert TimeMap.identity().is_identity(0.0, film)
        assert TimeMap.identity().is_identity(0.0, Span(-math.inf, math.inf))
        assert TimeMap.linear(offset=0.02).is_identity(0.021, film)
        assert not TimeMap.linear(offset=-0.02).is_identity(0.019, film)
        assert not TimeMap.linear(PAL).is_identity(100.0, film)
        removed = TimeMap((Piece(Span(0, 10), ONE, 0.0), Piece(Span(12, 20), ONE, -2.0)))
        assert removed.is_identity(0.0, Span(0, 10))
        assert not removed.is_identity(1.9, Span(0, 12))

    def test_rate_stays_exact(self) -> None:
        there_and_back = TimeMap.linear(PAL, 1.0).then(TimeMap.linear(1 / PAL))
        assert there_and_back.pieces[0].rate == 1
        assert TimeMap.linear(Fraction(3, 7)).inverse().pieces[0].rate == Fraction(7, 3)

    def test_refuses_disorder(self) -> None:
        first = Piece(Span(0, 10), ONE, 0.0)
        with pytest.raises(ValueError, match="1 and 2 overlap in source"):
            TimeMap((first, Piece(Span(9, 20), ONE, 5.0)))
        with pytest.raises(ValueError, match="1 and 2 overlap in target"):
            TimeMap((first, Piece(Span(10, 20), ONE, -1.0)))

    def test_empty_map_maps_nothing(self) -> None:
        nowhere = TimeMap((Piece(Span(0, 1), ONE, 0.0),)).restrict(Span(5, 6))
        assert len(nowhere) == 0
        with pytest.raises(ValueError, match="without pieces"):
            nowhere.map(0.0)

    def test_repr_shows_the_lines(self) -> None:
        shown = repr(TimeMap((Piece(Span(0, 10), PAL, -2.5),)))
        assert shown == "TimeMap([0, 10) * 1001/960 -2.500 s)"


class TestRates:
    def test_standard_rates(self) -> None:
        assert ONE in STANDARD_RATES
        assert list(STANDARD_RATES) == sorted(set(STANDARD_RATES))
        assert {1 / rate for rate in STANDARD_RATES} == set(STANDARD_RATES)
        assert PAL in STANDARD_RATES
        assert Fraction(24, 1) / Fraction(24000, 1001) == Fraction(1001, 1000)
        assert min(STANDARD_RATES) > 0.79
        assert max(STANDARD_RATES) < 1.27
        assert len(FRAME_RATES) == 8

    def test_nearest(self) -> None:
        assert nearest_standard_rate(1.0427, 1e-3) == PAL
        assert nearest_standard_rate(1.00001, 1e-4) == 1
        assert nearest_standard_rate(1.0023, 1e-4) is None
