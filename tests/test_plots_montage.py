"""The picture of a plan: whole, repeatable, with and without the media at hand."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from montages import make_clip
from numbered import write_numbered

from avsync.beats.grid import BeatGrid
from avsync.montage import MontagePlan, Weights, plan
from avsync.plots import plot_montage
from avsync.plots.montage import _cropped, _label

GRID = BeatGrid.regular(120, duration=10.0)
NO_MODEL = Weights(match=0)


@pytest.fixture
def made(tmp_path: Path) -> MontagePlan:
    """A plan whose song and one of whose clips exist; the other has an awkward name."""
    song = tmp_path / "song.wav"
    with wave.open(str(song), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        noise = np.random.default_rng(0).integers(-9000, 9000, 80_000)
        file.writeframes(noise.astype("<i2").tobytes())
    there = write_numbered(tmp_path / "there.mp4", frames=250)
    clips = [
        make_clip(str(there), size=(96, 64)),
        make_clip("not $there$ \n\x1b[31m.mp4", size=(64, 96), seed=1),
    ]
    grid = replace(GRID, path=song)
    return plan(clips, grid, every="beat", start=1.0, dissolve=0.2, weights=NO_MODEL)


@pytest.mark.parametrize(
    ("extension", "signature"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_extension_chooses_the_format(
    made: MontagePlan, tmp_path: Path, extension: str, signature: bytes
) -> None:
    target = tmp_path / f"plan{extension}"
    plot_montage(made, target)
    assert target.read_bytes().startswith(signature)


def test_the_same_plan_gives_the_same_bytes(made: MontagePlan, tmp_path: Path) -> None:
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    plot_montage(made, first)
    plot_montage(made, second)
    assert first.read_bytes() == second.read_bytes()


def test_thumbnails_and_the_waveform_are_drawn_when_there_are_any(
    made: MontagePlan, tmp_path: Path
) -> None:
    def size(of: MontagePlan) -> int:
        target = tmp_path / "plan.png"
        plot_montage(of, target)
        return target.stat().st_size

    without_song = replace(made, grid=replace(made.grid, path=tmp_path / "gone.wav"))
    moved = replace(made.choices[0], clip=made.clips[1].path)
    without_pictures = replace(made, choices=(moved,) * len(made.choices))
    assert size(made) > size(without_song) > 10_000
    assert size(made) > size(without_pictures) > 10_000


def test_progress_is_told(made: MontagePlan, tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    plot_montage(made, tmp_path / "plan.png", progress=lambda *news: heard.append(news))
    assert {stage for stage, _ in heard} == {"drawing"}
    assert [fraction for _, fraction in heard] == sorted(fraction for _, fraction in heard)


def test_nothing_is_written_in_an_unknown_format(made: MontagePlan, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="extension"):
        plot_montage(made, tmp_path / "plan.bmp")
    assert not (tmp_path / "plan.bmp").exists()


def test_names_are_as_long_as_their_box(made: MontagePlan) -> None:
    assert _label(made, 0, inches=5.0) in ("there", "not $there$ ??[31m")
    short = _label(made, 0, inches=0.3)
    assert len(short) <= 5
    assert _label(made, 0, inches=0.1) == ""


@pytest.mark.parametrize("ratio", [0.05, 0.5, 1.5, 4.0, 50.0])
def test_a_thumbnail_is_cut_to_its_box(ratio: float) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    height, width = _cropped(picture, ratio).shape[:2]
    assert width / height == pytest.approx(ratio, rel=0.15)
    assert height == 90 or width == 160
