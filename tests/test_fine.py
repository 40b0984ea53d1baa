"""From roughly known lags to exact ones, on films of tokens and on planted evidence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from token_films import FOREIGN, TokenFilm, mistimed, token_film

from avsync.aligner.alignment import TEMPERATURE, make_queries
from avsync.aligner.fine import (
    FINE_REACH,
    SAME_LAG,
    STRADDLE,
    Candidate,
    Fine,
    fine_scores,
    open_lags,
    residual_slope,
    settle,
)
from avsync.aligner.path import Path
from avsync.aligner.search import DOUBT, STEP, Coarse
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import CueTiming, territories

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
quick = settings(deadline=None, derandomize=True, max_examples=40)


# --- open_lags ----------------------------------------------------------------------------------


def candidates_of(path: list[int], per_window: int = 2) -> list[Candidate]:
    """The candidates of a path over windows of ``per_window`` cues, lag index 0 being 0 s."""
    count = max(path) + 1
    coarse = Coarse(
        1.0,
        np.zeros((len(path), count), np.float32),
        np.arange(count, dtype=np.float64) * STEP,
        np.arange(len(path), dtype=np.float64),
    )
    bounds = np.arange(len(path) + 1) * per_window
    return open_lags(coarse, Path(np.array(path), 0.0), bounds)


def test_a_constant_path_has_one_candidate_for_all_cues() -> None:
    (only,) = candidates_of([5] * 4)
    assert only.lag == pytest.approx(5 * STEP)
    np.testing.assert_array_equal(only.home, range(8))
    np.testing.assert_array_equal(only.open_to, range(8))


def test_cues_near_a_jump_may_belong_to_either_side() -> None:
    before, after = candidates_of([0] * 5 + [100] * 5, per_window=1)
    np.testing.assert_array_equal(before.home, range(5))
    np.testing.assert_array_equal(after.home, range(5, 10))
    np.testing.assert_array_equal(before.open_to, range(5 + STRADDLE))
    np.testing.assert_array_equal(after.open_to, range(5 - STRADDLE, 10))


@quick
@given(path=st.lists(st.integers(0, 60), min_size=1, max_size=20), cues=st.integers(1, 4))
def test_every_cue_has_one_home_that_is_open_to_it(path: list[int], cues: int) -> None:
    found = candidates_of(path, cues)
    homes = np.concatenate([candidate.home for candidate in found])
    np.testing.assert_array_equal(np.sort(homes), range(len(path) * cues))
    for candidate in found:
        assert set(candidate.home) <= set(candidate.open_to)
        assert (np.diff(candidate.open_to) > 0).all()
    lags = np.sort([candidate.lag for candidate in found])
    assert (np.diff(lags) > SAME_LAG).all()


# --- fine_scores and settle ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def film() -> TokenFilm:
    return token_film(1)


def whole(cues: list[CueTiming], lag: float) -> Candidate:
    return Candidate(lag, np.arange(len(cues)), np.arange(len(cues)))


def scored(
    film: TokenFilm,
    cues: list[CueTiming],
    candidates: list[Candidate],
    *played: tuple[float, float],
) -> Fine:
    model = film.model()
    owned = territories(cues)
    queries = make_queries(model.lag, model.cues.encode(cues), owned)
    with torch.inference_mode():
        keys = model.lag.project_keys(torch.from_numpy(film.played(*played).values))
    return fine_scores(queries, owned, keys, candidates, temperature=TEMPERATURE)


@pytest.mark.parametrize("shift", [0.0, 0.01, 12.343, -3.999, 3.3])
@pytest.mark.parametrize("error", [-0.2, 0.0, 0.13])
def test_a_shift_is_found_within_5_ms(film: TokenFilm, shift: float, error: float) -> None:
    cues = mistimed(film.cues, shift=shift)
    candidate = whole(cues, shift + error)
    owners, lags = settle(scored(film, cues, [candidate]), [candidate])
    assert (owners == 0).all()
    assert lags[0] == pytest.approx(shift, abs=0.005)


def test_a_posterior_is_one_over_all_that_a_cue_is_open_to(film: TokenFilm) -> None:
    cues = list(film.cues)
    half = len(cues) // 2
    sides = [
        Candidate(0.0, np.arange(half), np.arange(half + 3)),
        Candidate(30.0, np.arange(half, len(cues)), np.arange(half - 3, len(cues))),
    ]
    fine = scored(film, cues, sides)
    band = 2 * round(FINE_REACH * TOKEN_RATE_HZ) + 1
    assert fine.posterior.shape == (len(cues), 2, band)
    np.testing.assert_allclose(fine.posterior.sum(axis=(1, 2)), 1.0, rtol=1e-4)
    assert not fine.posterior[: half - 3, 1].any() and not fine.posterior[half + 3 :, 0].any()
    assert np.isfinite(fine.evidence).all()
    assert fine.evidence.min() >= np.log(DOUBT) - 1e-4


def test_cues_at_a_jump_go_where_they_belong(film: TokenFilm) -> None:
    # 30 s were put in after 150 s; the coarse path is wrong about three cues on either side.
    cues = list(film.cues)
    edit = (0.0, 150.0), (FOREIGN, FOREIGN + 30.0), (150.0, 300.0)
    jump = next(n for n, cue in enumerate(cues) if cue.start > 150)
    for guess in (jump - 3, jump, jump + 3):
        sides = [
            Candidate(0.05, np.arange(guess), np.arange(jump + 6)),
            Candidate(30.05, np.arange(guess, len(cues)), np.arange(jump - 6, len(cues))),
        ]
        owners, lags = settle(scored(film, cues, sides, *edit), sides)
        np.testing.assert_array_equal(owners, (np.arange(len(cues)) >= jump).astype(int))
        np.testing.assert_allclose(lags, [0.0, 30.0], atol=0.005)


def test_cues_beyond_the_recording_say_nothing(film: TokenFilm) -> None:
    cues = list(film.cues)
    fine = scored(film, cues, [whole(cues, 0.0)], (0.0, 100.0))
    outside = np.array([cue.start > 105 for cue in cues])
    assert outside.any()
    assert np.abs(fine.evidence[outside]).max() < 0.1
    _, lags = settle(fine, [whole(cues, 0.0)])
    assert lags[0] == pytest.approx(0.0, abs=0.005)


# --- residual_slope, on planted evidence --------------------------------------------------------


def planted(offsets: npt.NDArray[np.float64], *, spread: float = 1.5) -> Fine:
    """Cues whose posteriors peak ``offsets`` tokens off the middle of one candidate's band."""
    half = round(FINE_REACH * TOKEN_RATE_HZ)
    band = np.arange(-half, half + 1)
    likelihood = np.exp(-0.5 * ((band - offsets[:, None]) / spread) ** 2) + 1e-9
    posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    return Fine(posterior[:, None].astype(np.float32), np.zeros(1))


