"""A cut list as a moviepy clip: which picture is seen in each frame, and what is heard."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import write_sound
from numbered import Seen, seen, write_numbered

from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.errors import MediaError
from avsync.timeline import to_moviepy
from avsync.timeline.scripting import _duration

RATES = [Fraction(24_000, 1001), Fraction(25), Fraction(60_000, 1001)]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Fraction]:
    """Clips that show their number and that of each frame, by their rates."""
    folder = tmp_path_factory.mktemp("clips")
    made = {}
    for clip, rate, seconds in (
        (1, RATES[1], 3),
        (2, Fraction(30_000, 1001), 3),
        (3, RATES[2], 40),
    ):
        path = folder / f"{clip}.mp4"
        write_numbered(path, frames=round(seconds * rate), rate=rate, clip=clip, size=(48, 32))
        made[path] = rate
    return made


def at(clip: Any, frame: int, rate: Fraction) -> Any:
    return clip.get_frame(frame / float(rate))


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_each_frame_shows_what_the_cut_list_says(
    rate: Fraction, sources: dict[Path, Fraction]
) -> None:
    paths = list(sources)
    shots = (
        Shot(paths[0], 3, 20),
        Shot(paths[2], round(38 * rate), 30),  # far into a rate that moviepy rounds
        Shot(paths[1], 11, 25),
        Shot(paths[2], 40, 9),
        Shot(paths[2], 5, 9),
    )
    cuts = CutList(shots, rate)
    clip = to_moviepy(cuts)
    for index, (shot, start) in enumerate(zip(shots, cuts.starts, strict=True)):
        for frame in (start, start + 1, start + shot.frames // 2, start + shot.frames - 1):
            inside = (shot.source_frame + frame - start + Fraction(1, 2)) / rate
            number = int(inside * sources[shot.source])
            expected = Seen(number, paths.index(shot.source) + 1)
            assert seen(at(clip, frame, rate)) == expected, (index, frame)
    assert (clip.fps, tuple(clip.size)) == (float(rate), (48, 32))
    clip.close()


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_moviepy_counts_as_many_frames(rate: Fraction, sources: dict[Path, Fraction]) -> None:
    cuts = CutList(tuple(Shot(path, 0, 7) for path in sources), rate)
    clip = to_moviepy(cuts)
    numbers = [seen(frame).clip for frame in clip.iter_frames()]
    assert numbers == [1] * 7 + [2] * 7 + [3] * 7
    for frames in (1, 333, 14_387, 143_857):  # as float arithmetic may make one fewer of them
        length = _duration(CutList((Shot(Path("a"), 0, frames),), rate))
        assert int(length * float(rate)) == frames
    clip.close()


def test_dissolves_in_even_steps(tmp_path: Path) -> None:
    dark = write_numbered(tmp_path / "dark.mp4", frames=30, clip=0)
    light = write_numbered(tmp_path / "light.mp4", frames=30, clip=4095)
    rate = Fraction(25)
    clip = to_moviepy(CutList((Shot(dark, 0, 10), Shot(light, 5, 10, 5)), rate))
    lower = [float(at(clip, frame, rate)[48:].mean()) for frame in range(20)]
    black, white = lower[0], lower[19]
    shares = [(value - black) / (white - black) for value in lower]
    expected = [0.0] * 8 + [n / 6 for n in range(1, 6)] + [1.0] * 7
    assert shares == pytest.approx(expected, abs=0.02)
    clip.close()


def test_other_shapes_are_letterboxed_into_the_common_one(tmp_path: Path) -> None:
    wide = write_numbered(tmp_path / "wide.mp4", frames=10, clip=1, size=(96, 64))
    tall = write_numbered(tmp_path / "tall.mp4", frames=10, clip=2, size=(96, 128))
    rate = Fraction(25)
    clip = to_moviepy(CutList((Shot(wide, 0, 4), Shot(tall, 0, 4), Shot(wide, 4, 4)), rate))
    assert tuple(clip.size) == (96, 64)
    picture = at(clip, 5, rate)
    assert picture[:, :23].max() == picture[:, 73:].max() == 0
    assert seen(picture[:, 24:72]) == Seen(1, 2)
    clip.close()


def test_few_files_are_open_at_once_and_none_after(tmp_path: Path) -> None:
    paths = [
        write_numbered(tmp_path / f"{n}.mp4", frames=4, clip=n, size=(24, 16)) for n in range(10)
    ]
    cuts = CutList(tuple(Shot(path, 1, 2) for path in (*paths, paths[0])), Fraction(25))
    clip = to_moviepy(cuts)
    readers = []
    for frame in clip.iter_frames():
        assert frame.shape == (16, 24, 3)
        inside = clip._sources._open
        assert len(inside) <= 8
        readers += [source.reader for source in inside.values()]
    clip.close()
    assert not clip._sources._open
    assert {reader.proc for reader in readers} == {None}


def test_music_with_fades(tmp_path: Path, sources: dict[Path, Fraction]) -> None:
    sound = np.full(44_100 * 4, 0.5, np.float32)
    sound[: 44_100 // 2] = 0.0
    song = write_sound(tmp_path / "song.wav", "pcm_s16le", 44_100, sound)
    shots = (Shot(next(iter(sources)), 0, 50),)
    music = Soundtrack(song, 0.25, fade_in=0.0, fade_out=1.0)
    clip = to_moviepy(CutList(shots, Fraction(25), music))
    heard = clip.audio.to_soundarray(fps=44_100)
    assert len(heard) == 2 * 44_100
    left = np.abs(heard[:, 0])
    begins = int(np.argmax(left > 0.1)) / 44_100
    assert begins == pytest.approx(0.25, abs=0.002)
    assert left[44_100 * 3 // 2] == pytest.approx(0.25, abs=0.01)
    assert left[-10] < 0.01
    clip.close()
    late = to_moviepy(CutList(shots, Fraction(25), Soundtrack(song, 99.0)))
    assert late.audio is None
    late.close()


def test_what_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without shots"):
        to_moviepy(CutList((), Fraction(25)))
    with pytest.raises(FileNotFoundError):
        to_moviepy(CutList((Shot(tmp_path / "a.mp4", 0, 9),), Fraction(25)))
    song = write_sound(tmp_path / "song.wav", "pcm_s16le")
    with pytest.raises(MediaError, match="picture"):
        to_moviepy(CutList((Shot(song, 0, 9),), Fraction(25)))
