"""The coarse search on problems whose answer is known: planted evidence, and films of tokens."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from token_films import TokenFilm, attention, mistimed, token_film

from avsync.aligner.alignment import TEMPERATURE, make_queries
from avsync.aligner.path import decode, evidence
from avsync.aligner.search import (
    BASE_RATES,
    DOUBT,
    OUTSIDE,
    POOL,
    REACH,
    STEP,
    SWITCH_COST,
    WINDOW,
    Coarse,
    Drift,
    Queries,
    coarse_scores,
    find_drift,
    find_rate,
    group_cues,
    mask_outside,
    path_slope,
    pool_keys,
)
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories

TimeArray = npt.NDArray[np.float64]
quick = settings(deadline=None, derandomize=True, max_examples=40)


# --- windows ------------------------------------------------------------------------------------


@st.composite
def cue_lists(draw: st.DrawFn) -> list[CueTiming]:
    cues, now = [], draw(st.floats(-100, 100))
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.floats(0, 5) | st.floats(0, 100))
        cues.append(CueTiming(now, now + draw(st.floats(0, 6)), 10, False))
    return cues


@quick
@given(cues=cue_lists())
def test_every_cue_is_in_one_window(cues: list[CueTiming]) -> None:
    windows, owned = group_cues(cues), territories(cues)
    assert windows.cues[0] == 0 and windows.cues[-1] == len(cues)
    assert (np.diff(windows.cues) >= 1).all()
    assert len(windows.spans) == len(windows.cues) - 1
    for (begin, end), first, last in zip(
        windows.spans, windows.cues[:-1], windows.cues[1:], strict=True
    ):
        assert begin == owned[first, 0]
        assert end == owned[first:last, 1].max()
        if last - first > 1:
            assert end - begin <= 2 * WINDOW + 6
    assert (np.diff(windows.spans[:, 0]) >= 0).all()
    assert (np.diff(windows.times) >= -6).all()


def test_a_window_is_full_at_ten_seconds() -> None:
    cues = [CueTiming(2.0 * n, 2.0 * n + 1.5, 10, False) for n in range(60)]
    lengths = np.ptp(group_cues(cues).spans, axis=1)
    assert lengths[:-1].min() >= WINDOW and lengths.max() <= WINDOW + 2.5


def test_a_far_cue_does_not_stretch_a_window() -> None:
    cues = [CueTiming(0, 1, 10, False), CueTiming(300, 301, 10, False)]
    np.testing.assert_array_equal(group_cues(cues).cues, [0, 1, 2])


# --- queries ------------------------------------------------------------------------------------


def ramp(count: int) -> Queries:
    """Tokens that say their own index, from one on; the first stands at 5 s."""
    return Queries(torch.arange(1, count + 1, dtype=torch.float32)[:, None], 5.0)


@quick
@given(
    start=st.floats(5, 20),
    length=st.floats(0.02, 8),
    rate=st.floats(0.79, 1.27),
    pool=st.sampled_from([1, POOL]),
)
def test_a_stretched_window_holds_the_tokens_of_its_span(
    start: float, length: float, rate: float, pool: int
) -> None:
    queries = ramp(1400)
    spans = np.array([[start, start + length]])
    tokens, starts = queries.resampled(spans, rate, pool)
    n = tokens.shape[1]
    index = (int(starts[0]) * pool + np.arange(n * pool)) / TOKEN_RATE_HZ / rate
    inside = (index >= start) & (index < start + length)
    expected = np.where(inside, np.rint((index - 5.0) * TOKEN_RATE_HZ) + 1, 0).reshape(n, pool)
    np.testing.assert_array_equal(tokens[0, :, 0].numpy(), expected.sum(axis=1))
    # Nothing of the span is left out.
    assert int(starts[0]) * pool / TOKEN_RATE_HZ <= start * rate + 1e-9
    assert (int(starts[0]) + n) * pool / TOKEN_RATE_HZ >= (start + length) * rate - 1e-9


def test_windows_of_one_call_are_padded_to_one_length() -> None:
    spans = np.array([[6.0, 7.0], [8.0, 12.0], [12.0, 12.5]])
    tokens, starts = ramp(1000).resampled(spans, 1.0, 1)
    assert tokens.shape == (3, 200, 1)
    np.testing.assert_array_equal(starts.numpy(), [300, 400, 600])
    np.testing.assert_array_equal((tokens[:, :, 0] != 0).sum(1).numpy(), [50, 200, 25])


def test_a_window_beyond_the_tokens_is_zero_there() -> None:
    tokens, _ = ramp(100).resampled(np.array([[0.0, 10.0]]), 1.0, 1)
    np.testing.assert_array_equal((tokens[0, :, 0] != 0).numpy().nonzero()[0], range(250, 350))


def test_only_territories_are_kept() -> None:
    kept = mask_outside(torch.ones(500, 2), 10.0, np.array([[5.0, 10.1], [12.0, 13.0]]))
    expected = np.zeros(500)
    expected[:5] = expected[100:150] = 1
    np.testing.assert_array_equal(kept[:, 0].numpy(), expected)


@quick
@given(count=st.integers(1, 50))
def test_pooled_keys_are_means(count: int) -> None:
    keys = torch.arange(count * 2, dtype=torch.float32).reshape(count, 2) + 1
    pooled = pool_keys(keys)
    assert pooled.shape == (-(-count // POOL), 2)
    torch.testing.assert_close(POOL * pooled.sum(0), keys.sum(0))


# --- coarse scores ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def film() -> TokenFilm:
    return token_film(1)


def prepared(
    film: TokenFilm, cues: list[CueTiming], *played: tuple[float, float]
) -> tuple[Queries, TimeArray, torch.Tensor]:
    """Queries, windows and pooled keys of ``cues`` against an edit of ``film``."""
    plain = attention()
    queries = make_queries(plain, film.model().cues.encode(cues), territories(cues))
    with torch.inference_mode():
        keys = plain.project_keys(torch.from_numpy(film.played(*played).values))
    return queries, group_cues(cues).spans, pool_keys(keys)


def test_every_window_is_found_at_its_lag(film: TokenFilm) -> None:
    coarse = coarse_scores(*prepared(film, mistimed(film.cues, shift=40.03)), 1.0, TEMPERATURE)
    assert coarse.scores.shape == (len(coarse.times), len(coarse.lags))
    found = coarse.lags[coarse.scores.argmax(axis=1)]
    np.testing.assert_allclose(found, 40.03, atol=STEP / 2 + 1e-6)


def test_a_window_may_lie_nowhere_but_in_the_recording(film: TokenFilm) -> None:
    coarse = coarse_scores(*prepared(film, mistimed(film.cues, shift=40)), 1.0, TEMPERATURE)
    at = coarse.times[:, None] + coarse.lags
    outside = (at < 0) | (at > 300)
    assert outside.any()
    np.testing.assert_allclose(coarse.scores[outside], OUTSIDE)


def test_lags_reach_fifteen_minutes_and_no_farther(film: TokenFilm) -> None:
    cues = mistimed(film.cues, shift=-5000)
    coarse = coarse_scores(*prepared(film, cues), 1.0, TEMPERATURE)
    assert coarse.lags[0] == pytest.approx(-REACH, abs=STEP)
    assert np.isfinite(coarse.scores).all()
    cues = mistimed(film.cues, shift=800)
    coarse = coarse_scores(*prepared(film, cues), 1.0, TEMPERATURE)
    assert coarse.lags[-1] == pytest.approx(REACH, abs=STEP)


@pytest.mark.parametrize("rate", BASE_RATES, ids=str)
def test_a_base_rate_is_found(film: TokenFilm, rate: Fraction) -> None:
    cues = mistimed(film.cues, rate=float(rate), shift=-12.3)
    coarse = find_rate(*prepared(film, cues), TEMPERATURE)
    assert coarse.rate == float(rate)
    path = decode(coarse.scores, switch_cost=SWITCH_COST)
    np.testing.assert_allclose(coarse.lags[path.lags], -12.3, atol=STEP / 2 + 1e-6)


def test_a_break_in_the_film_does_not_spoil_its_rate(film: TokenFilm) -> None:
    # Each half lies on a lag of its own; a wrong rate would bring one of them near the other's.
    edit = (0.0, 130.0), (1e5, 1e5 + 12.5), (130.0, 300.0)
    coarse = find_rate(*prepared(film, list(film.cues), *edit), TEMPERATURE)
    assert coarse.rate == 1.0


# --- drift, on planted evidence -----------------------------------------------------------------


def planted(
    lag_at: Callable[[TimeArray], TimeArray],
    *,
    minutes: float = 30.0,
    sharpness: float = 15.0,
    spread: float = 0.04,
    jitter: float = 0.0,
    every: float = 10.0,
    seed: int = 0,
) -> Coarse:
    """Windows that each point at ``lag_at(time)``, out of a minute of lags.

    ``sharpness`` is the logit of the right lag over any other, ``spread`` the width of its peak in
    seconds, and ``jitter`` how far off the habits of a subtitler put a window.
    """
    chance = np.random.default_rng(seed)
    times = np.arange(every / 2, 60 * minutes, every)
    lags = np.arange(-375, 376) * STEP
    true = lag_at(times) + chance.normal(0, jitter, len(times))
    logits = sharpness * np.exp(-0.5 * ((lags - true[:, None]) / spread) ** 2)
    logits += chance.normal(0, 0.7, logits.shape)
    scores = evidence(logits.astype(np.float32), doubt=DOUBT)
    return Coarse(1.0, scores, lags.astype(np.float64), times.astype(np.float64))


def along(coarse: Coarse, drift: Drift) -> TimeArray:
    """The lag that a drift and its path give to each window."""
    lags: TimeArray = coarse.lags[drift.path.lags] + drift.slope * coarse.times
    return lags


@pytest.mark.parametrize("minutes", [2.0, 10.0, 30.0, 120.0])
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.04, -7.78])
@pytest.mark.parametrize("jitter", [0.0, 0.04, 0.08])
def test_a_right_rate_is_never_stretched(minutes: float, shift: float, jitter: float) -> None:
    for seed in range(2):
        coarse = planted(lambda t: 0 * t + shift, minutes=minutes, jitter=jitter, seed=seed)
        drift = find_drift(coarse)
        assert (drift.slope, drift.standard) == (0.0, True)
        np.testing.assert_allclose(along(coarse, drift), shift, atol=0.2)


@pytest.mark.parametrize("minutes", [15.0, 30.0, 120.0])
@pytest.mark.parametrize("jitter", [0.0, 0.05])
@pytest.mark.parametrize("slope", [0.001, 1 / 1.001 - 1])
def test_a_pulldown_is_a_standard_rate(minutes: float, jitter: float, slope: float) -> None:
    coarse = planted(lambda t: slope * (t - 30 * minutes) + 3.3, minutes=minutes, jitter=jitter)
    drift = find_drift(coarse)
    assert drift.standard and drift.slope == pytest.approx(slope)
    assert len(drift.path.switches) == 0


def test_a_drift_costs_hardly_any_evidence() -> None:
    # A window between two lags belongs to either by halves: that costs log 2, not half its nats.
    coarse = planted(lambda t: 0.0023 * (t - 900))
    drift = find_drift(coarse)
    taken = drift.scores[np.arange(len(coarse.times)), drift.path.lags]
    assert taken.mean() > coarse.scores.max(axis=1).mean() - 1.0


@pytest.mark.parametrize("every", [10.0, 30.0])
@pytest.mark.parametrize("slope", [0.0023, -0.0023, 0.0004])
def test_any_other_drift_is_found(slope: float, every: float) -> None:
    coarse = planted(lambda t: slope * (t - 900) - 4.0, every=every)
    drift = find_drift(coarse)
    assert not drift.standard
    np.testing.assert_allclose(along(coarse, drift), slope * (coarse.times - 900) - 4.0, atol=0.1)


def test_a_drift_is_found_across_breaks() -> None:
    def lag(t: TimeArray) -> TimeArray:
        lags: TimeArray = 0.0023 * (t - 900) + 11.0 * (t > 700) - 9.0 * (t > 1200)
        return lags

    coarse = planted(lag)
    drift = find_drift(coarse)
    np.testing.assert_allclose(along(coarse, drift), lag(coarse.times), atol=0.1)
    assert len(drift.path.switches) == 2


def test_breaks_are_not_taken_for_a_drift() -> None:
    # Eight ad breaks of four seconds: from afar, a drift of 1.8%.
    def lag(t: TimeArray) -> TimeArray:
        lags: TimeArray = 4.0 * np.floor(t / 200) - 15.0
        return lags

    coarse = planted(lag)
    drift = find_drift(coarse)
    assert drift.slope == 0.0
    np.testing.assert_allclose(along(coarse, drift), lag(coarse.times), atol=STEP)
    assert len(drift.path.switches) == 8


def test_weak_evidence_is_not_stretched() -> None:
    for seed in range(5):
        coarse = planted(lambda t: 0 * t, sharpness=5.0, spread=0.08, jitter=0.05, seed=seed)
        assert find_drift(coarse).slope == 0.0


def test_one_window_has_no_drift() -> None:
    drift = find_drift(planted(lambda t: 0 * t + 1.0, minutes=1 / 6))
    assert drift.slope == 0.0 and len(drift.path.lags) == 1


def test_a_slope_is_measured_within_segments() -> None:
    def lag(t: TimeArray) -> TimeArray:
        lags: TimeArray = 0.002 * t + 20.0 * (t > 900) - 12.0
        return lags

    coarse = planted(lag)
    path = decode(coarse.scores, switch_cost=SWITCH_COST, drift_cost=2.0)
    assert path_slope(coarse, path) == pytest.approx(0.002, abs=1e-4)
