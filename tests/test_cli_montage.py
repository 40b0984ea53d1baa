"""`avsync montage` as a person and a program see it: files, words, JSON and exit codes."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from montages import make_clip, make_clips
from numbered import SIZE, seen, write_numbered

from avsync.aligner.picture import PictureModel, save_picture_model
from avsync.beats.export import to_json
from avsync.beats.grid import BeatGrid
from avsync.cli import main, parse
from avsync.cli.montage import film_size
from avsync.media import iter_frames, probe, probe_video
from avsync.montage import plan
from avsync.timeline import read_timeline

SECONDS = 8.0
GRID = BeatGrid.regular(120, duration=SECONDS)
CLIP_FRAMES = 75  # of 25 a second

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song, its beats, four clips of three seconds, and weights that were never trained."""
    folder = tmp_path_factory.mktemp("media")
    click = np.zeros(round(SECONDS * 8000))
    for beat in GRID.beats:
        click[round(beat * 8000) :][:80] = 0.5
    with wave.open(str(folder / "song.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((click * 32767).astype("<i2").tobytes())
    (folder / "beats.json").write_text(to_json(GRID))
    (folder / "clips").mkdir()
    for number, name in enumerate("badc"):
        write_numbered(folder / "clips" / f"{name}.mp4", frames=CLIP_FRAMES, clip=number + 1)
    torch.manual_seed(0)
    save_picture_model(PictureModel(), folder / "picture.safetensors")
    return folder


@pytest.fixture
def here(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the media as working directory."""
    shutil.copytree(media, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


BASE = ("--beats", "beats.json", "--model", "picture.safetensors", "--across-shots")


def montage(*arguments: str | Path, base: Sequence[str] = BASE) -> int:
    return main(["montage", "song.wav", *map(str, arguments), *base])


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {
        "song.wav",
        "beats.json",
        "clips",
        "picture.safetensors",
    }


def strictly(text: str) -> Any:
    """JSON that every parser takes: one line, and no NaN or Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert text.endswith("\n") and text.count("\n") == 1
    return json.loads(text, parse_constant=refuse)


# What is done


def test_a_dry_run_prints_the_plan_and_writes_nothing(here: Path, capsys: Capture) -> None:
    assert montage("clips", "--dry-run", "-o", "out.mp4") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert not err
    assert lines[0].split() == ["shot", "time", "beat", "length", "clip", "from", "score"]
    assert [line.split()[2] for line in lines[1:5]] == ["1.1", "2.1", "3.1", "4.1"]
    assert "120.0 BPM" in lines[5]
    assert "4 shots in 0:08.000 at 25 fps, from 4 of 4 clips" in lines[6]
    assert not written(here)


def test_timelines_hold_the_plan_and_are_the_same_each_time(here: Path, capsys: Capture) -> None:
    outputs = ["-o", "a.otio", "-o", "a.edl", "-o", "a.fcpxml", "-o", "a.xml"]
    assert montage("clips", "--every", "2", *outputs, "--seed", "4", "--order", "shuffled") == 0
    assert written(here) == {"a.otio", "a.edl", "a.fcpxml", "a.xml"}
    assert "written to a.otio" in capsys.readouterr().out
    first = Path("a.otio").read_bytes()
    cuts = read_timeline("a.otio")
    assert cuts.cuts == (25, 50, 75, 100, 125, 150, 175)
    assert [marker.name for marker in cuts.markers[:5]] == ["1.1", "1.2", "1.3", "1.4", "2.1"]
    assert montage("clips", "--every", "2", *outputs, "--seed", "4", "--order", "shuffled") == 0
    assert Path("a.otio").read_bytes() == first
    assert montage("clips", "--every", "2", *outputs, "--seed", "5", "--order", "shuffled") == 0
    assert Path("a.otio").read_bytes() != first


def test_the_film_shows_what_the_timeline_says(here: Path, capsys: Capture) -> None:
    assert montage("clips", "-o", "out.mp4", "-o", "out.otio", "--every", "2", "--crf", "10") == 0
    assert written(here) == {"out.mp4", "out.otio"}
    cuts = read_timeline("out.otio")
    expected = [
        (" badc".index(shot.source.stem), shot.source_frame + frame)
        for shot in cuts.shots
        for frame in range(shot.frames)
    ]
    pictures = iter_frames("out.mp4", width=SIZE[0], height=SIZE[1])
    shown = [seen(frame.pixels) for frame in pictures]
    assert [(picture.clip, picture.number) for picture in shown] == expected
    assert probe("out.mp4").audio


def test_the_film_has_the_shape_and_rate_asked_for(here: Path) -> None:
    film = ("--ratio", "9:16", "--fit", "crop", "--fps", "23.976", "--preview", "--crf", "30")
    assert montage("clips", "-o", "tall.mkv", "--length", "2", *film) == 0
    shown = probe_video("tall.mkv")
    assert shown.size == (64, 114) and shown.frame_rate == Fraction(24000, 1001)
    assert montage("clips", "-o", "small.mov", "--length", "2", "--size", "48x32") == 0
    assert probe_video("small.mov").size == (48, 32)


def test_a_render_that_fails_leaves_nothing_half_written(here: Path, capsys: Capture) -> None:
    clips = [f"clips/{name}.mp4" for name in "abcd"]
    assert montage(*clips, "-o", "out.mp4", "--sound", "mix") == 0
    before = Path("out.mp4").read_bytes()
    Path("song.wav").write_bytes(b"RIFF" + bytes(100))
    order = ("--order", "sequential")
    assert montage(*clips, "-o", "out.mp4", *order) == 1
    assert "song.wav" in capsys.readouterr().err
    assert Path("out.mp4").read_bytes() == before


def test_json_tells_every_shot(here: Path, capsys: Capture) -> None:
    assert montage("clips", "--json", "-o", "a.otio", "--every", "bar") == 0
    record = strictly(capsys.readouterr().out)
    assert record["tempo_bpm"] == 120 and record["frame_rate"] == "25"
    assert [shot["start_frame"] for shot in record["shots"]] == [0, 50, 100, 150]
    assert all(Path(shot["clip"]).is_file() for shot in record["shots"])
    assert record["written"] == ["a.otio"] and record["clips"] == 4


def test_a_picture_can_be_all_that_is_asked_for(here: Path) -> None:
    assert montage("clips", "--plot", "plan.png", "-q") == 0
    assert Path("plan.png").read_bytes().startswith(b"\x89PNG")


def test_clips_keep_the_order_of_the_command_line(here: Path, capsys: Capture) -> None:
    order = ["clips/c.mp4", "clips/a.mp4", "clips/d.mp4", "clips/b.mp4"]
    assert montage(*order, "--order", "sequential", "--dry-run", "--json") == 0
    record = strictly(capsys.readouterr().out)
    assert [shot["clip"] for shot in record["shots"]] == order


def test_a_directory_stands_for_the_films_in_it(here: Path, capsys: Capture) -> None:
    shutil.copy("song.wav", "clips/other.wav")  # sound alone is no film
    Path("clips/notes.txt").write_text("no film")
    assert montage("clips", "--order", "sequential", "--dry-run", "--json") == 0
    out, err = capsys.readouterr()
    assert [Path(shot["clip"]).stem for shot in strictly(out)["shots"]] == list("abcd")
    assert not err


def test_reasons_are_told_when_asked(here: Path, capsys: Capture) -> None:
    assert montage("clips", "--dry-run", "-v") == 0
    assert "motion" in capsys.readouterr().out.splitlines()[1]


def test_the_output_in_the_directory_of_clips_is_no_clip(here: Path, capsys: Capture) -> None:
    shutil.copy("clips/a.mp4", "clips/out.mp4")
    assert montage("clips", "--dry-run", "--json", "-o", "clips/out.mp4") == 0
    assert strictly(capsys.readouterr().out)["clips"] == 4


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clips"], "nothing to do"),
        (["clips", "-o", "out.avi"], "the extension chooses the format"),
        (["clips", "-o", "out"], "the extension chooses the format"),
        (["clips", "--dry-run", "--plot", "plan.gif"], "a picture is"),
        (["clips/a.mp4", "-o", "clips/a.mp4"], "would be overwritten"),
        (["clips", "-o", "nowhere/out.mp4"], "there is no directory"),
        (["clips", "-o", "a.otio", "-o", "./a.otio"], "would be written twice"),
        (["empty", "--dry-run"], "no film in this directory"),
        (["clips", "--dry-run", "--bpm", "120"], "--beats are there already"),
        (["clips", "--dry-run", "--energy-beats", "4,2"], "--every energy"),
        (["clips", "--dry-run", "--no-filters", "--max-motion", "1"], "--max-motion"),
        (["clips", "--dry-run", "--min-exposure", "0.97"], "(--min-exposure, --max-exposure)"),
        (["clips", "--dry-run", "--times", "1,5000"], "8 s long; got 5000 s"),
        (["clips", "-o", "a.otio", "--crf", "0"], "--crf is of a film"),
        (["clips", "-o", "a.edl", "-o", "a.otio", "--sound", "mute"], "--sound is of a film"),
        (["clips", "-o", "a.xml", "--preview"], "--preview is of a film"),
        (["clips", "--plot", "a.png", "--size", "48x32"], "--size is of a film"),
        (["clips", "-o", "a.otio", "--seed", "0"], "add --order shuffled"),
        (["clips", "--dry-run", "--start", "9"], "nothing of the song"),
        (["clips", "--dry-run", "--min-shot", "3", "--max-shot", "2"], "longer than the longest"),
    ],
)
def test_a_wrong_command_line_is_refused_before_the_work(
    here: Path, capsys: Capture, arguments: list[str], message: str
) -> None:
    Path("empty").mkdir()
    before = sorted(here.rglob("*"))
    assert montage(*arguments) == 2
    out, err = capsys.readouterr()
    assert message in err and err.startswith("avsync: ") and not out
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "option",
    [
        ["--every", "often"],
        ["--every", "0"],
        ["--pattern", "4,0"],
        ["--pattern", "4,,1"],
        ["--times", "soon"],
        ["--times", "5,3,3"],
        ["--times", "3,3"],
        ["--min-exposure", "nan"],
        ["--min-exposure", "1:00"],
        ["--max-exposure", "50"],
        ["--min-faces", "1.5"],
        ["--max-motion", "inf"],
        ["--min-sharpness", "-1"],
        ["--min-shot", "0"],
        ["--dissolve", "long"],
        ["--start", "-1"],
        ["--start", "nan"],
        ["--size", "1920"],
        ["--size", "641x480"],
        ["--ratio", "16:0"],
        ["--size", "640x480", "--ratio", "4:3"],
        ["--end", "4", "--length", "4"],
        ["--every", "beat", "--pattern", "4"],
        ["--crf", "52"],
        ["--fps", "0"],
        ["--order", "random"],
    ],
)
def test_values_are_checked(option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["montage", "song.wav", "a.mp4", *option])
    assert ended.value.code == 2


