"""`avsync snap`, as a user calls it; and the beats it can be given as JSON."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from songs import rock, write_wav

from avsync.beats.export import to_json
from avsync.beats.files import read_beats
from avsync.beats.grid import BeatGrid
from avsync.cli import main
from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.errors import MediaError
from avsync.timeline import read_timeline, write_timeline

RATE = Fraction(30_000, 1001)
CUTS = (62, 118, 240)  # 2.07 s, 3.94 s, 8.01 s
CUT_LIST = CutList(
    (
        Shot(Path("/media/a.mp4"), 100, 62),
        Shot(Path("/media/b.mp4"), 100, 56),
        Shot(Path("/media/c.mp4"), 0, 122),
        Shot(Path("/media/d.mp4"), 100, 60),
    ),
    RATE,
    Soundtrack(Path("/media/song.wav"), 0.0),
)


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    """An edit, and beside it the beats of its song."""
    write_timeline(CUT_LIST, tmp_path / "edit.otio")
    (tmp_path / "beats.json").write_text(to_json(BeatGrid.regular(120, duration=30)))
    return tmp_path / "edit.otio"


def snap(*arguments: object) -> int:
    try:
        return main(["snap", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_a_table_for_people(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert snap(edit, "--beats", edit.with_name("beats.json")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "   1      2.069 →     2.002 s  -2 frames, beat at 2.000 s"
    assert lines[1] == "   2      3.937 →     4.004 s  +2 frames, beat at 4.000 s"
    assert lines[2] == "   3      8.008 →     8.008 s  there already, beat at 8.000 s"
    output = edit.with_name("edit.snapped.otio")
    assert lines[3] == f"3 of 3 cuts on a beat, 2 moved: {output}"
    found = read_timeline(output)
    assert found.cuts == (60, 120, 240)
    assert found.frames == CUT_LIST.frames
    assert read_timeline(edit) == CUT_LIST  # as it was


def test_json_for_programs(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beats, output = edit.with_name("beats.json"), edit.with_name("out.edl")
    assert snap(edit, "--beats", beats, "-o", output, "--json", "--to", "downbeat") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["frame_rate"] == "30000/1001"
    assert (record["cuts"], record["on_beat"], record["moved"]) == (3, 3, 2)
    assert record["output"] == str(output)
    assert record["moves"][0] == {
        "cut": 1,
        "before_frame": 62,
        "after_frame": 60,
        "before_s": 2.068733,
        "after_s": 2.002,
        "beat_s": 2.0,
        "reason": "",
    }
    assert record["notes"]  # the clips are not here
    assert read_timeline(output).cuts == (60, 120, 240)


def test_a_dry_run_writes_nothing(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(edit.parent.iterdir())
    assert snap(edit, "--beats", edit.with_name("beats.json"), "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert sorted(edit.parent.iterdir()) == before


def test_options_reach_the_work(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beats = edit.with_name("beats.json")

    def after(*options: object) -> list[Any]:
        assert snap(edit, "--beats", beats, "--dry-run", "--json", "-q", *options) == 0
        moves = json.loads(capsys.readouterr().out)["moves"]
        return [(move["after_frame"], move["reason"]) for move in moves]

    none = "no beat within 0.02 s"
    assert after("--window", "0.02") == [(62, none), (118, none), (240, "")]
    assert [frame for frame, _ in after("--offset", "-0.1")] == [57, 118, 237]  # c.mp4 has no more
    assert [frame for frame, _ in after("--offset", "0.1", "--window", "0.1")] == [63, 118, 243]
    assert snap(edit, "--beats", beats, "--dry-run", "--track", "2") == 1
    assert "no track of picture 2" in capsys.readouterr().err


def test_the_song_is_listened_to(
    edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", rock(120, 15.0))
    assert snap(edit, song, "--json", "--bpm", "120", "--meter", "4") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tempo_bpm"] == pytest.approx(120, rel=0.02)
    assert [move["after_frame"] for move in record["moves"]] == pytest.approx([60, 120, 240], abs=1)


def test_silence_moves_nothing(
    edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", np.zeros(22_050 * 5, np.float32))
    assert snap(edit, song, "--json") == 3
    out = capsys.readouterr()
    assert "silent" in out.err and "silent" in json.loads(out.out)["error"]
    assert not edit.with_name("edit.snapped.otio").exists()


def test_doubtful_beats_need_force(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beats = edit.with_name("beats.json")
    record = json.loads(beats.read_text()) | {"confidence": 0.1}
    beats.write_text(json.dumps(record))
    assert snap(edit, "--beats", beats) == 3
    assert "confidence 0.10" in capsys.readouterr().err
    assert not edit.with_name("edit.snapped.otio").exists()
    assert snap(edit, "--beats", beats, "--force", "-q") == 0
    assert capsys.readouterr().out == ""
    assert edit.with_name("edit.snapped.otio").exists()


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_beats_without_any_are_said_to_be_none(
    more: tuple[str, ...], edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beats = edit.with_name("none.json")
    beats.write_text('{"beats": []}')
    assert snap(edit, "--beats", beats, *more) == 3
    assert capsys.readouterr().err == (
        f"avsync: {beats}: there are no beats in it: nothing was moved\n"
    )


def test_a_song_whose_beats_are_known_need_not_be_there(edit: Path) -> None:
    beats = edit.with_name("beats.json")
    assert snap(edit, edit.with_name("song.wav"), "--beats", beats, "-q") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["edit.otio"], "SONG is missing"),
        (["edit.avb", "--beats", "beats.json"], "one of .edl .fcpxml .otio .xml"),
        (["edit.otio", "--beats", "beats.json", "-o", "x.mp4"], "one of .edl"),
        (["edit.otio", "--beats", "beats.json", "-o", "no/x.otio"], "no directory"),
        (["edit.otio", "--beats", "beats.json", "--bpm", "120"], "help to listen"),
        (["edit.otio", "--beats", "beats.json", "-o", "edit.otio"], "would be overwritten"),
        (["edit.otio", "--beats", "beats.edl", "-o", "beats.edl"], "would be overwritten"),
        (["edit.otio", "--beats", "beats.json", "--fps", "25"], "--fps is of an EDL"),
        (["edit.otio", "--beats", "beats.json", "--window", "x"], "--window"),
        (["edit.otio", "--beats", "beats.json", "--window", "-1"], "0 to 10 seconds"),
        (["edit.otio", "--beats", "beats.json", "--offset", "nan"], "must be seconds"),
        (["edit.otio", "--beats", "beats.json", "--track", "0"], "1 or more"),
    ],
)
def test_a_wrong_command_line(
    arguments: list[str],
    said: str,
    edit: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(edit.parent)
    edit.with_name("beats.edl").write_text(edit.with_name("beats.json").read_text())
    before = sorted(edit.parent.iterdir())
    assert snap(*arguments) == 2
    assert said in capsys.readouterr().err
    assert sorted(edit.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.otio", "{", "this timeline cannot be read"),
        ("x.edl", "001  AX  V  C  00:00:00:00 00:00:01:00 0 25", "give the frame rate"),
        ("x.otio", None, "No such file"),
        ("x.fcpxml", "<fcpxml/>", "no project"),
    ],
)
def test_an_unreadable_timeline(
    name: str, content: str | None, said: str, edit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edit.with_name(name)
    if content is not None:
        path.write_text(content)
    assert snap(path, "--beats", edit.with_name("beats.json"), "--json") == 1
    out = capsys.readouterr()
    assert said in out.err and str(path) in out.err
    assert said in json.loads(out.out)["error"]


def test_the_frame_rate_of_an_edl(edit: Path) -> None:
    lines = (
        "001  A  V  C  00:00:10:00 00:00:12:02 01:00:00:00 01:00:02:02",
        "002  B  V  C  00:00:10:00 00:00:12:23 01:00:02:02 01:00:05:00",
    )
    path = edit.with_name("x.edl")
    path.write_text("\n".join(lines))
    output = edit.with_name("y.edl")
    assert snap(path, "--beats", edit.with_name("beats.json"), "--fps", "25", "-o", output) == 0
    assert [line.split()[4:] for line in output.read_text().splitlines() if line[:1] == "0"] == [
        ["00:00:10:00", "00:00:12:00", "01:00:00:00", "01:00:02:00"],
        ["00:00:09:23", "00:00:12:23", "01:00:02:00", "01:00:05:00"],
    ]


# --- beats as JSON ---------------------------------------------------------------------------


def test_beats_come_back_from_json(tmp_path: Path) -> None:
    grid = BeatGrid(
        np.array([0.25, 0.75, 1.25, 1.75, 2.25]),
        positions=np.array([3, 1, 2, 3, 1]),
        meter=3,
        duration=3.0,
        confidence=0.75,
        energy=np.array([-9.0, -3.0, -2.0, -1.5, 0.0]),
        drops=np.array([0.75]),
        path=Path("song.mp3"),
    )
    (tmp_path / "b.json").write_text(to_json(grid))
    found = read_beats(tmp_path / "b.json")
    for name in ("beats", "positions", "energy", "drops"):
        np.testing.assert_array_equal(getattr(found, name), getattr(grid, name))
    for name in ("meter", "duration", "confidence", "path", "reason"):
        assert getattr(found, name) == getattr(grid, name)


def test_downbeats_count_the_bars_of_other_programs(tmp_path: Path) -> None:
    record = {"beats": [0, 0.5, 1, 1.5, 2, 2.5, 3], "downbeats": [1.0005, 2.5], "meter": 4}
    (tmp_path / "b.json").write_text(json.dumps(record))
    assert read_beats(tmp_path / "b.json").positions.tolist() == [3, 4, 1, 2, 3, 1, 2]
    (tmp_path / "b.json").write_text('{"beats": []}')
    assert len(read_beats(tmp_path / "b.json")) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1, 2]", 'no JSON object with "beats"'),
        ('{"beats": "0.5"}', '"beats" is no list of numbers'),
        ('{"beats": [0, null]}', '"beats" is no list of numbers'),
        ('{"beats": [1, 0.5]}', "ascending order"),
        ('{"beats": [0, NaN]}', "finite"),
        ('{"beats": [0, 1], "accents": [0, Infinity]}', '"accents" holds a number that is not'),
        ('{"beats": [0, 1], "duration_s": NaN}', '"duration_s" is nan, not a finite number'),
        ('{"beats": [0, 1], "downbeats": [0.4]}', "the downbeat at 0.4 s"),
        ('{"beats": [0, 1], "meter": "4/4"}', '"meter"'),
        ('{"beats": [0, 1], "meter": 0}', "at least one beat"),
        ('{"beats": [0, 1], "confidence": 7}', '"confidence"'),
        ('{"beats": [0, 1], "positions": [1]}', "one position"),
        ('{"beats": [0, 1], "positions": [0, 1]}', "whole numbers from 1"),
    ],
)
def test_bad_beats_are_named(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(MediaError, match="avsync beats --json") as caught:
        read_beats(path)
    assert said in str(caught.value) and caught.value.path == str(path)


def test_missing_beats(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_beats(tmp_path / "b.json")
    with pytest.raises(MediaError):
        read_beats(tmp_path)
