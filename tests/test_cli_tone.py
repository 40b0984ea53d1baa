"""`avsync tone` as a person and a program see it: what it writes, and what it refuses."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scenes import scene, write_pictures

from avsync.cli import main, parse

RATE_HZ = 16_000

Capture = pytest.CaptureFixture[str]


def notes(pitch_hz: float, every: float, seconds: float) -> np.ndarray:
    """A note that is struck again and again, int16 [samples]."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * k * pitch_hz * t) / k for k in range(1, 6))
    return (3000 * wave * np.exp(-5 * (t % every))).astype("<i2")


def write_song(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def write_two_tracks(path: Path, first: np.ndarray, second: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono") for _ in "ab"]
        for stream, samples in zip(streams, (first, second), strict=True):
            frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
            frame.rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of six seconds, a film of four, and a film with two songs."""
    folder = tmp_path_factory.mktemp("tone")
    slow, fast = notes(220, 1.0, 6.0), notes(440, 0.2, 6.0)
    write_song(folder / "song.wav", slow)
    write_pictures(folder / "cut.mp4", [p for n in range(4) for p in scene(n, 25)])
    write_two_tracks(folder / "two.mkv", slow, fast)
    return folder


@pytest.fixture
def here(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory from which the media are linked."""
    for path in media.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tone(*arguments: str) -> int:
    return main(["tone", *arguments, "--no-cache"])


def test_an_input_is_not_overwritten_nor_an_output_twice(here: Path, capsys: Capture) -> None:
    weights, scenes = Path("w.safetensors"), Path("scenes.csv")
    weights.write_bytes(b"weights")
    scenes.write_text("name,start_s,end_s\na,0,3\n")
    for more, message in (
        (("--csv", "song.wav"), "song.wav is read, and would be overwritten"),
        (("--model", "w.safetensors", "--csv", "./w.safetensors"), "would be overwritten"),
        (("--scenes", "scenes.csv", "--csv", "scenes.csv"), "would be overwritten"),
        (("--plot", "a.png", "--explain-plot", "./a.png"), "would be written twice"),
        (("--csv", "a.html", "--html", "a.html"), "would be written twice"),
        (("--csv", "nowhere/a.csv"), "there is no directory nowhere; make it first"),
        (("--html", "nowhere/a.html"), "there is no directory nowhere; make it first"),
        (("--csv", "a.csv", "--explain-plot", "no/a.png"), "there is no directory no;"),
    ):
        before = sorted(here.iterdir())
        assert tone("song.wav", *more) == 2, more
        assert message in capsys.readouterr().err, more
        assert sorted(here.iterdir()) == before
    assert weights.read_bytes() == b"weights"


def test_a_window_that_is_not_there_is_refused_before_anything_is_written(
    here: Path, capsys: Capture
) -> None:
    before = sorted(here.iterdir())
    outputs = ("--csv", "a.csv", "--plot", "a.png", "--html", "a.html")
    assert tone("song.wav", "--windows", "2", "--explain", "99", *outputs) == 2
    assert "--explain 99: there is no such window; they are 1 to 3" in capsys.readouterr().err
    for number in ("0", "-1"):
        with pytest.raises(SystemExit) as ended:
            parse(["tone", "song.wav", "--explain", number])
        assert ended.value.code == 2
    assert sorted(here.iterdir()) == before


def test_a_window_is_explained_by_its_number_or_the_one_that_stands_out(
    here: Path, capsys: Capture
) -> None:
    for more in (("--explain", "2"), ("--explain",)):
        assert tone("song.wav", "--windows", "2", "--json", "--csv", "a.csv", *more) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["explanation"]["contributions"]
        assert len(Path("a.csv").read_text().splitlines()) == 4
    assert tone("song.wav", "--json", "--explain-plot", "why.svg") == 0
    assert Path("why.svg").exists()
    assert "explanation" not in json.loads(capsys.readouterr().out)


def test_a_track_is_listened_to_when_pictures_are_ranked(here: Path, capsys: Capture) -> None:
    found = []
    for track in ("0", "1"):
        assert tone("two.mkv", "--try-video", "cut.mp4", "--audio-track", track, "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["ranking"][0]["agreement"])
    assert found[0] != found[1]
    assert tone("cut.mp4", "--try", "song.wav", "--audio-track", "1") == 2
    assert "--try brings other sounds" in capsys.readouterr().err


def test_a_wrong_scene_is_named_with_its_file_and_line(here: Path, capsys: Capture) -> None:
    Path("scenes.csv").write_text("name,start_s,end_s\nattic,0,3\nthe sea,50,60\n")
    assert tone("song.wav", "--scenes", "scenes.csv", "--csv", "a.csv") == 2
    err = capsys.readouterr().err
    assert "scenes.csv:3: the window 'the sea', 50 to 60 s, does not lie" in err
    assert "6.00 s" in err and not Path("a.csv").exists()
    Path("scenes.csv").write_text("name;start_s;end_s\nattic;0;3\n")
    assert tone("song.wav", "--scenes", "scenes.csv") == 2
    assert "scenes.csv:1: the head is" in capsys.readouterr().err


def test_a_candidate_that_ends_before_a_scene_is_no_end_of_the_ranking(
    here: Path, capsys: Capture
) -> None:
    write_song(here / "short.wav", notes(220, 0.5, 2.0))
    Path("scenes.csv").write_text("name,start_s,end_s\nattic,2.5,3.5\n")
    ranked = ("--try", "short.wav", "song.wav", "--scenes", "scenes.csv", "--json")
    assert tone("cut.mp4", *ranked) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["ranking"]
    assert [one["path"] for one in found] == ["song.wav", "short.wav"]
    assert "does not lie" in found[1]["error"] and "2.00 s" in err
