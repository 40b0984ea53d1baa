"""BeatGrid, the bar pointer, what is heard besides, and songs whose beats are known."""

from __future__ import annotations

import csv
import io
import json
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import RATE_HZ, rock, write_wav

import avsync
from avsync.beats.decode import decode_bars, decode_beats
from avsync.beats.export import to_csv, to_json, to_labels, write_click
from avsync.beats.features import beat_energy, find_accents, find_drops, level_db
from avsync.beats.grid import BeatGrid
from avsync.beats.model import BeatModel, load_beat_model
from avsync.beats.track import track_beats
from avsync.encoders.audio import TOKEN_RATE_HZ, LogMel
from avsync.media import Audio

Logits = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> BeatModel:
    return load_beat_model()


def peaks(times: npt.NDArray[np.float64], seconds: float, *, low: float = -5.0) -> Logits:
    """Logits with a peak of 3 at each time, as wide as a head's."""
    at = np.arange(int(seconds * TOKEN_RATE_HZ)) / TOKEN_RATE_HZ
    logits = np.full(len(at), low)
    for time in times:
        logits = np.maximum(logits, 3.0 - ((at - time) / 0.015) ** 2)
    return np.maximum(logits, low).astype(np.float32)


def near(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], within: float) -> bool:
    return len(found) > 0 and bool((np.abs(found[:, None] - true).min(axis=1) <= within).all())


# --- BeatGrid ---------------------------------------------------------------------------------


def test_a_regular_grid_is_a_metronome() -> None:
    grid = BeatGrid.regular(120, duration=10.0, meter=4, start=0.25)
    assert len(grid) == 20
    assert grid.beats[0] == 0.25 and grid.tempo_bpm == pytest.approx(120)
    assert grid.positions[:5].tolist() == [1, 2, 3, 4, 1]
    assert grid.bars[:5].tolist() == [1, 1, 1, 1, 2]
    assert grid.downbeats.tolist() == [0.25, 2.25, 4.25, 6.25, 8.25]
    assert "120.0 BPM" in repr(grid)


def test_only_beats_need_be_given() -> None:
    grid = BeatGrid(np.array([1.0, 2.0, 3.0]), meter=3)
    assert grid.positions.tolist() == [1, 2, 3]
    assert grid.energy.tolist() == [0, 0, 0]
    assert grid.duration == 4.0


