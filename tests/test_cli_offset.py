"""`avsync offset`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clips import write_sound
from events import Samples, device, event, write_wav

from avsync.cli import main
from avsync.media import read_audio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("event")
    sound = event(45.0)

    def heard(start: float, seed: int) -> Samples:
        return device(sound, start=start, seconds=30.0, noise_db=-6.0, seed=seed)

    write_sound(made / "camera.mkv", "flac", 16_000, heard(10.0, 1), picture=True)
    write_wav(made / "recorder.wav", heard(4.0, 2))
    write_wav(made / "other.wav", device(event(30.0, seed=9), start=0, seconds=30.0, seed=9))
    return made


def run(folder: Path, *words: str) -> int:
    """The exit code; words that name a file of the folder stand for it."""
    paths = (str(folder / word) if (folder / word).exists() else word for word in words)
    try:
        return main(["offset", *paths])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_a_table_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "camera.mkv", "recorder.wav") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert "starts at" in head and "camera.mkv" in first and "+0.0000 s" in first
    assert "recorder.wav" in second and "-6.000" in second and "0:24" in second


def test_json_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "camera.mkv", "recorder.wav", "camera.mkv", "--json", "-q") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["reference"].endswith("camera.mkv") and record["timeline"] is None
    one, same = record["recordings"]
    assert one["offset_s"] == pytest.approx(-6.0, abs=1e-3)
    assert abs(one["drift_ppm"]) < 10 and one["accepted"] and one["confidence"] > 0.9
    assert one["output"] is None and one["reason"] is None and one["through"] is None
    assert (same["offset_s"], same["drift_ppm"], same["confidence"]) == (0.0, 0.0, 1.0)


def test_files_on_the_first_ones_clock(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline, out = tmp_path / "edit.otio", tmp_path / "out"
    words = ["camera.mkv", "recorder.wav", "--otio", str(timeline), "--fix", str(out)]
    assert run(folder, *words) == 0
    assert "wrote" in capsys.readouterr().out
    fixed = out / "recorder.aligned.wav"
    assert timeline.exists() and [path for path in out.iterdir()] == [fixed]
    assert run(folder, "camera.mkv", str(fixed), "--json") == 0
    (again,) = json.loads(capsys.readouterr().out)["recordings"]
    assert again["offset_s"] == pytest.approx(0.0, abs=2e-4)
    assert read_audio(fixed).duration == pytest.approx(30.0, abs=1e-3)
    single = tmp_path / "single.flac"
    assert run(folder, "camera.mkv", "recorder.wav", "-q", "--fix", str(single)) == 0
    assert single.exists() and not capsys.readouterr().out


def test_what_shares_no_sound_is_not_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--json", "--fix", str(tmp_path / "out"), "--otio", str(tmp_path / "edit.otio")]
    assert run(folder, "camera.mkv", "other.wav", *words) == 3
    out = capsys.readouterr()
    (one,) = json.loads(out.out)["recordings"]
    assert not one["accepted"] and one["output"] is None and "other.wav" in out.err
    assert not list(tmp_path.iterdir())


def test_of_many_those_that_fit_are_written(folder: Path, tmp_path: Path) -> None:
    words = ["other.wav", "recorder.wav", "-q", "--fix", str(tmp_path / "out")]
    assert run(folder, "camera.mkv", *words) == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recorder.aligned.wav"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["camera.mkv", "--otio", "edit.otio"],
        ["camera.mkv", "--fix", "fixed.avi"],
        ["camera.mkv", "--fix", "camera.mkv"],
        ["camera.mkv", "recorder.wav", "--otio", "edit.edl"],
        ["camera.mkv", "recorder.wav", "--fix", "recorder.wav"],
        ["camera.mkv", "recorder.wav", "--fix", "fixed.mp3"],
        ["camera.mkv", "recorder.wav", "other.wav", "--fix", "one.wav"],
        ["camera.mkv", "recorder.wav", "--no-cache"],
        ["camera.mkv", "recorder.wav", "--min-confidence", "2"],
        ["camera.mkv", "--audio-track", "-1"],
        ["camera.mkv", "--fix", "nowhere/fixed.mkv"],
        ["camera.mkv", "--fix", "folder.mkv"],
        ["camera.mkv", "recorder.wav", "--otio", "nowhere/edit.otio"],
        ["camera.mkv", "recorder.wav", "--otio", "folder.otio"],
        ["camera.mkv", "recorder.wav", "--fix", "file/fixed.wav"],
        ["camera.mkv", "recorder.wav", "--fix", "file"],
    ],
)
def test_a_wrong_command_line(
    folder: Path,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    for name in ("folder.mkv", "folder.otio"):
        Path(name).mkdir()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run(folder, *words) == 2
    assert capsys.readouterr().err.startswith("avsync: ")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert len(list(tmp_path.iterdir())) == 3


def test_files_that_cannot_be_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "camera.mkv", "nothing.wav", "--json") == 1
    assert "nothing.wav" in json.loads(capsys.readouterr().out)["error"]
    text = tmp_path / "text.wav"
    text.write_text("words, and no sound")
    assert run(folder, str(text), "recorder.wav") == 1
    assert run(folder, "camera.mkv", "recorder.wav", "--audio-track", "7") == 1
    assert "not an audio track" in capsys.readouterr().err


def test_a_film_without_evidence_is_refused_and_force_believes_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = write_sound(tmp_path / "film.mkv", "flac", picture=True)
    fixed = tmp_path / "fixed.mkv"
    assert run(folder, str(film), "--json", "--fix", str(fixed)) == 3
    out = capsys.readouterr()
    record = json.loads(out.out)
    assert not record["accepted"] and record["output"] is None and not fixed.exists()
    assert {"offset_s", "confidence", "per_minute", "sentence"} <= set(record) and out.err
    assert run(folder, str(film), "--fix", str(fixed), "--force") == 0
    assert fixed.exists() and "wrote" in capsys.readouterr().out