def test_values_are_read_as_they_are_written_in_the_field() -> None:
    line = (
        "montage song.wav a.mp4 -o out.mp4 b.mp4 --start 1:02.5 --times 3,1:00 --size 1280X720 "
        "--fps 23.976 --end 1:00:00"
    )
    args = parse(line.split())
    assert args.clips == [Path("a.mp4"), Path("b.mp4")]
    assert args.start == 62.5 and args.times == (3.0, 60.0) and args.end == 3600.0
    assert args.size == (1280, 720)
    assert parse(["montage", "s", "c", "--pattern", "4,4,2"]).pattern == (4, 4, 2)
    assert args.fps == Fraction(24000, 1001)
    for text, seconds, beats in (("0.5", 0.5, 0), ("1 beat", 0, 1), ("0.5beats", 0, 0.5)):
        dissolve = parse(["montage", "s", "c", "--dissolve", text]).dissolve
        assert (dissolve.seconds, dissolve.beats) == (seconds, beats)


def test_a_song_without_a_trustworthy_beat_is_code_3(here: Path, capsys: Capture) -> None:
    record = json.loads(Path("beats.json").read_text())
    doubtful = record | {"confidence": 0.1, "reason": "rubato"}
    Path("beats.json").write_text(json.dumps(doubtful))
    assert montage("clips", "-o", "a.otio", "--json") == 3
    out, err = capsys.readouterr()
    assert "rubato" in err and "--force" in err and "rubato" in strictly(out)["error"]
    assert not written(here)
    assert montage("clips", "-o", "a.otio", "--force") == 0
    Path("beats.json").write_text(json.dumps({"beats": [], "reason": "it is silent"}))
    for more in ((), ("--force",)):
        assert montage("clips", "-o", "b.otio", *more) == 3
        assert "it is silent" in capsys.readouterr().err
    assert written(here) == {"a.otio"}