@pytest.mark.parametrize("beats", [[1.0, 1.0], [2.0, 1.0], [0.0, float("nan")], [[0.0]]])
def test_beats_that_are_none_are_refused(beats: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        BeatGrid(np.array(beats))


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one position"):
        BeatGrid(np.array([1.0, 2.0]), positions=np.array([1]))


def test_between_keeps_the_clock_and_the_bars() -> None:
    grid = BeatGrid.regular(60, duration=20.0)
    part = grid.between(5.0, 9.0)
    assert part.beats.tolist() == [5, 6, 7, 8]
    assert part.positions.tolist() == [2, 3, 4, 1]


def test_an_empty_grid_has_no_tempo() -> None:
    grid = BeatGrid(np.zeros(0), reason="silence")
    assert grid.tempo_bpm == 0.0 and not len(grid.downbeats) and "silence" in repr(grid)


# --- the bar pointer --------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(56, 212), st.floats(0.1, 1.5))
def test_any_tempo_and_phase_is_found(bpm: float, start: float) -> None:
    true = np.arange(start, 29.5, 60 / bpm)
    found = decode_beats(peaks(true, 30.0), TOKEN_RATE_HZ)
    assert near(found, true, 0.02) and abs(len(found) - len(true)) <= 2


@pytest.mark.parametrize("bpm", [70.0, 140.0])
def test_the_octave_is_that_of_the_peaks(bpm: float) -> None:
    true = np.arange(0.5, 40, 60 / bpm)
    found = decode_beats(peaks(true, 40.0), TOKEN_RATE_HZ)
    assert 60 / np.median(np.diff(found)) == pytest.approx(bpm, rel=0.02)


def test_missing_and_false_peaks_do_not_break_the_pulse() -> None:
    rng = np.random.default_rng(0)
    true = np.arange(0.5, 60, 0.5)
    heard = true[rng.random(len(true)) < 0.75]
    false = rng.uniform(0, 60, 12)
    found = decode_beats(peaks(np.concatenate([heard, false]), 60.0), TOKEN_RATE_HZ)
    assert near(true[2:-2], found, 0.06)


def test_a_break_of_some_bars_is_counted_through() -> None:
    true = np.arange(0.5, 60, 0.5)
    heard = true[(true < 25) | (true > 33)]
    found = decode_beats(peaks(heard, 60.0), TOKEN_RATE_HZ)
    assert near(true[2:-2], found, 0.03)


def test_a_change_of_tempo_is_followed() -> None:
    true = np.concatenate([np.arange(0.5, 20, 0.6), 20.3 + np.arange(0, 20, 0.43)])
    found = decode_beats(peaks(true, 40.0), TOKEN_RATE_HZ)
    assert np.mean(np.abs(true[:, None] - found).min(axis=1) < 0.03) > 0.93


def test_a_slow_ritardando_is_followed() -> None:
    true = 0.5 + np.cumsum(np.linspace(0.4, 0.7, 60))
    found = decode_beats(peaks(true, float(true[-1]) + 1), TOKEN_RATE_HZ)
    assert near(true[2:-2], found, 0.03)


@pytest.mark.parametrize("tokens", [0, 1, 5, 3000])
def test_nothing_gives_no_beats(tokens: int) -> None:
    assert len(decode_beats(np.full(tokens, -8.0, np.float32), TOKEN_RATE_HZ)) == 0


def downbeats(first: list[int], beats: int) -> Logits:
    """Logits that say so of some beats."""
    logits = np.full(beats, -3.0, np.float32)
    logits[first] = 3.0
    return logits


@pytest.mark.parametrize("meter", [2, 3, 4, 6])
def test_the_meter_is_counted_from_the_downbeats(meter: int) -> None:
    first = list(range(1, 60, meter))
    positions = decode_bars(downbeats(first, 60))
    assert positions[first].tolist() == [1] * len(first)
    assert positions.max() == meter


def test_a_given_meter_is_kept_to() -> None:
    positions = decode_bars(downbeats(list(range(0, 40, 2)), 40), meter=4)
    assert set(positions.tolist()) == {1, 2, 3, 4}


def test_one_short_bar_moves_all_bars_after_it() -> None:
    first = [*range(0, 30, 4), *range(30, 62, 4)]
    positions = decode_bars(downbeats(first, 62))
    assert (positions[30::4] == 1).all() and (positions[0:28:4] == 1).all()


def test_one_doubtful_bar_moves_none() -> None:
    logits = downbeats(list(range(0, 64, 4)), 64)
    logits[32:36] = [-3, -3, 3, -3]
    assert (decode_bars(logits)[::4] == 1).all()


# --- what is heard besides ----------------------------------------------------------------------


def spectrum(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return LogMel()([samples])


def test_energy_is_in_db_under_the_loudest_beat() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=64_000).astype(np.float32) * 0.1
    noise[:32_000] *= 0.1
    energy = beat_energy(level_db(spectrum(noise)), TOKEN_RATE_HZ, np.array([0.0, 1.0, 2.0, 3.0]))
    assert energy == pytest.approx([-20, -20, 0, 0], abs=1.0)


def test_accents_are_where_something_begins() -> None:
    rng = np.random.default_rng(2)
    sound = rng.normal(size=96_000).astype(np.float32) * 1e-3
    for at, gain in ((1.0, 0.5), (2.5, 0.1), (4.0, 0.5)):
        first = int(at * 16_000)
        sound[first : first + 1600] += gain * rng.normal(size=1600).astype(np.float32)
    accents = find_accents(spectrum(sound), TOKEN_RATE_HZ)
    assert np.abs(accents.times - [1.0, 2.5, 4.0]).max() <= 0.03
    assert accents.strengths[1] < accents.strengths[0]


def test_a_drop_is_where_it_becomes_full() -> None:
    rng = np.random.default_rng(3)
    sound = rng.normal(size=40 * 16_000).astype(np.float32) * 0.3
    sound[: 20 * 16_000] *= 0.05
    assert find_drops(spectrum(sound), TOKEN_RATE_HZ, np.arange(0.0, 40.0, 2.0)).tolist() == [20.0]
    steady = rng.normal(size=40 * 16_000).astype(np.float32) * 0.3
    assert not len(find_drops(spectrum(steady), TOKEN_RATE_HZ, np.arange(0.0, 40.0, 2.0)))


# --- songs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bpm", "meter"), [(82.0, 4), (96.0, 4), (120.0, 4), (133.3, 4), (165.0, 4), (110.0, 3)]
)
def test_a_song_is_tracked(model: BeatModel, bpm: float, meter: int) -> None:
    song = rock(bpm, 30.0, meter=meter, start=0.4)
    grid = track_beats(Audio(song, RATE_HZ), model=model)
    true = 0.4 + np.arange(int(29 * bpm / 60)) * 60 / bpm
    assert grid.tempo_bpm == pytest.approx(bpm, rel=0.02)
    assert near(true[4:-4], grid.beats, 0.03)
    assert np.median(grid.beats[4:-4] - true[np.abs(grid.beats[4:-4, None] - true).argmin(1)]) == (
        pytest.approx(0.0, abs=0.01)
    )
    assert near(true[meter : -2 * meter : meter], grid.downbeats, 0.03)
    assert meter % grid.meter == 0  # a bar of four may be heard as two of two
    assert grid.confidence > 0.5


