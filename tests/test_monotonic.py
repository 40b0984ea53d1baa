"""The path of units through time: known answers, and laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync.aligner.monotonic import decode_monotonic


def drawn(places: list[tuple[int, int]], frames: int, *, low: float = -1.0) -> np.ndarray:
    """Scores that favour each unit in its own frames [first, last)."""
    scores = np.full((len(places), frames), low, np.float32)
    for unit, (first, last) in enumerate(places):
        scores[unit, first:last] = 3.0
    return scores


def test_units_are_found_where_they_are_and_pauses_between_them() -> None:
    path = decode_monotonic(drawn([(2, 4), (4, 6), (90, 95)], 100))
    assert path.first.tolist() == [2, 4, 90]
    assert path.last.tolist() == [4, 6, 95]
    assert path.score == pytest.approx(3.0 * 9)


def test_no_pause_stands_within_a_word() -> None:
    scores = drawn([(2, 4), (8, 10)], 12)
    apart = decode_monotonic(scores)
    joined = decode_monotonic(scores, breaks=np.array([True, False, True]))
    assert apart.last[0] == 4 and apart.first[1] == 8
    assert joined.last[0] == joined.first[1]


def test_a_line_that_is_not_there_is_left_out() -> None:
    scores = drawn([(2, 4), (0, 0), (8, 10)], 12, low=-2.0)
    lines = [(0, 1), (1, 2), (2, 3)]
    path = decode_monotonic(scores, lines=lines, leave_out=1.0)
    assert path.taken.tolist() == [True, False, True]
    assert path.score == pytest.approx(3.0 * 4 - 1.0)
    dear = decode_monotonic(scores, lines=lines, leave_out=5.0)
    assert dear.taken.all()


def test_every_line_may_be_left_out() -> None:
    path = decode_monotonic(np.full((3, 5), -np.inf, np.float32), lines=[(0, 2), (2, 3)])
    assert not path.taken.any()


def test_an_open_end_keeps_what_is_there() -> None:
    scores = drawn([(2, 4), (5, 7), (0, 0)], 10)
    path = decode_monotonic(scores, open_end=True)
    assert path.taken.tolist() == [True, True, False]


def test_more_units_than_frames_have_no_place() -> None:
    with pytest.raises(ValueError, match="3 units have no place in 2 frames"):
        decode_monotonic(np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="nothing to decode"):
        decode_monotonic(np.zeros((3, 0), np.float32))


def test_no_units_are_all_pause() -> None:
    path = decode_monotonic(np.zeros((0, 4), np.float32), pauses=np.ones(4, np.float32))
    assert path.score == 4.0 and len(path.first) == 0


def best_by_trying(scores: np.ndarray) -> float:
    """The best score over all ways to give each unit a stretch of frames of its own, in order."""
    units, frames = scores.shape
    best = -np.inf
    for edges in itertools.combinations_with_replacement(range(frames + 1), 2 * units):
        firsts, lasts = edges[::2], edges[1::2]
        if all(a < b for a, b in zip(firsts, lasts, strict=True)):
            total = sum(
                scores[u, a:b].sum() for u, (a, b) in enumerate(zip(firsts, lasts, strict=True))
            )
            best = max(best, float(total))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(3, 6), st.integers(0, 10_000))
def test_no_other_path_is_better(units: int, frames: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(units, frames)).astype(np.float32)
    path = decode_monotonic(scores)
    assert path.score == pytest.approx(best_by_trying(scores), abs=1e-4)
    assert (path.first < path.last).all() and (path.last[:-1] <= path.first[1:]).all()
    along = sum(
        scores[u, a:b].sum() for u, (a, b) in enumerate(zip(path.first, path.last, strict=True))
    )
    assert path.score == pytest.approx(float(along), abs=1e-4)