@pytest.mark.parametrize("slope", [0.0, 1e-4, -2e-4])
def test_a_slope_that_is_left_is_found(slope: float) -> None:
    times = np.linspace(3, 1800, 400)
    fine = planted(slope * (times - times.mean()) * TOKEN_RATE_HZ)
    found = residual_slope(fine, np.zeros(400, np.int64), times)
    assert found == pytest.approx(slope, abs=0.015 / 900)


def test_flat_evidence_has_no_slope() -> None:
    flat = Fine(np.full((50, 1, 41), 1 / 41, np.float32), np.zeros(1))
    assert residual_slope(flat, np.zeros(50, np.int64), np.linspace(0, 600, 50)) == 0.0


def test_one_cue_has_no_slope() -> None:
    assert residual_slope(planted(np.zeros(1)), np.zeros(1, np.int64), np.array([9.0])) == 0.0


# --- evidence -----------------------------------------------------------------------------------


@quick
@given(data=st.data(), cues=st.integers(1, 5), candidates=st.integers(1, 4))
def test_evidence_averages_to_a_likelihood_of_one(
    data: st.DataObject, cues: int, candidates: int
) -> None:
    chance = np.random.default_rng(data.draw(st.integers(0, 999)))
    likelihood = chance.random((cues, candidates, 41)) ** 8
    posterior = likelihood / likelihood.sum(axis=(1, 2), keepdims=True)
    fine = Fine(posterior.astype(np.float32), np.zeros(candidates))
    np.testing.assert_allclose(np.exp(fine.evidence).mean(axis=(1, 2)), 1.0, rtol=1e-3)
    assert fine.evidence.min() >= np.log(DOUBT) - 1e-4
    # Everywhere at once is no evidence for anything.
    middle = np.full(candidates, 20, np.int64)
    everywhere = fine.near(middle, slack=20)
    taken = np.exp(everywhere) - DOUBT
    np.testing.assert_allclose(taken.sum(axis=1), (1 - DOUBT) * candidates, rtol=1e-3)


def test_a_cue_that_is_off_by_its_subtitlers_habit_still_speaks_for_its_place() -> None:
    near = planted(np.array([0.0, 4.0, 15.0])).near(np.array([20]), slack=5)
    assert near[0, 0] > 1 and near[1, 0] > 0.5
    assert near[2, 0] == pytest.approx(np.log(DOUBT), abs=0.01)
