"""The fixture film is what its README says."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from avsync.media import probe, read_audio

FIXTURES = Path(__file__).parent.parent / "fixtures"


def srt_times(name: str) -> npt.NDArray[np.float64]:
    """[cues, 2] in seconds."""
    clock = r"(\d+):(\d\d):(\d\d),(\d{3})"
    found = re.findall(f"{clock} --> {clock}", (FIXTURES / name).read_text(encoding="utf-8"))
    fields = np.array(found, np.int64).reshape(-1, 2, 4)
    seconds: npt.NDArray[np.float64] = fields @ np.array([3600, 60, 1, 0.001])
    return seconds


def test_they_are_small() -> None:
    sizes = [path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()]
    assert max(sizes) < 2_000_000
    assert sum(sizes) < 4_000_000  # a third of it is a speech model that listens to a few words


def test_the_film_has_picture_and_sound() -> None:
    info = probe(FIXTURES / "film.mp4")
    (video,), (audio,) = info.video, info.audio
    assert (video.codec, video.frame_rate) == ("h264", Fraction(25))
    assert (audio.codec, audio.rate_hz, audio.channels, audio.language) == ("aac", 44_100, 2, "eng")
    assert info.duration == pytest.approx(89.64)


def test_the_mistimed_subtitles_are_mistimed_as_told() -> None:
    times = srt_times("film.srt")
    assert len(times) == 24
    np.testing.assert_allclose(srt_times("film.shifted.srt"), times + 7.4, atol=1e-9)
    slower = 25 / (24_000 / 1001)
    np.testing.assert_allclose(srt_times("film.framerate.srt"), times * slower, atol=0.00051)


def test_the_cues_fit_the_film() -> None:
    """There is more sound while a cue is shown than while none is."""
    audio = read_audio(FIXTURES / "film.mp4")
    steps = np.arange(0, 89, 0.02)
    places = (steps * audio.rate_hz).astype(int)
    level = np.array([np.abs(audio.samples[place : place + 320]).mean() for place in places])
    times = srt_times("film.srt")

    def shown(shift: float) -> npt.NDArray[np.bool_]:
        inside = (steps >= times[:, :1] + shift) & (steps < times[:, 1:] + shift)
        any_cue: npt.NDArray[np.bool_] = inside.any(axis=0)
        return any_cue

    contrasts = {
        shift: level[shown(shift)].mean() / level[~shown(shift)].mean()
        for shift in (-7.4, -2.0, -1.0, 0.0, 1.0, 2.0, 7.4)
    }
    assert contrasts[0.0] > 1.8
    assert max(contrasts, key=lambda shift: contrasts[shift]) == 0.0