def test_too_few_moments_are_code_1_with_the_options_that_help(here: Path, capsys: Capture) -> None:
    assert montage("clips/a.mp4", "-o", "a.otio", "--every", "beat") == 1
    err = capsys.readouterr().err
    assert (
        "room for 6 of 16 slots" in err and "(--repeat)" in err and "(--every, --min-shot)" in err
    )
    assert montage("clips/a.mp4", "-o", "a.otio", "--every", "2 bars") == 1
    assert "longer than every shot" in capsys.readouterr().err
    assert not written(here)
    assert montage("clips/a.mp4", "-o", "a.otio", "--every", "beat", "--repeat") == 0


def test_a_broken_clip_is_left_out_and_said_or_an_error_when_strict(
    here: Path, capsys: Capture
) -> None:
    Path("clips/broken.mp4").write_bytes(Path("clips/a.mp4").read_bytes()[:300])
    assert montage("clips", "song.wav", "--dry-run") == 0
    out, err = capsys.readouterr()
    assert "clips/broken.mp4: left out: " in err and "song.wav: left out: " in err
    assert "4 of 4 clips" in out
    assert montage("clips", "-o", "a.otio", "--strict") == 1
    assert "broken.mp4" in capsys.readouterr().err
    assert not written(here)


def test_what_was_left_out_is_said_when_the_plan_or_the_film_fails_then(
    here: Path, capsys: Capture
) -> None:
    Path("clips/broken.mp4").write_bytes(Path("clips/a.mp4").read_bytes()[:300])
    few = ["clips/a.mp4", "clips/broken.mp4"]
    times = ("--times", "1,2,3,4,5,6,7", "--length", "6.5")
    assert montage(*few, "-o", "a.otio", *times) == 1
    said = capsys.readouterr().err.splitlines()
    assert any("clips/broken.mp4: left out: " in line for line in said[:-1])
    assert any("outside 0.00 to 6.50 s: 7.00" in line for line in said[:-1])
    assert "there is room for" in said[-1]
    assert montage("song.wav", "clips/broken.mp4", "-o", "a.otio") == 1
    assert "clips/broken.mp4: left out: " in capsys.readouterr().err
    Path("song.wav").write_bytes(b"RIFF" + bytes(100))
    assert montage("clips", "-o", "out.mp4", "--order", "sequential") == 1
    assert "clips/broken.mp4: left out: " in capsys.readouterr().err
    assert not written(here)


def test_what_is_not_there_is_code_1(here: Path, capsys: Capture) -> None:
    assert montage("clips/a.mp4", "clips/typo.mp4", "-o", "a.otio") == 1
    assert "typo.mp4" in capsys.readouterr().err
    assert main(["montage", "typo.wav", "clips", "-o", "a.otio", *BASE]) == 1
    assert "typo.wav" in capsys.readouterr().err
    assert montage("clips", "-o", "a.otio", base=("--beats", "typo.json")) == 1
    assert montage("clips", "-o", "a.otio", base=("--beats", "beats.json", "--model", "x")) == 1
    assert not written(here)


# The size of the film


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("16:9", (1920, 1080)), ("9:16", (1080, 1920)), ("1:1", (1080, 1080)), ("4:5", (1080, 1350))],
)
def test_a_ratio_keeps_the_short_side(ratio: str, size: tuple[int, int]) -> None:
    clips = [*make_clips(3), make_clip("small.mp4", size=(640, 480))]
    made = plan(clips, BeatGrid.regular(120, duration=16.0))
    assert film_size(made, Fraction(ratio.replace(":", "/"))) == size
