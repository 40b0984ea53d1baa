"""Nothing is dropped, nothing newly overlaps, and the map says what was done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avsync.aligner.alignment import Segment
from avsync.placement import (
    COLLISION,
    Placed,
    build_map,
    in_order,
    place_cues,
    trim_removed,
)
from avsync.timemap import Span, TimeMap

quick = settings(deadline=None, derandomize=True, max_examples=100)
ROUNDING = 1e-6

# Times on a grid of 1/8 s are exact in binary, so a law that fails fails for its own reason.
eighths = st.integers(0, 400).map(lambda n: n / 8)


def segment(first: int, last: int, shift: float, support: float = 5.0) -> Segment:
    return Segment(first, last, shift, np.full(last - first, support, np.float32))


@st.composite
def span_lists(draw: st.DrawFn, *, apart: bool = False) -> list[Span]:
    """Spans in order of start; they may be empty and overlap unless they are `apart`."""
    spans, now = [], draw(st.integers(-80, 80)) / 8
    for _ in range(draw(st.integers(1, 10))):
        now += draw(st.integers(int(apart), 60)) / 8
        length = draw(st.integers(int(apart), 40)) / 8
        spans.append(Span(now, now + length))
        if apart:
            now += length
    return sorted(spans)


@st.composite
def segmentations(draw: st.DrawFn, count: int) -> list[Segment]:
    """A split of `count` cues into runs, each with any shift and any evidence."""
    edges = draw(st.lists(st.integers(1, max(1, count - 1)), max_size=4, unique=True))
    bounds = [0, *sorted(edge for edge in edges if edge < count), count]
    return [
        Segment(first, last, draw(st.integers(-400, 400)) / 8, draw(supports(last - first)))
        for first, last in pairwise(bounds)
    ]


def supports(count: int) -> st.SearchStrategy[npt.NDArray[np.float32]]:
    return hnp.arrays(np.float32, count, elements=st.integers(-4, 10))


def under(segments: Sequence[Segment], spans: Sequence[Span], rate: float = 1.0) -> list[Span]:
    """Each span by the line of its own segment."""
    return [
        Span(rate * spans[n].start + s.shift, rate * spans[n].end + s.shift)
        for s in segments
        for n in range(s.first, s.last)
    ]


def overlap(a: Span, b: Span) -> float:
    """Seconds that both are on the screen."""
    return min(a.end, b.end) - max(a.start, b.start)


def check_placed(spans: Sequence[Span], moved: Sequence[Span], placed: Placed) -> None:
    """What holds wherever the alignment puts the cues."""
    assert len(placed.spans) == len(spans)
    for (n, before), (m, after) in combinations(enumerate(spans), 2):
        if before.end <= after.start:
            fresh = overlap(placed.spans[n], placed.spans[m])
            assert fresh <= ROUNDING, f"cues {n} and {m} newly overlap by {fresh} s"
            assert placed.spans[n].start <= placed.spans[m].start, f"cues {n}, {m} out of order"
    reported = {clamp.cue: clamp for clamp in placed.clamped}
    assert len(reported) == len(placed.clamped)
    for n, (wanted, found) in enumerate(zip(moved, placed.spans, strict=True)):
        assert 0 <= found.start <= found.end < math.inf
        if n in reported:
            assert (reported[n].start, reported[n].end) == (found.start, found.end)
        else:
            assert found == wanted


# --- place_cues ---------------------------------------------------------------------------------


@quick
@given(data=st.data(), apart=st.booleans())
def test_cues_are_kept_in_order_and_off_each_other(data: st.DataObject, apart: bool) -> None:
    spans = data.draw(span_lists(apart=apart))
    moved = under(data.draw(segmentations(len(spans))), spans)
    check_placed(spans, moved, place_cues(spans, moved))


@quick
@given(data=st.data())
def test_cues_of_removed_scenes_are_kept_too(data: st.DataObject) -> None:
    spans = data.draw(span_lists(apart=True))
    moved = under(data.draw(segmentations(len(spans))), spans)
    lost = data.draw(st.lists(st.integers(0, len(spans) - 1), unique=True, max_size=3))
    removed = [(n, data.draw(eighths)) for n in sorted(lost)]
    placed = place_cues(spans, moved, removed)
    check_placed(spans, moved, placed)
    assert set(lost) <= {clamp.cue for clamp in placed.clamped}


def test_one_line_for_all_moves_all_and_clamps_none() -> None:
    spans = [Span(1, 2), Span(1.5, 3), Span(3, 3), Span(4, 5)]  # overlaps of their own stay
    moved = [span.shift(10) for span in spans]
    placed = place_cues(spans, moved)
    assert placed.spans == tuple(moved)
    assert placed.clamped == ()


def test_what_would_begin_before_zero_begins_at_zero() -> None:
    spans = [Span(1, 2), Span(3, 5), Span(6, 7)]
    placed = place_cues(spans, [span.shift(-4) for span in spans])
    assert placed.spans == (Span(0, 0), Span(0, 1), Span(2, 3))
    assert [(c.cue, c.reason) for c in placed.clamped] == [(0, "before zero"), (1, "before zero")]


def test_the_earlier_cue_gives_way() -> None:
    spans = [Span(0, 2), Span(3, 5)]
    placed = place_cues(spans, [Span(0, 2), Span(1.5, 3.5)])
    assert placed.spans == (Span(0, 1.5), Span(1.5, 3.5))
    assert [(c.cue, c.reason) for c in placed.clamped] == [(0, "overlap")]


def test_a_cue_of_a_removed_scene_waits_at_its_joint() -> None:
    spans = [Span(0, 2), Span(3, 5), Span(6, 8)]
    placed = place_cues(spans, [Span(0, 2), Span(3, 5), Span(2.5, 4.5)], [(1, 2.25)])
    assert placed.spans == (Span(0, 2), Span(2.25, 2.25), Span(2.5, 4.5))
    assert [(c.cue, c.reason, c.start) for c in placed.clamped] == [(1, "removed scene", 2.25)]


def test_an_old_overlap_across_a_jump_makes_no_new_one() -> None:
    # The last two overlapped before; the jump moves the last one back onto the first.
    spans = [Span(0, 1), Span(2, 5), Span(4, 6)]
    moved = [Span(0, 1), Span(2, 5), Span(0.5, 2.5)]
    check_placed(spans, moved, place_cues(spans, moved))


def test_a_long_cue_under_short_ones_makes_no_new_overlap() -> None:
    # A sign on the screen throughout; the jump falls behind the first line over it.
    spans = [Span(0, 10), Span(2, 3), Span(11, 12)]
    moved = [Span(0, 10), Span(2, 3), Span(5, 6)]
    check_placed(spans, moved, place_cues(spans, moved))


# --- in_order -------------------------------------------------------------------------------------


@quick
@given(data=st.data(), rate=st.sampled_from([Fraction(1), Fraction(25, 24)]))
def test_a_film_does_not_run_backwards(data: st.DataObject, rate: Fraction) -> None:
    spans = data.draw(span_lists())
    segments = data.draw(segmentations(len(spans)))
    found = in_order(segments, rate, spans)
    assert (found[0].first, found[-1].last) == (0, len(spans))
    for before, after in pairwise(found):
        assert before.last == after.first
    for of in found:
        assert len(of.support) == of.last - of.first
        assert of.shift in [s.shift for s in segments]
    kept = trim_removed(found, rate, spans)
    for (_, last), (first, _), before, after in zip(kept, kept[1:], found, found[1:], strict=False):
        shown = float(rate) * spans[last - 1].start + before.shift
        then = float(rate) * spans[first].start + after.shift
        assert then >= shown - COLLISION - ROUNDING


def test_segments_that_follow_each_other_stay() -> None:
    spans = [Span(0, 2), Span(10, 12), Span(20, 22)]
    segments = [segment(0, 1, 0.0), segment(1, 2, 30.0), segment(2, 3, 25.0)]
    assert in_order(segments, Fraction(1), spans) == tuple(segments)


def test_the_weaker_of_two_that_contradict_goes() -> None:
    spans = [Span(n, n + 0.5) for n in range(6)]
    segments = [segment(0, 2, 0.0), segment(2, 3, 100.0, support=1.0), segment(3, 6, 0.0)]
    (found,) = in_order(segments, Fraction(1), spans)  # what is left is one run of cues
    assert (found.first, found.last, found.shift) == (0, 6, 0.0)


# --- trim_removed and build_map -------------------------------------------------------------------

rates = st.sampled_from([Fraction(1), Fraction(25, 24), Fraction(24000, 25025)])


def ends(time_map: TimeMap) -> tuple[float, float]:
    return time_map.pieces[0].source.start, time_map.pieces[-1].source.end


def check_map(segments: Sequence[Segment], rate: Fraction, spans: Sequence[Span]) -> TimeMap:
    """What holds of the map of any segments."""
    segments = in_order(segments, rate, spans)
    kept = trim_removed(segments, rate, spans)
    for (first, last), of in zip(kept, segments, strict=True):
        assert of.first <= first < last <= of.last
    time_map = build_map(segments, kept, rate, spans)
    assert ends(time_map) == (-math.inf, math.inf)
    assert {piece.rate for piece in time_map} == {rate}
    times = np.linspace(spans[0].start - 5, spans[-1].end + 5, 300)
    assert (np.diff(time_map.map(times)) >= -ROUNDING).all()
    return time_map


@quick
@given(data=st.data(), rate=rates, apart=st.booleans())
def test_any_segments_have_a_map(data: st.DataObject, rate: Fraction, apart: bool) -> None:
    spans = data.draw(span_lists(apart=apart))
    check_map(data.draw(segmentations(len(spans))), rate, spans)


def test_two_jumps_back_that_meet_have_a_map() -> None:
    # As the cues of another film are scattered: there is no room for all of them.
    spans = [Span(0, 1), Span(2, 3), Span(4, 5)]
    check_map([segment(0, 1, 0.0), segment(1, 2, -30.0), segment(2, 3, -60.0)], Fraction(1), spans)


@quick
@given(data=st.data(), rate=rates)
def test_the_map_takes_every_kept_cue_where_it_was_moved(
    data: st.DataObject, rate: Fraction
) -> None:
    spans = data.draw(span_lists(apart=True))
    segments = in_order(data.draw(segmentations(len(spans))), rate, spans)
    kept = trim_removed(segments, rate, spans)
    lines = under(segments, spans, float(rate))
    sure = [n for first, last in kept for n in range(first, last)]
    time_map = build_map(segments, kept, rate, spans)
    if any(lines[n].end > lines[m].start for n, m in pairwise(sure)):
        return  # no monotone map can do that
    for n in sure:
        # Where a jump adds material at a cue's very end, the map has two values there.
        inside = spans[n].end - ROUNDING * (spans[n].duration > 0)
        assert time_map.map(spans[n].start) == pytest.approx(lines[n].start, abs=1e-5)
        assert time_map.map(inside) == pytest.approx(lines[n].end, abs=1e-5)


def test_a_removed_scene_takes_as_many_cues_as_have_no_room() -> None:
    # Ten cues a second apart, of which 3.2 s were cut out; evidence alone would not tell which.
    spans = [Span(n, n + 0.8) for n in range(10)]
    nats = np.array([2, 2, 2, -0.5, 0.3, 0.1, 2, 2, 2, 2], np.float32)
    segments = [Segment(0, 6, 0.0, nats[:6]), Segment(6, 10, -3.2, nats[6:])]
    assert in_order(segments, Fraction(1), spans) == tuple(segments)
    assert trim_removed(segments, Fraction(1), spans) == [(0, 3), (6, 10)]
    # The other way round, the lost cues went with the second part.
    segments = [Segment(0, 3, 0.0, nats[:3]), Segment(3, 10, -3.2, nats[3:])]
    assert trim_removed(segments, Fraction(1), spans) == [(0, 3), (6, 10)]


def test_an_added_scene_is_a_joint_in_the_source_and_a_gap_in_the_target() -> None:
    spans = [Span(0, 2), Span(4, 6)]
    segments = [segment(0, 1, 1.0), segment(1, 2, 31.0)]
    time_map = build_map(segments, [(0, 1), (1, 2)], Fraction(1), spans)
    assert [(p.source.start, p.source.end) for p in time_map] == [(-math.inf, 3), (3, math.inf)]
    assert [piece.offset for piece in time_map] == [1.0, 31.0]


def test_a_removed_scene_is_a_gap_in_the_source_and_a_joint_in_the_target() -> None:
    spans = [Span(0, 2), Span(10, 12), Span(40, 42)]
    segments = [
        Segment(0, 2, 0.0, np.array([5, -5], np.float32)),
        Segment(2, 3, -30.0, np.array([5], np.float32)),
    ]
    kept = trim_removed(segments, Fraction(1), spans)
    assert kept == [(0, 1), (2, 3)]
    time_map = build_map(segments, kept, Fraction(1), spans)
    # The target has 2 to 10 for a pause of 8 s: it breaks in the middle of it.
    assert [(p.source.start, p.source.end) for p in time_map] == [(-math.inf, 6), (36, math.inf)]
    assert time_map.map(10.0) == 6.0


def test_cues_are_not_cut_off_where_both_sides_have_room() -> None:
    # The shift falls by less than the pause: no scene is lost, whatever single cues say.
    spans = [Span(0, 2), Span(4, 6), Span(20, 22), Span(24, 26)]
    segments = [
        Segment(0, 2, 0.0, np.array([5, -5], np.float32)),
        Segment(2, 4, -6.0, np.array([-5, 5], np.float32)),
    ]
    assert trim_removed(segments, Fraction(1), spans) == [(0, 2), (2, 4)]


@pytest.mark.parametrize("jump", [5.0, -5.0])
def test_a_sign_that_stays_over_a_joint_costs_no_cue(jump: float) -> None:
    # It overlaps its neighbours by its nature; between the lines there is room enough.
    spans = [Span(0, 60), Span(10, 12), Span(20, 22), Span(40, 42), Span(50, 52)]
    segments = [segment(0, 3, 0.0), segment(3, 5, jump)]
    assert trim_removed(segments, Fraction(1), spans) == [(0, 3), (3, 5)]
    assert in_order(segments, Fraction(1), spans) == tuple(segments)


def test_nothing_is_cut_off_where_the_shift_grows() -> None:
    spans = [Span(n, n + 0.5) for n in range(4)]
    segments = [segment(0, 2, 0.0, support=-5.0), segment(2, 4, 10.0, support=-5.0)]
    assert trim_removed(segments, Fraction(1), spans) == [(0, 2), (2, 4)]


def test_a_lone_segment_is_one_line() -> None:
    time_map = build_map([segment(0, 1, 2.5)], [(0, 1)], Fraction(25, 24), [Span(0, 1)])
    assert time_map == TimeMap.linear(Fraction(25, 24), 2.5)
