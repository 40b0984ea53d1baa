"""`avsync beats`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from songs import rock, write_wav

from avsync.cli import main


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("song") / "song.wav", rock(120, 15.0))


def test_text_for_people(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["beats", str(song)]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert "120." in first or "119." in first
    assert len(rows) >= 26 and rows[4].split()[1].count(".") == 1


def test_json_for_programs(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["beats", str(song), "--json", "-q"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tempo_bpm"] == pytest.approx(120, rel=0.02)
    assert set(record["downbeats"]) <= set(record["beats"])


def test_every_file_at_once(song: Path, tmp_path: Path) -> None:
    names = {"--csv": "a.csv", "--labels": "a.txt", "--click": "a.wav", "--plot": "a.png"}
    options = [part for option, name in names.items() for part in (option, str(tmp_path / name))]
    assert main(["beats", str(song), "-q", *options]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names.values())


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_silence_is_not_trusted_and_nothing_is_written(
    more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = write_wav(tmp_path / "silent.wav", np.zeros(22_050 * 5, np.float32))
    assert main(["beats", str(silent), "--json", "--csv", str(tmp_path / "a.csv"), *more]) == 3
    out = capsys.readouterr()
    assert json.loads(out.out)["beats"] == [] and "silent" in out.err
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--bpm", "7"], ["--meter", "0"], ["--meter", "x"], ["--plot", "a.gif"], ["--click", "a.mp3"]],
)
def test_a_wrong_command_line(song: Path, arguments: list[str]) -> None:
    try:
        code = main(["beats", str(song), *arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2


@pytest.mark.parametrize(("text", "value"), [("4", 4), ("3/4", 3), ("6/8", 2), ("12/8", 4)])
def test_meters_as_musicians_write_them(text: str, value: int) -> None:
    from avsync.cli.values import meter

    assert meter(text) == value


def test_no_input_is_written_over(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = song.read_bytes()
    assert main(["beats", str(song), "--click", str(song)]) == 2
    assert song.read_bytes() == before and "would be overwritten" in capsys.readouterr().err
    weights = tmp_path / "weights"
    weights.write_bytes(b"dear")
    assert main(["beats", str(song), "--model", str(weights), "--csv", str(weights)]) == 2
    assert weights.read_bytes() == b"dear" and "would be overwritten" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--csv", "--labels", "--click", "--plot"])
def test_outputs_are_looked_at_before_the_song(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp3").write_text("to listen to this would end in 1")
    arguments = ["beats", str(tmp_path / "text.mp3"), option]
    name = "a.png" if option == "--plot" else "a.wav"
    assert main([*arguments, str(tmp_path / "none" / name)]) == 2
    assert f"no directory {tmp_path / 'none'}; make it first" in capsys.readouterr().err
    other = "--labels" if option == "--csv" else "--csv"
    assert main([*arguments, str(tmp_path / name), other, str(tmp_path / name)]) == 2
    assert "would be written twice" in capsys.readouterr().err


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["beats", str(tmp_path / "none.mp3")]) == 1
    (tmp_path / "text.mp3").write_text("hello")
    assert main(["beats", str(tmp_path / "text.mp3"), "--json"]) == 1
    assert "text.mp3" in capsys.readouterr().err