def test_a_file_gives_what_its_samples_give(model: BeatModel, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "song.wav", rock(100, 20.0))
    grid = track_beats(path, model=model)
    assert grid.path == path and grid.duration == pytest.approx(20.0, abs=0.05)
    again = track_beats(path, model=model)
    assert to_json(grid) == to_json(again)
    heard = track_beats(avsync.read_audio(path), model=model)
    assert np.array_equal(grid.beats, heard.beats)


def test_loudness_does_not_matter(model: BeatModel) -> None:
    song = rock(100, 20.0)
    loud = track_beats(Audio(song, RATE_HZ), model=model)
    soft = track_beats(Audio(song * np.float32(0.05), RATE_HZ), model=model)
    assert np.abs(loud.beats - soft.beats).max() < 0.01


def test_bpm_settles_the_octave_and_meter_the_bars(model: BeatModel) -> None:
    song = Audio(rock(150, 20.0), RATE_HZ)
    assert track_beats(song, bpm=75, model=model, min_confidence=0).tempo_bpm == pytest.approx(
        75, rel=0.05
    )
    assert track_beats(song, meter=3, model=model).positions.max() == 3


def test_silence_and_noise_have_no_beat(model: BeatModel) -> None:
    rng = np.random.default_rng(4)
    silence = track_beats(Audio(np.zeros(160_000, np.float32), 16_000), model=model)
    assert not len(silence) and "silent" in silence.reason
    noise = Audio(0.1 * rng.normal(size=320_000).astype(np.float32), 16_000)
    assert not len(track_beats(noise, model=model))


def test_in_a_film_only_its_music_has_a_beat(model: BeatModel, film: Path) -> None:
    grid = track_beats(film, model=model)  # speech over a note every 0.6 s
    assert grid.duration > 80
    assert not len(grid) or grid.tempo_bpm == pytest.approx(100, rel=0.03)


@pytest.mark.parametrize("samples", [0, 1, 100, 8_000])
def test_next_to_nothing_is_no_song(model: BeatModel, samples: int) -> None:
    grid = track_beats(Audio(np.full(samples, 0.1, np.float32), 16_000), model=model)
    assert not len(grid) and grid.reason


@pytest.mark.parametrize("wrong", [{"bpm": 5.0}, {"bpm": 1000.0}, {"meter": 0}, {"meter": 99}])
def test_options_out_of_range(model: BeatModel, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        track_beats(Audio(np.zeros(10, np.float32), 16_000), model=model, **wrong)  # type: ignore[arg-type]


def test_a_song_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        track_beats(tmp_path / "none.mp3")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"nothing")
    with pytest.raises(avsync.ModelUnavailable, match=r"train_beats\.py"):
        load_beat_model(tmp_path / "weights")


# --- export -----------------------------------------------------------------------------------


def a_grid() -> BeatGrid:
    return BeatGrid(
        np.array([0.5, 1.0, 1.5, 2.0, 2.5]),
        positions=np.array([3, 1, 2, 3, 1]),
        meter=3,
        duration=3.0,
        energy=np.array([-3.0, 0.0, -1.0, -2.0, -6.0]),
    )


def test_json_says_it_all() -> None:
    record = json.loads(to_json(a_grid()))
    assert record["beats"] == [0.5, 1.0, 1.5, 2.0, 2.5] and record["downbeats"] == [1.0, 2.5]
    assert record["tempo_bpm"] == 120 and record["meter"] == 3 and record["confidence"] == 1
    empty = json.loads(to_json(BeatGrid(np.zeros(0), reason="silence")))
    assert empty["beats"] == [] and empty["tempo_bpm"] is None and empty["reason"] == "silence"


def test_csv_has_a_line_for_each_beat() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(a_grid()))))
    assert [row["beat"] for row in rows] == ["3", "1", "2", "3", "1"]
    assert [row["bar"] for row in rows] == ["0", "1", "1", "1", "2"]
    assert float(rows[0]["time_s"]) == 0.5 and float(rows[0]["energy_db"]) == -3


def test_labels_are_audacitys() -> None:
    lines = to_labels(a_grid()).splitlines()
    assert lines[1] == "1.000000\t1.000000\t1.1" and len(lines) == 5


def test_a_click_starts_on_the_sample_of_its_beat(tmp_path: Path) -> None:
    song = Audio(np.zeros(3 * 44_100, np.float32), 44_100)
    write_click(a_grid(), song, tmp_path / "click.wav")
    with wave.open(str(tmp_path / "click.wav")) as file:
        assert file.getframerate() == 44_100 and file.getnframes() == 3 * 44_100
        samples = np.frombuffer(file.readframes(3 * 44_100), "<i2")
    starts = [i for i in np.flatnonzero(samples) if not samples[max(0, i - 2000) : i].any()]
    assert starts == [22_050, 44_100, 66_150, 88_200, 110_250]
