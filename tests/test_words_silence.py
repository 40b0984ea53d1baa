"""A line with long silences in it is heard without them, and its words lie on the film's clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsync.media import Audio
from avsync.words.engine import Found
from avsync.words.silence import KEPT_FRAMES, Heard, listen, quiet_frames
from avsync.words.windows import Reel

RATE_HZ = 16_000
KEPT = KEPT_FRAMES / 50


def film(*parts: tuple[str, float], noise: float = 0.0) -> Audio:
    """So many seconds of a loud or a silent sound after one another."""
    rng = np.random.default_rng(5)
    sounds = [
        (0.3 if kind == "loud" else 0.0) * rng.standard_normal(round(seconds * RATE_HZ))
        for kind, seconds in parts
    ]
    sound = np.concatenate(sounds)
    return Audio((sound + noise * rng.standard_normal(len(sound))).astype(np.float32), RATE_HZ)


def word(start: float, end: float) -> Found:
    return Found(0, 3, start, end, 1.0, 4.0)


def test_silence_is_told_from_a_stop() -> None:
    samples = np.full(16_000 * 2, 0.1, np.float32)
    samples[8_000:9_600] = 0.0  # 0.1 s
    samples[16_000:24_000] = 0.0
    quiet = np.flatnonzero(quiet_frames(samples))
    assert quiet.tolist() == list(range(50, 75))
    assert quiet_frames(np.zeros(16_000, np.float32)).all()
    assert len(quiet_frames(np.zeros(0, np.float32))) == 0


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-2])
def test_silence_is_cut_short(noise: float) -> None:
    sound = film(("loud", 3.0), ("silent", 31.0), ("loud", 2.0), noise=noise)
    heard = listen(Reel.of(sound), 0.0, 36.0, 30.0)
    assert heard.length == pytest.approx(5.0 + 2 * KEPT, abs=0.05)
    assert heard.end == 36.0 and len(heard.joints) == 2
    assert heard.film(3.0 + 2 * KEPT + 1.0) == pytest.approx(35.0, abs=0.05)


def test_what_does_not_fit_is_left_for_later() -> None:
    heard = listen(Reel.of(film(("loud", 20.0), ("silent", 50.0), ("loud", 40.0))), 0.0, 110.0, 30)
    assert heard.length == 30.0
    assert heard.end == heard.film(30.0) == pytest.approx(80.0 - 2 * KEPT, abs=0.05)
    later = listen(Reel.of(film(("loud", 20.0), ("silent", 900.0))), 0.0, 920.0, 30.0)
    assert later.end == 600.0  # no more of a film is held than that


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_pause_and_sound_that_never_rises_are_kept(noise: float) -> None:
    pause = film(("loud", 3.0), ("silent", 1.9), ("loud", 3.0), noise=noise)
    np.testing.assert_array_equal(listen(Reel.of(pause), 0.0, 7.9, 30.0).samples, pause.samples)
    hum = film(("silent", 10.0), noise=noise + 0.1)
    np.testing.assert_array_equal(listen(Reel.of(hum), 0.0, 10.0, 30.0).samples, hum.samples)


def test_nothing_to_hear() -> None:
    assert listen(Reel.of(film(("silent", 40.0))), 0.0, 40.0, 30.0).length <= 2 * KEPT + 0.05
    empty = listen(Reel.of(Audio(np.zeros(0, np.float32), RATE_HZ)), 2.0, 2.0, 30.0)
    assert (empty.length, empty.end, empty.film(0.0)) == (0.0, 2.0, 2.0)


@given(
    parts=st.lists(st.tuples(st.sampled_from(["loud", "silent"]), st.integers(1, 8)), max_size=6),
    start=st.floats(0.0, 3.0),
    longest=st.floats(1.0, 20.0),
)
def test_every_sample_keeps_its_time(
    parts: Sequence[tuple[str, float]], start: float, longest: float
) -> None:
    sound = film(("loud", 1.0), *parts)
    start = round(start * RATE_HZ) / RATE_HZ
    heard = listen(Reel.of(sound), start, start + 25.0, longest)
    assert heard.length <= longest + 1e-4 and start <= heard.end <= start + 25.0
    times = [heard.film(n / RATE_HZ) for n in range(0, len(heard.samples), 997)]
    assert times == sorted(times)
    for n, time in enumerate(times):
        assert heard.samples[997 * n] == at(sound.samples, time)


def at(samples: npt.NDArray[np.float32], seconds: float) -> float:
    place = round(seconds * RATE_HZ)
    return float(samples[place]) if place < len(samples) else 0.0


def test_no_word_lies_across_what_was_cut() -> None:
    heard = Heard(np.zeros(8 * RATE_HZ, np.float32), ((0.0, 10.0), (4.0, 44.0)), 48.0)
    assert heard.moved(word(1.0, 2.0)) == word(11.0, 12.0)
    assert heard.moved(word(5.0, 5.5)) == word(45.0, 45.5)
    assert heard.moved(word(3.0, 4.5)) == word(13.0, 14.0 - KEPT)
    late = heard.moved(word(3.7, 5.0))
    assert (late.start, late.end) == pytest.approx((44.0 + KEPT, 45.0))
    ending = heard.moved(word(3.0, 4.0))
    assert (ending.start, ending.end) == (13.0, 14.0)
    assert heard.moved(word(4.0, 5.0)) == word(44.0, 45.0)
    missed = heard.moved(word(np.nan, np.nan))
    assert not missed.placed
