"""Evidence in, probabilities out: monotone, bounded, and low where there is nothing to go by."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_films import FOREIGN, mistimed, token_film

from avsync.aligner.alignment import Alignment, Segment, align
from avsync.aligner.confidence import JUMP_DOUBT, judge, logistic, path_statistics
from avsync.aligner.fine import Fine
from avsync.aligner.path import Path
from avsync.aligner.search import Coarse, Drift

quick = settings(deadline=None, derandomize=True, max_examples=60)
CURVES = np.array([[35.0, 4.0], [8.0, 3.0]], np.float32)
totals = st.floats(-1e4, 1e6)


def alignment(
    total: float, supports: tuple[float, ...] = (50.0,), *, window_nats: float = 5.0
) -> Alignment:
    """Runs of ten cues with the given evidence each, on a path that amounts to ``total`` nats."""
    windows = 5 * len(supports)
    path = Path(np.zeros(windows, np.int64), total)
    scores = np.full((windows, 3), -4, np.float32)
    scores[:, 0] = window_nats
    zeros: npt.NDArray[np.float64] = np.zeros(windows)
    coarse = Coarse(1.0, scores, np.zeros(3), zeros)
    runs = tuple(
        Segment(10 * n, 10 * n + 10, 60.0 * n, np.full(10, nats / 10, np.float32))
        for n, nats in enumerate(supports)
    )
    fine = Fine(np.full((len(supports) * 10, 1, 41), 1 / 41, np.float32), np.zeros(1))
    return Alignment(Fraction(1), True, runs, coarse, Drift(0.0, True, path, scores, total), fine)


@quick
@given(low=totals, high=totals)
def test_more_evidence_is_more_confidence(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert judge(alignment(low), CURVES).overall <= judge(alignment(high), CURVES).overall


@quick
@given(total=totals, supports=st.lists(st.floats(-500, 5000), min_size=1, max_size=6).map(tuple))
def test_probabilities_are_probabilities(total: float, supports: tuple[float, ...]) -> None:
    found = judge(alignment(total, supports), CURVES)
    assert 0 <= found.overall <= 1
    assert len(found.segments) == len(supports)
    for value in found.segments:
        assert 0 <= value <= found.overall


def test_the_curve_is_the_calibration() -> None:
    assert judge(alignment(35.0), CURVES).overall == pytest.approx(0.5)
    assert judge(alignment(39.0), CURVES).overall == pytest.approx(1 / (1 + math.exp(-1)))
    first, second = judge(alignment(1e5, (8.0, 80.0)), CURVES).segments
    assert first == pytest.approx(0.5) and second == pytest.approx(1.0)


def test_a_run_with_little_evidence_is_doubted_beside_a_sure_one() -> None:
    sure, doubtful = judge(alignment(500.0, (300.0, 1.0)), CURVES).segments
    assert sure > 0.99 > 0.5 > doubtful


@pytest.mark.parametrize("log_odds", [-1e30, -60.0, 60.0, 1e30, math.inf, -math.inf])
def test_the_curve_ends_at_nothing_and_at_certainty(log_odds: float) -> None:
    assert 0 <= logistic(log_odds) <= 1
    assert logistic(log_odds) == pytest.approx(float(log_odds > 0), abs=1e-6)


@pytest.mark.parametrize("supports", [(3.0,), (3.0,) * 6])
def test_the_reason_is_one_line_for_a_person(supports: tuple[float, ...]) -> None:
    reason = judge(alignment(-12.3, supports), CURVES).reason
    assert "\n" not in reason and len(reason) < 200
    assert f"{-12.3 - JUMP_DOUBT * (len(supports) - 1):.0f} nats" in reason and "film" in reason


def test_a_jump_is_paid_for_once_more_where_trust_is_decided() -> None:
    one, two = judge(alignment(40.0), CURVES), judge(alignment(40.0, (20.0, 20.0)), CURVES)
    assert one.overall > 0.5 > two.overall
    assert two.overall == judge(alignment(40.0 - JUMP_DOUBT), CURVES).overall


def test_statistics_are_of_the_path_that_was_taken() -> None:
    found = path_statistics(alignment(123.0, (5.0, 5.0, 5.0), window_nats=2.5))
    assert (found.support, found.total, found.jumps) == (2.5, 123.0, 2)


def test_a_right_film_is_trusted_and_a_wrong_one_is_not() -> None:
    film, other = token_film(1, minutes=10), token_film(2, minutes=10)
    model = film.model()
    cues = mistimed(film.cues, shift=33.0)
    right = align(model, cues, film.played(), attention=model.lag)
    wrong = align(model, cues, other.played(), attention=model.lag)
    calibration = model.calibration.numpy()
    assert judge(right, calibration).overall > 0.99
    assert judge(wrong, calibration).overall < 0.01


def test_half_of_a_film_is_not_the_film() -> None:
    # The second half is of another film: what is there is right, and what is not is doubted.
    film = token_film(1, minutes=10)
    model = film.model()
    edit = (0.0, 300.0), (FOREIGN, FOREIGN + 300.0)
    found = align(model, film.cues, film.played(*edit), attention=model.lag)
    assert found.segments[0].shift == pytest.approx(0.0, abs=0.01)
    first_half = sum(cue.start < 280 for cue in film.cues)
    assert found.segments[0].last >= first_half
