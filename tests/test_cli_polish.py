"""The command avsync polish, and avsync retime --shots."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import ROOT
from scenes import scene, write_pictures

from avsync.cli import main

SRT = (
    "1\n00:00:01,040 --> 00:00:02,900\nTwo before the cut\n\n"
    "2\n00:00:03,120 --> 00:00:05,000\nAnd after it\n\n"
)
POLISHED = (
    "1\n00:00:01,040 --> 00:00:02,920\nTwo before the cut\n\n"
    "2\n00:00:03,000 --> 00:00:05,000\nAnd after it\n\n"
)


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "film.en.srt"
    path.write_text(SRT)
    (tmp_path / "cuts.txt").write_text("# seconds\n3.0\n\n12.5  # far away\n")
    return path


def polish(subtitles: Path, *more: str) -> int:
    cuts = subtitles.with_name("cuts.txt")
    return main(["polish", str(subtitles), "--fps", "25", "--shots-file", str(cuts), *more])


def test_without_a_film(subtitles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert polish(subtitles) == 0
    done = subtitles.with_name("film.en.polished.srt")
    assert done.read_text() == POLISHED
    out = capsys.readouterr().out
    assert "2 of 2 cues moved (netflix)" in out
    assert re.search(r"in-time near cut +1 +0\n", out)
    assert polish(done, "-o", str(subtitles.with_name("again.srt")), "-q") == 0
    assert subtitles.with_name("again.srt").read_text() == POLISHED
    assert capsys.readouterr().out == ""


def test_check_writes_nothing_and_says_so_by_its_exit_code(subtitles: Path) -> None:
    before = sorted(subtitles.parent.iterdir())
    assert polish(subtitles, "--check", "-q") == 3
    assert sorted(subtitles.parent.iterdir()) == before
    subtitles.write_text(POLISHED)
    assert polish(subtitles, "--check", "-q") == 0


def test_report_lists_every_violation(subtitles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert polish(subtitles, "--report") == 0
    assert "cue 2: in-time near cut: 3, not 0: put right" in capsys.readouterr().out


def test_json(subtitles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert polish(subtitles, "--json", "--profile", "bbc", "--language", "en") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["profile"] == "bbc" and said["film"] is None and said["moved"] == 2
    assert said["rules"]["in-time near cut"] == {"before": 1, "after": 0}
    assert said["before"][-1]["cue"] == 2 and said["after"] == []


def test_another_format_hits_the_frames_too(subtitles: Path) -> None:
    out = subtitles.with_name("film.ass")
    cuts = subtitles.with_name("cuts.txt")
    args = ["polish", str(subtitles), "--fps", "23.976", "--shots-file", str(cuts), "-q"]
    assert main([*args, "-o", str(out)]) == 0
    assert "0:00:01.04,0:00:02.91" in out.read_text()  # frames 25 and 70: 1.0427, 2.9196


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--fps", "0"], "frames per second"),
        (["-o", "film.txt", "--fps", "25"], "extension"),
        (["-o", "nowhere/film.srt", "--fps", "25"], "no directory nowhere"),
        (["--profile", "cnn"], "cnn"),
        ([], "FILM is missing"),
    ],
)
def test_a_wrong_command_line(
    more: list[str], said: str, subtitles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["polish", str(subtitles), *more])
    except SystemExit as stop:
        code = int(str(stop.code))
    assert code == 2
    assert said in capsys.readouterr().err


def test_no_input_is_overwritten(subtitles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert polish(subtitles, "-o", str(subtitles)) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert subtitles.read_text() == SRT


def test_bad_files_end_in_a_line(subtitles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cuts = subtitles.with_name("cuts.txt")
    cuts.write_text("3.0\nsoon\n")
    assert polish(subtitles) == 1
    assert "cuts.txt:2: 'soon' is no time" in capsys.readouterr().err
    assert main(["polish", str(subtitles.with_name("no.mp4")), str(subtitles)]) == 1
    assert "no.mp4" in capsys.readouterr().err
    assert main(["polish", str(subtitles), str(subtitles)]) == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_a_shots_file_that_is_not_utf_8_is_named(
    encoding: str, subtitles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = subtitles.with_name("cuts.txt")
    cuts.write_bytes("# après\n3.0\n".encode(encoding))
    assert polish(subtitles) == 1
    assert f"{cuts}:1: it is not UTF-8; save it as text in UTF-8" in capsys.readouterr().err


def test_a_shots_file_may_begin_with_a_byte_order_mark(subtitles: Path) -> None:
    subtitles.with_name("cuts.txt").write_text("3.0\n", encoding="utf-8-sig")
    assert polish(subtitles, "-q") == 0
    assert subtitles.with_name("film.en.polished.srt").read_text() == POLISHED


@pytest.mark.parametrize(
    ("film", "more", "said"),
    [
        (True, ["--fps", "30"], "--fps is for MicroDVD, or without a film"),
        (True, ["--audio-track", "1", "--no-speech"], "--no-speech"),
        (False, ["--fps", "25", "--check", "-o", "out.srt"], "--check writes nothing"),
        (False, ["--fps", "25", "--check", "--encoding", "utf-8"], "--check writes nothing"),
    ],
)
def test_options_that_contradict_each_other(
    film: bool, more: list[str], said: str, subtitles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = subtitles.with_name("film.mkv")
    path.write_bytes(b"to look at this would end in 1")
    assert main(["polish", *([str(path)] if film else []), str(subtitles), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_film_with_a_cut_and_no_sound(
    subtitles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = write_pictures(tmp_path / "film.mp4", scene(0, 75) + scene(1, 75))
    assert main(["polish", str(film), str(subtitles)]) == 0
    assert subtitles.with_name("film.en.polished.srt").read_text() == POLISHED
    assert f"{film}: there is no sound to listen to" in capsys.readouterr().err
    frames = subtitles.with_name("film.sub")
    assert main(["polish", str(film), str(subtitles), "--fps", "25", "-o", str(frames)]) == 0
    assert frames.read_text().endswith("{75}{125}And after it\n")
    assert main(["polish", str(film), str(frames), "--fps", "25", "--no-speech", "--check"]) == 0
    assert capsys.readouterr().err.count("no sound") == 1


def test_retime_polishes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film, cues = ROOT / "fixtures" / "film.mp4", ROOT / "fixtures" / "film.shifted.srt"
    out = tmp_path / "out.srt"
    assert main(["retime", str(film), str(cues), "-o", str(out), "--shots", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["breaks"] == [] and said["polished"]["rules"]["off frame"]["after"] == 0
    kept = {(found["cue"], found["rule"]) for found in said["polished"]["before"]}
    assert {(found["cue"], found["rule"]) for found in said["polished"]["after"]} <= kept
    code = main(["retime", str(film), str(cues), "-o", str(out), "--profile", "bbc"])
    assert code == 2 and "add --shots" in capsys.readouterr().err
    assert main(["retime", str(out), str(cues), "--shots"]) == 2
    assert "needs one and not subtitles" in capsys.readouterr().err
