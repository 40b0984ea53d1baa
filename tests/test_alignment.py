"""The whole ladder, from tokens to segments, on films of tokens whose answer is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from memory import peak_memory
from token_films import FOREIGN, TokenFilm, jittered, mistimed, token_film

from avsync.aligner.alignment import Alignment, align, final_rate, segments_of, stretch
from avsync.aligner.fine import Fine
from avsync.aligner.path import Path
from avsync.aligner.search import Drift
from avsync.encoders.cues import CueTiming
from avsync.timemap import nearest_standard_rate

FILM_25_TO_NTSC = Fraction(25) / Fraction(24000, 1001)


@pytest.fixture(scope="module")
def film() -> TokenFilm:
    return token_film(1)


@pytest.fixture(scope="module")
def feature() -> TokenFilm:
    return token_film(2, minutes=30)


def found(film: TokenFilm, cues: Sequence[CueTiming], *played: tuple[float, float]) -> Alignment:
    model = film.model()
    return align(model, cues, film.played(*played), attention=model.lag)


def check(alignment: Alignment, cues: Sequence[CueTiming], truth: Sequence[float]) -> None:
    """Every cue comes to start within 5 ms of its truth."""
    assert [s.first for s in alignment.segments[1:]] == [s.last for s in alignment.segments[:-1]]
    assert (alignment.segments[0].first, alignment.segments[-1].last) == (0, len(cues))
    placed = [
        float(alignment.rate) * cues[n].start + segment.shift
        for segment in alignment.segments
        for n in range(segment.first, segment.last)
    ]
    np.testing.assert_allclose(placed, truth, atol=0.005)


def starts(film: TokenFilm) -> list[float]:
    return [cue.start for cue in film.cues]


@pytest.mark.parametrize("shift", [0.0, 0.03, -7.777, 123.456, -290.0, 890.0])
def test_a_shift(film: TokenFilm, shift: float) -> None:
    cues = mistimed(film.cues, shift=shift)
    alignment = found(film, cues)
    assert alignment.rate == 1 and alignment.exact
    assert len(alignment.segments) == 1
    check(alignment, cues, starts(film))


@pytest.mark.parametrize(
    "rate",
    [Fraction(25, 24), Fraction(24, 25), FILM_25_TO_NTSC, 1 / FILM_25_TO_NTSC, Fraction(6, 5)],
    ids=str,
)
def test_a_frame_rate(feature: TokenFilm, rate: Fraction) -> None:
    cues = mistimed(jittered(feature.cues, 0.04), rate=float(rate), shift=-12.3)
    alignment = found(feature, cues)
    assert (alignment.rate, alignment.exact, len(alignment.segments)) == (rate, True, 1)
    assert alignment.segments[0].shift == pytest.approx(-12.3, abs=0.01)


@pytest.mark.parametrize("rate", [Fraction(1001, 1000), Fraction(1000, 1001)], ids=str)
def test_a_pulldown(feature: TokenFilm, rate: Fraction) -> None:
    cues = mistimed(feature.cues, rate=float(rate), shift=3.3)
    alignment = found(feature, cues)
    assert (alignment.rate, alignment.exact, len(alignment.segments)) == (rate, True, 1)
    check(alignment, cues, starts(feature))


@pytest.mark.parametrize("rate", [1.0023, 0.9977, 1.0023 * 25 / 24])
def test_a_drift_that_is_no_standard_rate(feature: TokenFilm, rate: float) -> None:
    cues = mistimed(feature.cues, rate=rate, shift=4.0)
    alignment = found(feature, cues)
    assert not alignment.exact and len(alignment.segments) == 1
    shift, drift = alignment.segments[0].shift - 4.0, float(alignment.rate) - rate
    assert abs(shift + drift * cues[0].start) < 0.03
    assert abs(shift + drift * cues[-1].start) < 0.03


def test_a_drift_over_two_hours() -> None:
    film = token_film(3, minutes=120, pause=2.0)
    cues = mistimed(film.cues, rate=1.0023, shift=4.0)
    alignment = found(film, cues)
    assert float(alignment.rate) == pytest.approx(1.0023, abs=1e-5)
    assert len(alignment.segments) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_right_rate_is_not_stretched_by_careless_timing(seed: int) -> None:
    film = token_film(10 + seed)
    cues = mistimed(jittered(film.cues, 0.12, seed=seed), shift=31.04)
    alignment = found(film, cues)
    assert alignment.rate == 1
    assert len(alignment.segments) == 1
    assert alignment.segments[0].shift == pytest.approx(31.04, abs=0.06)


def test_three_breaks(feature: TokenFilm) -> None:
    first, second, third = (quiet(feature, near) for near in (400.0, 900.0, 1500.0))
    edit = (
        (0.0, first),
        (FOREIGN, FOREIGN + 1.5),
        (first, second),
        (FOREIGN + 100, FOREIGN + 160),
        (second, third),
        (FOREIGN + 300, FOREIGN + 320),
        (third, 1800.0),
    )
    cues = mistimed(feature.cues, shift=17.0)
    alignment = found(feature, cues, *edit)
    assert [round(s.shift, 2) for s in alignment.segments] == [17.0, 18.5, 78.5, 98.5]
    truth = [
        t + 1.5 * (t >= first) + 60.0 * (t >= second) + 20.0 * (t >= third) for t in starts(feature)
    ]
    check(alignment, cues, truth)


def test_three_removed_scenes(feature: TokenFilm) -> None:
    # Cut where nobody speaks, as is done; the cues of what was cut out have no place.
    cuts = [quiet(feature, near) for near in (400.0, 410.0, 900.0, 950.0, 1500.0, 1508.0)]
    edit = ((0.0, cuts[0]), (cuts[1], cuts[2]), (cuts[3], cuts[4]), (cuts[5], 1800.0))
    alignment = found(feature, feature.cues, *edit)
    removed = np.cumsum([0.0, *(b - a for a, b in zip(cuts[::2], cuts[1::2], strict=True))])
    np.testing.assert_allclose([s.shift for s in alignment.segments], -removed, atol=0.01)
    for cue, shift in zip(feature.cues, by_cue(alignment), strict=True):
        before = [n for n, cut in enumerate(cuts[::2]) if cue.start >= cut]
        lost = any(a <= cue.start < b for a, b in zip(cuts[::2], cuts[1::2], strict=True))
        assert lost or shift == pytest.approx(-removed[len(before)], abs=0.01), cue


def quiet(film: TokenFilm, near: float) -> float:
    """The middle of the pause that is nearest to a time."""
    middles = [
        (a.end + b.start) / 2
        for a, b in zip(film.cues, film.cues[1:], strict=False)
        if b.start - a.end > 0.25
    ]
    return min(middles, key=lambda t: abs(t - near))


def by_cue(alignment: Alignment) -> list[float]:
    return [s.shift for s in alignment.segments for _ in range(s.first, s.last)]


def test_a_rate_and_a_break_at_once(feature: TokenFilm) -> None:
    edit = (0.0, 800.0), (FOREIGN, FOREIGN + 45.0), (800.0, 1800.0)
    cues = mistimed(feature.cues, rate=25 / 24, shift=-3.0)
    alignment = found(feature, cues, *edit)
    assert alignment.rate == Fraction(25, 24)
    assert [round(s.shift, 2) for s in alignment.segments] == [-3.0, 42.0]


def test_every_ninth_cue(feature: TokenFilm) -> None:
    cues = mistimed(feature.cues[::9], rate=25 / 24, shift=200.0)
    alignment = found(feature, cues)
    assert (alignment.rate, len(alignment.segments)) == (Fraction(25, 24), 1)
    check(alignment, cues, starts(feature)[::9])


def test_sound_that_ends_before_the_cues_do(film: TokenFilm) -> None:
    cues = mistimed(film.cues, shift=20.0)
    alignment = found(film, cues, (0.0, 120.0))
    assert alignment.rate == 1
    assert len(alignment.segments) == 1
    assert alignment.segments[0].shift == pytest.approx(20.0, abs=0.005)


def test_cues_of_one_scene_of_a_long_film(feature: TokenFilm) -> None:
    scene = [cue for cue in feature.cues if 1000 < cue.start < 1060]
    alignment = found(feature, mistimed(scene, shift=800.0))
    assert [round(s.shift, 2) for s in alignment.segments] == [800.0]


def test_a_single_cue_is_laid_somewhere(film: TokenFilm) -> None:
    alignment = found(film, mistimed(film.cues[5:6], shift=50.0))
    assert alignment.segments[0].shift == pytest.approx(50.0, abs=0.01)
    assert alignment.rate == 1


def test_no_cues_are_an_error(film: TokenFilm) -> None:
    with pytest.raises(ValueError):
        found(film, [])


def test_one_stray_cue_costs_no_memory(film: TokenFilm) -> None:
    # "Subtitles by ..." at 99:59:58 is common, and so are files with worse.
    last = film.cues[-1]
    stray = replace(last, start=359_998.0, end=359_999.0)
    with peak_memory() as peak:
        alignment = found(film, [*film.cues, stray])
    assert peak.mib < 500
    assert by_cue(alignment)[:-1] == pytest.approx([0.0] * len(film.cues), abs=0.01)


def test_an_alignment_repeats_itself(film: TokenFilm) -> None:
    cues = mistimed(film.cues, shift=5.0)
    first, second = found(film, cues), found(film, cues)
    assert [s.shift for s in first.segments] == [s.shift for s in second.segments]
    np.testing.assert_array_equal(first.drift.scores, second.drift.scores)


def test_support_speaks_for_every_cue(film: TokenFilm) -> None:
    (segment,) = found(film, film.cues).segments
    assert segment.support.shape == (len(film.cues),)
    assert segment.support.min() > 0


# --- rungs ----------------------------------------------------------------------------------------


def drift(slope: float, *, standard: bool) -> Drift:
    return Drift(slope, standard, Path(np.zeros(1, np.int64), 0.0), np.zeros((1, 1), np.float32), 0)


@pytest.mark.parametrize("base", [Fraction(1), Fraction(25, 24), Fraction(4, 5)])
def test_a_base_rate_is_exact(base: Fraction) -> None:
    assert final_rate(float(base), drift(0.0, standard=True)) == (base, True)


def test_a_pulldown_makes_an_exact_rate() -> None:
    assert final_rate(25 / 24, drift(0.001, standard=True)) == (FILM_25_TO_NTSC, True)
    assert final_rate(1.0, drift(1 / 1.001 - 1, standard=True)) == (Fraction(1000, 1001), True)


def test_a_free_drift_is_no_exact_rate() -> None:
    rate, exact = final_rate(1.0, drift(0.0023, standard=False))
    assert not exact and float(rate) == pytest.approx(1.0023, abs=1e-9)
    assert nearest_standard_rate(float(rate), 1e-5) is None


def test_stretching_keeps_what_cues_are() -> None:
    (cue,) = stretch([CueTiming(10.0, 12.0, 7, True)], 1.5)
    assert cue == CueTiming(15.0, 18.0, 7, True)


def test_neighbours_under_almost_one_lag_are_one_segment() -> None:
    fine = Fine(np.full((6, 3, 41), 1 / 123, np.float32), np.array([0.0, 5.0, 0.1]))
    owners = np.array([0, 0, 2, 2, 1, 1])
    one, two = segments_of(fine, owners, np.array([0.0, 5.0, 0.1]))
    assert (one.first, one.last, two.first, two.last) == (0, 4, 4, 6)
    assert one.shift == pytest.approx(0.05) and two.shift == 5.0
    assert len(one.support) == 4 and len(two.support) == 2
