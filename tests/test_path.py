"""The decode against brute force over every path, and the laws of its evidence."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avsync.aligner.path import Path, decode, evidence, peak

FloatArray = npt.NDArray[np.float32]

quick = settings(deadline=None, derandomize=True, max_examples=80)
# Multiples of 1/4 add up exactly, so that ties are ties.
nats = st.integers(-20, 20).map(lambda n: n / 4)
costs = st.integers(0, 40).map(lambda n: n / 4)
small_scores = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=nats
)


def cost_of(path: tuple[int, ...], switch_cost: float, drift_cost: float) -> float:
    total = 0.0
    for before, after in pairwise(path):
        if abs(after - before) == 1:
            total += min(switch_cost, drift_cost)
        elif after != before:
            total += switch_cost
    return total


def worth(scores: FloatArray, path: tuple[int, ...], switch_cost: float, drift: float) -> float:
    along = float(scores[np.arange(len(path)), list(path)].sum())
    return along - cost_of(path, switch_cost, drift)


@quick
@given(scores=small_scores, switch_cost=costs, drift_cost=costs | st.just(float("inf")))
def test_no_path_is_better_than_the_decoded_one(
    scores: FloatArray, switch_cost: float, drift_cost: float
) -> None:
    windows, lags = scores.shape
    found = decode(scores, switch_cost=switch_cost, drift_cost=drift_cost)
    best = max(
        worth(scores, path, switch_cost, drift_cost)
        for path in product(range(lags), repeat=windows)
    )
    assert found.score == pytest.approx(best)
    assert worth(scores, tuple(found.lags.tolist()), switch_cost, drift_cost) == found.score


def planted(lags: npt.NDArray[np.int64], count: int, *, seed: int = 0) -> FloatArray:
    """Noise of one nat in which the path `lags` stands out by four."""
    scores = np.random.default_rng(seed).normal(size=(len(lags), count)).astype(np.float32)
    scores[np.arange(len(lags)), lags] += 4.0
    return scores


def test_a_constant_path_is_found_whole() -> None:
    truth = np.full(60, 17, np.int64)
    found = decode(planted(truth, 500), switch_cost=14.0)
    np.testing.assert_array_equal(found.lags, truth)
    assert len(found.switches) == 0


def test_switches_are_found_where_they_are() -> None:
    truth = np.repeat(np.array([40, 300, 5, 41]), 25)
    found = decode(planted(truth, 500), switch_cost=14.0)
    np.testing.assert_array_equal(found.lags, truth)
    np.testing.assert_array_equal(found.switches, [25, 50, 75])


@pytest.mark.parametrize("direction", [1, -1])
def test_a_drift_is_followed(direction: int) -> None:
    truth = 200 + direction * (np.arange(90) // 3)
    scores = planted(truth, 500)
    found = decode(scores, switch_cost=14.0, drift_cost=2.0)
    assert np.mean(found.lags == truth) > 0.9
    assert np.abs(found.lags - truth).max() <= 1
    assert len(found.switches) == 0


def test_without_a_drift_cost_nothing_drifts() -> None:
    truth = 200 + np.arange(90) // 3
    found = decode(planted(truth, 500), switch_cost=1e6)
    assert len(set(found.lags.tolist())) == 1


def test_a_silent_window_does_not_break_a_path() -> None:
    truth = np.full(30, 7, np.int64)
    scores = planted(truth, 50)
    scores[10:15] = np.log(0.02)
    np.testing.assert_array_equal(decode(scores, switch_cost=14.0).lags, truth)


@given(scores=small_scores, switch_cost=costs)
@quick
def test_decoding_leaves_the_scores_alone_and_repeats_itself(
    scores: FloatArray, switch_cost: float
) -> None:
    kept = scores.copy()
    first = decode(scores, switch_cost=switch_cost, drift_cost=1.0)
    second = decode(scores, switch_cost=switch_cost, drift_cost=1.0)
    np.testing.assert_array_equal(scores, kept)
    np.testing.assert_array_equal(first.lags, second.lags)


def test_ties_go_to_the_lowest_lag_and_to_staying() -> None:
    even = decode(np.zeros((4, 5), np.float32), switch_cost=0.0, drift_cost=0.0)
    np.testing.assert_array_equal(even.lags, [0, 0, 0, 0])
    scores = np.array([[0, 3, 3], [0, 3, 3]], np.float32)
    np.testing.assert_array_equal(decode(scores, switch_cost=0.0).lags, [1, 1])


def test_an_impossible_lag_is_not_taken() -> None:
    scores = np.array([[0, -np.inf], [-np.inf, 0], [-np.inf, 0]], np.float32)
    found = decode(scores, switch_cost=2.0)
    np.testing.assert_array_equal(found.lags, [0, 1, 1])
    assert found.score == -2.0


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_nothing_cannot_be_decoded(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="nothing to decode"):
        decode(np.zeros(shape, np.float32), switch_cost=1.0)


def test_a_jump_is_a_move_by_more_than_one() -> None:
    np.testing.assert_array_equal(Path(np.array([3, 4, 4, 6, 5, 2]), 0.0).switches, [3, 5])


def test_ten_hours_decode_in_linear_memory() -> None:
    # 3,600 windows of ten seconds by 22,500 lags; a lag x lag table would be 2 GB a window.
    scores = np.zeros((360, 22_500), np.float32)
    scores[:, 11_000] = 1.0
    found = decode(scores, switch_cost=14.0, drift_cost=2.0)
    assert set(found.lags.tolist()) == {11_000}


# --- evidence -------------------------------------------------------------------------------

logit_rows = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 30)),
    elements=st.floats(-80, 80, width=32) | st.just(-np.inf),
)


@quick
@given(logits=logit_rows, temperature=st.floats(0.25, 4), doubt=st.floats(0.001, 0.5))
@example(logits=np.full((1, 3), -np.inf, np.float32), temperature=1.0, doubt=0.02)
def test_evidence_is_a_likelihood_ratio_against_anywhere(
    logits: FloatArray, temperature: float, doubt: float
) -> None:
    kept = logits.copy()
    ratios = evidence(logits, temperature=temperature, doubt=doubt)
    np.testing.assert_array_equal(logits, kept)
    assert ratios.dtype == np.float32 and ratios.shape == logits.shape
    assert np.isfinite(ratios).all()
    assert ratios.min() >= np.log(doubt) - 1e-4
    np.testing.assert_allclose(ratios[logits == -np.inf], np.log(doubt), atol=1e-4)
    for row, of in zip(ratios, logits, strict=True):
        if np.isfinite(of).any():  # averaged over where the window may be, nothing was learnt
            assert np.exp(row.astype(float)).mean() == pytest.approx(1.0, rel=1e-3)


def test_evidence_is_the_softmax_relative_to_uniform() -> None:
    logits = np.log(np.array([[1, 2, 5]], np.float32))
    expected = np.log(0.1 + 0.9 * 3 * np.array([[1, 2, 5]]) / 8)
    np.testing.assert_allclose(evidence(logits, doubt=0.1), expected, rtol=1e-5)


def test_a_window_without_a_place_is_evidence_against_none() -> None:
    ratios = evidence(np.full((1, 4), -np.inf, np.float32), doubt=0.02)
    assert len(np.unique(ratios)) == 1


def test_temperature_softens() -> None:
    logits = np.array([[0, 4]], np.float32)
    cold, hot = evidence(logits, temperature=0.5), evidence(logits, temperature=4.0)
    assert np.ptp(cold) > np.ptp(hot)


# --- peak -----------------------------------------------------------------------------------


@quick
@given(
    at=st.floats(0.6, 7.4),
    curvature=st.floats(-3, -0.05),
    height=st.floats(-5, 5),
)
def test_the_peak_of_a_parabola_is_exact(at: float, curvature: float, height: float) -> None:
    index = np.arange(9)
    scores = (height + curvature * (index - at) ** 2).astype(np.float32)
    if 0 < int(scores.argmax()) < 8:
        assert peak(scores) == pytest.approx(at, abs=1e-3)


def test_a_peak_at_an_edge_stays_there() -> None:
    assert peak(np.array([3, 2, 1], np.float32)) == 0.0
    assert peak(np.array([1, 2, 3], np.float32)) == 2.0
    assert peak(np.array([7], np.float32)) == 0.0


def test_a_plateau_has_its_peak_on_it() -> None:
    assert 1.0 <= peak(np.array([0, 1, 1, 0], np.float32)) <= 2.0
    assert peak(np.zeros(5, np.float32)) == 0.0
