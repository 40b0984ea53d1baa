"""Recordings laid over each other: known places, clocks and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clips import write_sound
from events import RATE_HZ, Samples, device, event, write_wav
from hypothesis import given, settings
from hypothesis import strategies as st

import avsync
from avsync.errors import MediaError
from avsync.offset.fitting import _Seen, _through, fit
from avsync.offset.lags import Line, find_lines
from avsync.offset.listening import TOKEN_RATE_HZ, listen, tokens_of
from avsync.offset.phase import Pair
from avsync.offset.rivals import contest, differs
from avsync.tokens import TokenSequence


@pytest.fixture(scope="module")
def sound() -> Samples:
    return event(70.0)


@pytest.fixture(scope="module")
def camera(sound: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    heard = device(sound, start=5.0, seconds=40.0, noise_db=-3.0, seed=1)
    return write_wav(tmp_path_factory.mktemp("event") / "camera.wav", heard)


def align(camera: Path, *others: Path) -> tuple[avsync.Recording, ...]:
    return avsync.align_recordings(camera, others).others


def ends(one: avsync.Recording, camera_s: float = 40.0) -> tuple[float, float]:
    """The first one's seconds at which the overlap begins and ends, by the recording's clock."""
    assert one.offset_s is not None and one.end_s is not None
    return max(0.0, one.offset_s), min(camera_s, one.end_s)


@pytest.mark.parametrize(
    ("start", "drift_ppm", "noise_db"), [(15.0, 0.0, 0.0), (0.0, 200.0, -3.0), (25.5, -150.0, 0.0)]
)
def test_a_recorder_is_laid_to_the_millisecond(
    camera: Path, sound: Samples, tmp_path: Path, start: float, drift_ppm: float, noise_db: float
) -> None:
    heard = device(sound, start=start, seconds=36.0, drift_ppm=drift_ppm, noise_db=noise_db, seed=2)
    (one,) = align(camera, write_wav(tmp_path / "recorder.wav", heard))
    assert one.accepted and one.confidence > 0.9 and one.reason == ""
    assert one.offset_s is not None
    for own in (0.0, 36.0):  # both ends of it, on the first one's clock
        truth = start - 5.0 + own * (1 + drift_ppm / 1e6)
        assert one.offset_s + own * (1 + one.drift_ppm / 1e6) == pytest.approx(truth, abs=1e-3)
    assert one.drift_ppm == pytest.approx(drift_ppm, abs=10)
    assert one.drift_error_ppm < 10


def test_the_other_way_round_is_the_inverse(camera: Path, sound: Samples, tmp_path: Path) -> None:
    heard = device(sound, start=12.0, seconds=40.0, drift_ppm=80.0, seed=3)
    recorder = write_wav(tmp_path / "recorder.wav", heard)
    ((there,), (back,)) = align(camera, recorder), align(recorder, camera)
    assert there.offset_s is not None and back.offset_s is not None
    assert there.offset_s > 6.9 and back.offset_s < -6.9
    rate, inverse = 1 + there.drift_ppm / 1e6, 1 + back.drift_ppm / 1e6
    assert rate * inverse == pytest.approx(1.0, abs=5e-6)
    assert there.offset_s + rate * back.offset_s == pytest.approx(0.0, abs=5e-4)


def test_the_same_file_twice_lies_exactly_on_itself(camera: Path, tmp_path: Path) -> None:
    (one,) = align(camera, camera)
    assert (one.offset_s, one.drift_ppm, one.confidence) == (0.0, 0.0, 1.0)
    short = write_wav(tmp_path / "short.wav", event(0.8))
    (one,) = align(short, short)
    assert (one.offset_s, one.drift_ppm, one.accepted) == (0.0, 0.0, True)


def test_compressed_stereo_at_another_rate(camera: Path, sound: Samples, tmp_path: Path) -> None:
    heard = device(sound, start=10.0, seconds=35.0, noise_db=-6.0, seed=4)
    twice = np.repeat(heard, 3)  # 48 kHz
    path = write_sound(tmp_path / "phone.mka", "aac", 48_000, np.stack([twice, -0.2 * twice]))
    (one,) = align(camera, path)
    assert one.accepted and one.offset_s == pytest.approx(5.0, abs=1e-3)


def test_eight_channels_and_a_film(camera: Path, sound: Samples, tmp_path: Path) -> None:
    heard = device(sound, start=8.0, seconds=35.0, noise_db=-10.0, seed=5)
    eight = write_wav(tmp_path / "eight.wav", np.stack([heard * g for g in np.linspace(0.2, 1, 8)]))
    film = write_sound(
        tmp_path / "film.mkv", "flac", RATE_HZ, -heard, picture=True
    )  # wired wrongly
    for one in align(camera, eight, film):
        assert one.accepted and one.offset_s == pytest.approx(3.0, abs=1e-3)


def test_what_meets_only_another_is_laid_through_it(
    camera: Path, sound: Samples, tmp_path: Path
) -> None:
    far = write_wav(tmp_path / "far.wav", device(sound, start=46.0, seconds=22.0, seed=6))
    between = write_wav(tmp_path / "between.wav", device(sound, start=20.0, seconds=45.0, seed=7))
    first, second = align(camera, far, between)
    assert first.through == between and second.through is None
    assert first.offset_s == pytest.approx(41.0, abs=2e-3)
    (alone,) = align(camera, far)
    assert not alone.accepted and alone.through is None


def test_what_shares_no_sound_is_refused(camera: Path, tmp_path: Path) -> None:
    for seed in (11, 12):
        other = device(event(40.0, seed=seed), start=0.0, seconds=40.0, noise_db=-3.0, seed=seed)
        (one,) = align(camera, write_wav(tmp_path / "other.wav", other))
        assert not one.accepted and one.confidence < 0.1 and "camera.wav" in one.reason


def test_noise_and_silence_are_refused(camera: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = write_wav(tmp_path / "noise.wav", 0.1 * rng.normal(size=30 * RATE_HZ))
    silence = write_wav(tmp_path / "silence.wav", np.zeros(10 * RATE_HZ, np.float32))
    blink = write_wav(tmp_path / "blink.wav", event(3.0)[8000:14400])
    noisy, silent, short = align(camera, noise, silence, blink)
    assert not (noisy.accepted or silent.accepted or short.accepted)
    assert (silent.reason, short.reason) == ("it is silent", "it is only 0.40 s long")
    assert silent.offset_s is None
    (nothing,) = align(silence, camera)
    assert "silence.wav is silent" in nothing.reason


def test_what_repeats_itself_has_no_one_place(tmp_path: Path) -> None:
    loop = event(3.0, seed=20)
    again = np.tile(loop, 20)
    first = write_wav(tmp_path / "first.wav", device(again, start=0.0, seconds=50.0, seed=1))
    second = write_wav(tmp_path / "second.wav", device(again, start=3.0, seconds=15.0, seed=2))
    (one,) = align(first, second)
    assert not one.accepted and "several places" in one.reason


def test_what_repeats_itself_but_not_quite_is_laid_where_all_is_the_same(tmp_path: Path) -> None:
    song = np.tile(event(5.0, seed=20), 14) + 0.5 * event(70.0, seed=21)
    first = write_wav(tmp_path / "first.wav", device(song, start=0.0, seconds=50.0, seed=1))
    second = write_wav(
        tmp_path / "second.wav", device(song, start=28.0, seconds=40.0, noise_db=-3.0, seed=2)
    )
    (one,) = align(first, second)
    assert one.accepted and one.offset_s == pytest.approx(28.0, abs=1e-3)


def test_a_contest_goes_to_the_line_that_agrees_better(tmp_path: Path) -> None:
    song = np.tile(event(5.0, seed=20), 8) + 0.5 * event(40.0, seed=21)
    paths = [
        write_wav(tmp_path / f"{n}.wav", device(song, start=5.0 * n, seconds=30.0, seed=n))
        for n in range(2)
    ]
    pair = Pair(listen(paths[1]), listen(paths[0]))
    right, wrong = (fit(pair, Line(lag, 0.0, 0.0, 1e-6, (12.0,))) for lag in (5.0, 10.0))
    assert right is not None and wrong is not None and differs(right, wrong)
    assert contest(pair, right, wrong) > 3
    assert contest(pair, wrong, right) == pytest.approx(-contest(pair, right, wrong))
    assert right.clarity > wrong.clarity


def test_wrong_arguments(camera: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one more"):
        avsync.align_recordings(camera, [])
    with pytest.raises(ValueError, match="0 to 1"):
        avsync.align_recordings(camera, [camera], min_confidence=2)
    with pytest.raises(FileNotFoundError):
        avsync.align_recordings(camera, [tmp_path / "none.wav"])
    with pytest.raises(MediaError, match="not an audio track"):
        avsync.align_recordings(camera, [camera], audio_track=5)
    text = tmp_path / "text.wav"
    text.write_text("this is no sound at all " * 50)
    with pytest.raises(MediaError):
        avsync.align_recordings(camera, [text])


def test_progress_is_told_in_order(camera: Path) -> None:
    told: list[tuple[str, float]] = []
    other = camera.with_name("other.wav")
    write_wav(other, event(10.0, seed=3))
    avsync.align_recordings(camera, [other], progress=lambda *news: told.append(news))
    assert [stage for stage, _ in told][-1] == "comparing" and told[-1][1] == 1.0
    assert all(0 <= fraction <= 1 for _, fraction in told)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=64, max_size=64))
def test_tokens_do_not_hear_the_microphone(colour: list[float]) -> None:
    rng = np.random.default_rng(1)
    log_mel = np.cumsum(rng.normal(size=(600, 64)), axis=0) % 6
    plain = tokens_of(log_mel.astype(np.float16)).values
    coloured = tokens_of((log_mel + np.round(np.array(colour) * 8) / 8).astype(np.float16)).values
    assert np.corrcoef(plain.ravel(), coloured.ravel())[0, 1] > 0.999


def test_loudness_does_not_change_what_is_heard(camera: Path, sound: Samples) -> None:
    quiet = camera.with_name("quiet.wav")
    write_wav(quiet, device(sound, start=5.0, seconds=40.0, noise_db=-3.0, seed=1) * 0.1)
    loud, soft = listen(camera).tokens.values, listen(quiet).tokens.values
    assert np.corrcoef(loud.ravel(), soft.ravel())[0, 1] > 0.98


@settings(max_examples=15, deadline=None)
@given(st.integers(-2000, 3500), st.floats(-4e-4, 4e-4))
def test_the_coarse_line_is_found_whatever_the_drift(shift: int, drift: float) -> None:
    rng = np.random.default_rng(0)
    keys = rng.normal(size=(6000, 32)).astype(np.float32)
    at = np.arange(6000) * (1 + drift) + shift
    near = np.rint(at).astype(int)
    inside = (near >= 0) & (near < len(keys))
    queries = np.where(inside[:, None], keys[near.clip(0, len(keys) - 1)], 0)
    queries = queries + rng.normal(size=queries.shape)
    line = find_lines(
        TokenSequence(queries.astype(np.float32), TOKEN_RATE_HZ),
        TokenSequence(keys, TOKEN_RATE_HZ),
    )[0]
    middle = np.flatnonzero(inside).mean() / TOKEN_RATE_HZ
    truth = shift / TOKEN_RATE_HZ + (1 + drift) * middle
    assert float(line.at(middle)) == pytest.approx(truth, abs=0.04)
    assert line.drift == pytest.approx(drift, abs=2e-4)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-100, 100),
    st.floats(-3e-4, 3e-4),
    st.lists(st.floats(-0.01, 0.01), min_size=1, max_size=3),
)
def test_the_line_goes_through_most_places(offset: float, drift: float, wrong: list[float]) -> None:
    truth = Line(offset, drift)
    places = [
        _Seen(t, float(truth.at(t)) + (wrong[n] if n < len(wrong) else 0.0), 0.0, 12.0)
        for n, t in enumerate(np.linspace(100, 900, 12).tolist())
    ]
    found = _through(Line(offset + 1e-3, drift - 2e-6), places)
    for t in (100.0, 900.0):
        assert float(found.at(t)) == pytest.approx(float(truth.at(t)), abs=2e-4)
