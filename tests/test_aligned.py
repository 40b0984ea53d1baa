"""Aligned sound and timelines: what is written lies where it should, to the sample."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from clips import CHIRP_TIMES, chirps, place_of_chirp, write_sound

from avsync.errors import MediaError, RenderError
from avsync.media import probe, read_audio
from avsync.media.channels import iter_channels
from avsync.render.aligned import write_aligned
from avsync.timeline.multitrack import Laid, write_multitrack

RATE_HZ = 48_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("sound") / "recorder.wav", "pcm_s24le")


@pytest.mark.parametrize("extension", ["wav", "flac"])
@pytest.mark.parametrize(("offset_s", "drift_ppm"), [(0.5, 0.0), (-0.7, 0.0), (0.25, 900.0)])
def test_it_lies_where_the_first_one_has_it(
    recording: Path, tmp_path: Path, extension: str, offset_s: float, drift_ppm: float
) -> None:
    target = tmp_path / f"aligned.{extension}"
    write_aligned(recording, target, offset_s=offset_s, drift_ppm=drift_ppm, duration_s=8.0)
    sound = read_audio(target, rate_hz=RATE_HZ)
    assert sound.duration == 8.0
    for time in CHIRP_TIMES:
        due = offset_s + (1 + drift_ppm / 1e6) * time
        if due > 0:
            found = place_of_chirp(sound.samples, RATE_HZ, due)
            assert found == pytest.approx(due, abs=3e-5)


def test_nothing_moved_is_the_same_samples(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "same.wav"
    write_aligned(recording, target, offset_s=0.0, drift_ppm=0.0, duration_s=6.0)
    one, other = (np.concatenate(list(iter_channels(p)), axis=1) for p in (recording, target))
    np.testing.assert_array_equal(one, other)
    first = target.read_bytes()
    write_aligned(recording, target, offset_s=0.0, drift_ppm=0.0, duration_s=6.0)
    assert target.read_bytes() == first


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (6, "5.1"), (8, "7.1")])
def test_channels_and_rates_stay(tmp_path: Path, channels: int, layout: str) -> None:
    gains = np.linspace(0.2, 1, channels, dtype=np.float32)[:, np.newaxis]
    source = write_sound(
        tmp_path / "many.wav", "pcm_s16le", 44_100, gains * chirps(44_100), layout=layout
    )
    for name in ("many.aligned.wav", "many.aligned.flac"):
        write_aligned(source, tmp_path / name, offset_s=0.1, drift_ppm=50.0, duration_s=5.0)
        (track,) = probe(tmp_path / name).audio
        assert (track.rate_hz, track.channels) == (44_100, channels)
        planes = np.concatenate(list(iter_channels(tmp_path / name)), axis=1)
        assert planes.shape == (channels, 5 * 44_100)
        levels = np.sqrt((planes**2).mean(axis=1))
        np.testing.assert_allclose(levels / levels[-1], gains[:, 0] / gains[-1], rtol=0.02)


def test_floats_beyond_full_scale_stay(tmp_path: Path) -> None:
    loud = 5 * chirps(RATE_HZ)
    source = write_sound(tmp_path / "loud.wav", "pcm_f32le", sound=loud, layout="mono")
    write_aligned(source, tmp_path / "wide.wav", offset_s=0, drift_ppm=0, duration_s=6.0)
    write_aligned(source, tmp_path / "cut.flac", offset_s=0, drift_ppm=0, duration_s=6.0)
    wide, cut = (
        np.concatenate(list(iter_channels(tmp_path / name)), axis=1)
        for name in ("wide.wav", "cut.flac")
    )
    np.testing.assert_array_equal(wide[0], loud)
    assert np.abs(cut).max() <= 1.0


def test_more_is_asked_for_than_there_is(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "far.wav"
    for offset_s in (100.0, -100.0):
        write_aligned(recording, target, offset_s=offset_s, drift_ppm=0.0, duration_s=3.0)
        sound = read_audio(target, rate_hz=RATE_HZ)
        assert sound.duration == 3.0 and not sound.samples.any()


def test_failures_leave_nothing_behind(recording: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.wav"
    with wave.open(str(many), "wb") as file:
        file.setnchannels(10)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(20 * 8000))
    left = sorted(tmp_path.iterdir())

    def fails(kind: type[Exception], source: Path, target: Path) -> None:
        with pytest.raises(kind):
            write_aligned(source, target, offset_s=0.0, drift_ppm=0.0, duration_s=1.0)
        assert sorted(tmp_path.iterdir()) == left

    content = recording.read_bytes()
    fails(ValueError, recording, tmp_path / "aligned.mp3")
    fails(ValueError, recording, recording)
    fails(FileNotFoundError, tmp_path / "none.wav", tmp_path / "aligned.wav")
    fails(OSError, recording, tmp_path / "no" / "aligned.wav")
    fails(RenderError, many, tmp_path / "aligned.flac")
    (tmp_path / "left.wav").write_text("no sound")
    left = sorted(tmp_path.iterdir())
    fails(MediaError, tmp_path / "left.wav", tmp_path / "aligned.wav")
    assert recording.read_bytes() == content


def laid(path: Path, offset_s: float, drift_ppm: float = 0.0) -> Laid:
    return Laid(path=path, offset_s=offset_s, drift_ppm=drift_ppm, confidence=0.9)


def test_a_timeline_has_every_recording_at_its_place(recording: Path, tmp_path: Path) -> None:
    film = write_sound(tmp_path / "camera.mkv", "flac", picture=True)
    target = tmp_path / "edit.otio"
    write_multitrack([laid(film, 0.0), laid(recording, -1.234), laid(film, 2.5, 400.0)], target)
    timeline = otio.adapters.read_from_file(str(target))
    assert timeline.global_start_time.rate == 25
    names = [(track.name, track.kind) for track in timeline.tracks]
    assert names == [
        ("V1", "Video"), ("V3", "Video"), ("A1", "Audio"), ("A2", "Audio"), ("A3", "Audio"),
    ]  # fmt: skip
    starts = {t.name: t.find_clips()[0].range_in_parent().start_time for t in timeline.tracks}
    for name, seconds in {"V1": 1.234, "A1": 1.234, "A2": 0.0, "V3": 3.734, "A3": 3.734}.items():
        assert starts[name].to_seconds() == pytest.approx(seconds, abs=1e-6)
    (slow,) = timeline.tracks[1].find_clips()
    (warp,) = slow.effects
    assert warp.time_scalar == pytest.approx(1 / 1.0004)
    played = slow.source_range.duration.to_seconds() * warp.time_scalar
    assert played == pytest.approx(6.0, abs=0.05)
    assert slow.metadata["avsync"]["drift_ppm"] == 400.0
    first = target.read_bytes()
    write_multitrack([laid(film, 0.0), laid(recording, -1.234), laid(film, 2.5, 400.0)], target)
    assert target.read_bytes() == first


def test_a_timeline_of_sound_alone(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "sound.otio"
    write_multitrack([laid(recording, 0.0), laid(recording, 0.02, 5.0)], target)
    timeline = otio.adapters.read_from_file(str(target))
    assert [track.kind for track in timeline.tracks] == ["Audio", "Audio"]
    (clip,) = timeline.tracks[1].find_clips()
    start = clip.range_in_parent().start_time
    assert Fraction(start.value) / 25 == pytest.approx(0.02)
    assert not clip.effects  # 30 microseconds over all of it


def test_a_timeline_that_cannot_be_written(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="otio"):
        write_multitrack([laid(recording, 0.0)], tmp_path / "edit.edl")
    with pytest.raises(ValueError, match="no recordings"):
        write_multitrack([], tmp_path / "edit.otio")
    assert not list(tmp_path.iterdir())
