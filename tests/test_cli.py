"""The command line as a person and a program see it: files, words, JSON and exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import dialogue, environment, srt

import avsync
from avsync.cli import main, parse
from avsync.cli.report import rate_text
from avsync.cli.terminal import printable
from avsync.subtitles import read_subtitles

LATE = 7.4  # seconds by which the subtitles of these tests come too late


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Subtitles in sync as the reference, and late ones; both in the working directory."""
    monkeypatch.chdir(tmp_path)
    lines = dialogue(lines=80)
    Path("sync.srt").write_text(srt(lines))
    Path("late.srt").write_text(srt(lines, shift=LATE))
    return Path("sync.srt"), Path("late.srt")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Subtitles of another film."""
    path = tmp_path / "other.srt"
    path.write_text(srt(dialogue(77, lines=80)))
    return path


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def starts(path: Path | str) -> list[float]:
    return [cue.start for cue in read_subtitles(path).cues]


def assert_in_sync(path: Path | str, reference: Path | str = "sync.srt") -> None:
    assert starts(path) == pytest.approx(starts(reference), abs=0.1)


def strictly(text: str) -> Any:
    """JSON that every parser takes: one line, and no NaN or Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert text.endswith("\n") and text.count("\n") == 1
    return json.loads(text, parse_constant=refuse)


def retime(*arguments: str | Path) -> int:
    return main(["retime", *map(str, arguments)])


Capture = pytest.CaptureFixture[str]


# What is done


def test_it_retimes_and_says_so(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime(*pair) == 0
    assert_in_sync("late.retimed.srt")
    out, err = capsys.readouterr()
    assert err == ""  # no progress bar where nobody sees it
    assert "late.srt" in out and "written to late.retimed.srt" in out
    assert re.search(r"-7\.[34]\d\d s", out) and "80 cues" in out and "confidence" in out


def test_text_and_order_stay(pair: tuple[Path, Path]) -> None:
    assert retime(*pair, "-o", "new.srt", "-q") == 0
    stamps = re.compile(r"\d\d:\d\d:\d\d,\d{3}")
    old, new = (stamps.sub("", Path(name).read_text()) for name in ("late.srt", "new.srt"))
    assert old == new


def test_what_fits_is_written_through(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime("sync.srt", "late.srt", "--quiet") == 0
    odd = Path("sync.srt").read_bytes().replace(b"\n", b"\r\n")
    Path("fits.srt").write_bytes(odd)
    assert retime("sync.srt", "fits.srt") == 0
    assert Path("fits.retimed.srt").read_bytes() == odd
    assert "already in sync" in capsys.readouterr().out


def test_the_extension_converts(pair: tuple[Path, Path]) -> None:
    assert retime(*pair, "-o", "new.vtt") == 0
    assert Path("new.vtt").read_text().startswith("WEBVTT")
    assert_in_sync("new.vtt")


def test_encodings(pair: tuple[Path, Path]) -> None:
    text = Path("late.srt").read_text().replace("Line 1 ", "Größe ")
    Path("late.srt").write_bytes(text.encode("cp1252"))
    assert retime(*pair, "--input-encoding", "cp1252", "--encoding", "utf-8") == 0
    assert "Größe" in Path("late.retimed.srt").read_bytes().decode("utf-8")


def test_in_place(pair: tuple[Path, Path], capsys: Capture) -> None:
    original = Path("late.srt").read_bytes()
    Path("late.srt.bak").write_text("precious")
    assert retime(*pair, "--in-place") == 0
    assert_in_sync("late.srt")
    assert Path("late.srt.bak").read_text() == "precious"
    assert Path("late.srt.bak1").read_bytes() == original
    assert "late.srt.bak1" in capsys.readouterr().out


def test_several_into_a_directory(pair: tuple[Path, Path], capsys: Capture) -> None:
    Path("later.srt").write_text(srt(dialogue(lines=80), shift=20.0))
    assert retime("sync.srt", "late.srt", "later.srt", "-o", "out", "--plot", "pictures") == 0
    for name in ("late.srt", "later.srt"):
        assert_in_sync(Path("out", name))
        assert Path("pictures", f"{name}.png").stat().st_size > 1000
    assert "2 retimed" in capsys.readouterr().out


def test_the_plot(pair: tuple[Path, Path], other: Path) -> None:
    assert retime(*pair, "--plot", "why.svg") == 0
    assert Path("why.svg").read_text().startswith("<?xml")
    assert retime(other, pair[1], "-o", "no.srt", "--plot", "why-not.png") == 3
    assert Path("why-not.png").exists() and not Path("no.srt").exists()


def test_lenient(pair: tuple[Path, Path], capsys: Capture) -> None:
    broken = Path("late.srt").read_text().replace("-->", "", 1)
    Path("late.srt").write_text(broken)
    assert retime(*pair) == 1
    out, err = capsys.readouterr()
    assert out == "" and re.match(r"avsync: late\.srt:\d+: ", err) and err.count("\n") == 1
    assert retime(*pair, "--lenient", "--json") == 0
    repairs = strictly(capsys.readouterr().out)["repairs"]
    assert repairs and repairs[0].keys() == {"line", "what"}


# JSON

KEYS = {
    "reference", "subtitles", "output", "backup", "plot", "confidence", "accepted", "reason",
    "unchanged", "segments", "clamped", "repairs",
}  # fmt: skip


def test_json_of_a_result(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime(*pair, "--json") == 0
    record = strictly(capsys.readouterr().out)
    assert record.keys() == KEYS
    assert record["output"] == "late.retimed.srt" and record["accepted"] is True
    assert record["reason"] == "" and record["unchanged"] is False
    (segment,) = record["segments"]
    assert segment["shift_s"] == pytest.approx(-LATE, abs=0.1)
    assert segment["rate"] == "1/1" and segment["cues"] == 80
    assert segment["start_s"] == pytest.approx(starts("late.srt")[0])
    assert segment["end_s"] >= starts("late.srt")[-1]
    assert 0 <= segment["confidence"] <= 1 and 0.5 <= record["confidence"] <= 1


def test_json_of_clamped_cues(pair: tuple[Path, Path], capsys: Capture) -> None:
    lines = dialogue(lines=80)
    Path("sync.srt").write_text(srt(lines[2:], shift=-lines[2].start + 0.5))
    assert retime(*pair, "--json") == 0
    clamped = strictly(capsys.readouterr().out)["clamped"]
    assert clamped[0].keys() == {"cue", "reason", "start_s", "end_s"}
    assert clamped[0]["cue"] == 1 and clamped[0]["reason"] == "before zero"
    assert clamped[0]["start_s"] >= 0


def test_json_of_a_refusal(pair: tuple[Path, Path], other: Path, capsys: Capture) -> None:
    assert retime(other, pair[1], "--json") == 3
    record = strictly(capsys.readouterr().out)
    assert record.keys() == KEYS
    assert record["accepted"] is False and record["reason"] and record["output"] is None
    assert record["segments"]


@pytest.mark.parametrize(("name", "data"), [("none.srt", None), ("bad.srt", b"\x00\xff\x00")])
def test_json_of_an_error(
    pair: tuple[Path, Path], name: str, data: bytes | None, capsys: Capture
) -> None:
    if data is not None:
        Path(name).write_bytes(data)
    assert retime(pair[0], name, "--json") == 1
    record = strictly(capsys.readouterr().out)
    assert record["path"] == name and name in record["error"] and record["subtitles"] == name


def test_a_failure_that_names_no_file_is_given_one(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("out\nof luck")

    monkeypatch.setattr("avsync.batch.retime_file", fail)
    assert retime(*pair) == 1
    assert capsys.readouterr().err == "avsync: late.srt: RuntimeError: out of luck\n"


def test_json_of_a_wrong_command_line(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime(*pair, "-o", "late.srt", "--json") == 2
    assert "late.srt" in strictly(capsys.readouterr().out)["error"]


# Trust


def test_another_film_is_refused_in_one_line(
    pair: tuple[Path, Path], other: Path, capsys: Capture
) -> None:
    before = files()
    assert retime(other, pair[1]) == 3
    out, err = capsys.readouterr()
    assert files() == before and out == ""
    assert err.startswith("avsync: late.srt: not written: ") and err.count("\n") == 1
    assert "confidence 0." in err and "--force" in err


def test_force(pair: tuple[Path, Path], other: Path, capsys: Capture) -> None:
    assert retime(other, pair[1], "--force") == 0
    assert Path("late.retimed.srt").exists()
    assert "by force" in capsys.readouterr().out


def test_the_threshold_is_the_users(pair: tuple[Path, Path], other: Path) -> None:
    assert retime(other, pair[1], "--min-confidence", "0") == 0


# What must not be overwritten


@pytest.mark.parametrize("target", ["late.srt", "sync.srt", "./late.srt", "link.srt", "hard.srt"])
def test_it_does_not_write_onto_what_it_reads(
    pair: tuple[Path, Path], target: str, capsys: Capture
) -> None:
    Path("link.srt").symlink_to("late.srt")
    os.link("late.srt", "hard.srt")
    before = {name: Path(name).read_bytes() for name in files()}
    assert retime(*pair, "-o", target) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in files()} == before


def test_not_even_in_place_onto_the_reference(pair: tuple[Path, Path]) -> None:
    assert retime("late.srt", "late.srt", "--in-place") == 2


def test_a_plot_overwrites_no_input(pair: tuple[Path, Path]) -> None:
    Path("film.png").write_text(srt(dialogue(lines=80)))  # a reference may have any name
    assert retime("film.png", pair[1], "--plot", "film.png") == 2


def test_two_results_with_one_name(pair: tuple[Path, Path], capsys: Capture) -> None:
    Path("a").mkdir()
    Path("a/late.srt").write_bytes(pair[1].read_bytes())
    before = files()
    assert retime("sync.srt", "late.srt", "a/late.srt", "-o", "out") == 2
    assert "written twice" in capsys.readouterr().err
    assert files() == before


# Wrong command lines


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["retime"],
        ["retime", "a", "b", "--jobs", "0"],
        ["retime", "a", "b", "--jobs", "x"],
        ["retime", "a", "b", "--jobs", "2", "--dask", "tcp://x:1"],
        ["retime", "a", "b", "--min-confidence", "1.5"],
        ["retime", "a", "b", "--min-confidence", "nan"],
        ["retime", "a", "b", "--fps", "0"],
        ["retime", "a", "b", "--fps", "1/0"],
        ["retime", "a", "b", "--encoding", "klingon"],
        ["retime", "a", "b", "--encoding", "base64"],
        ["retime", "a", "b", "--refine", "--lead-in", "-1"],
        ["retime", "a", "b", "--audio-track", "1", "--subtitle-track", "2"],
        ["retime", "a", "b", "--in-place", "-o", "c.srt"],
        ["retime", "a", "b", "--un\x1bknown"],
    ],
)
def test_wrong_options(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("avsync: ") and err.count("\n") == 1 and "\x1b" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sync.srt"], "SUBTITLES is missing"),
        (["late.srt", "film.mkv"], "the film comes first"),
        (["sync.srt", "late.srt", "--lead-in", "0.2"], "--refine"),
        (["sync.srt", "late.srt", "--refine"], "--refine"),
        (["sync.srt", "late.srt", "--audio-track", "1"], "no tracks"),
        (["film.mkv", "late.srt", "--refine", "--subtitle-track", "1"], "--refine"),
        (["sync.srt", "late.srt", "-o", "out.doc"], ".srt"),
        (["sync.srt", "late.srt", "-o", "-"], ".srt"),
        (["sync.srt", "late.srt", "-o", "nowhere/out.srt"], "no directory nowhere"),
        (["sync.srt", "late.srt", "--plot", "why.bmp"], ".png"),
        (["sync.srt", "late.srt", "--plot", "nowhere/why.png"], "no directory nowhere"),
        (["sync.srt", "late.srt", "sync.srt", "-o", "late.srt"], "is a file"),
        (["sync.srt", "."], "is a directory"),
        ([".", "late.srt"], "is a directory"),
        (["sync.srt", "late.srt", "--plot", "folder.png"], "is a directory"),
        (["sync.srt", "late.srt", "--dask", "nonsense"], "'nonsense' is no scheduler's address"),
        (["--list-tracks", "sync.srt", "late.srt"], "--list-tracks"),
        (["--list-tracks", "sync.srt", "--in-place", "--force"], "leave out --force, --in-place"),
        (["--list-tracks", "sync.srt", "-o", "x.srt", "--plot", "x.png"], "--output, --plot"),
    ],
)
def test_what_cannot_be(
    pair: tuple[Path, Path], arguments: list[str], said: str, capsys: Capture
) -> None:
    Path("folder.png").mkdir()
    before = files()
    assert retime(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1 and files() == before


def test_what_could_not_be_written_is_told_before_the_work(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def work(*arguments: object, **options: object) -> None:
        raise AssertionError("it has begun")

    monkeypatch.setattr("avsync.jobs._by_rhythm", work)
    Path("late.retimed.srt").mkdir()
    for arguments, said in (
        (["-o", "new.SUB"], "new.SUB: needs a frame rate"),
        ([], "late.retimed.srt: Is a directory"),
    ):
        assert retime(*pair, *arguments) == 1
        assert said in capsys.readouterr().err


def test_what_follows_two_dashes_is_a_file(pair: tuple[Path, Path]) -> None:
    Path("late.srt").rename("-late.srt")
    assert retime("-q", "--", "sync.srt", "-late.srt") == 0
    assert Path("-late.retimed.srt").exists()


def test_a_file_that_says_too_little_is_named_once(
    pair: tuple[Path, Path], capsys: Capture
) -> None:
    Path("few.srt").write_text(srt(dialogue(lines=2)))
    for arguments in (("sync.srt", "few.srt"), ("few.srt", "late.srt")):
        assert retime(*arguments, "--json") == 1
        out, err = capsys.readouterr()
        assert strictly(out)["path"] == "few.srt" and err.startswith("avsync: few.srt: has fewer")


def test_numbers_are_read_as_meant() -> None:
    def fps(text: str) -> Fraction:
        value = parse(["retime", "a", "b", "--fps", text]).fps
        assert isinstance(value, Fraction)
        return value

    assert fps("23.976") == fps("23.98") == fps("24000/1001") == Fraction(24000, 1001)
    assert fps("29.97") == Fraction(30000, 1001) and fps("25") == 25 and fps("24") == 24


# Directories


def season(directory: Path) -> None:
    from shutil import copy

    directory.mkdir()
    lines = dialogue(lines=80)
    for name in ("Show.S01E01.srt", "Show.S01E02.srt", "Show.S01E03.srt"):
        (directory / name).write_text(srt(lines, shift=LATE))
    (directory / "Show.S01E02.srt").write_text("1\nno times here\nHello\n")
    (directory / "extra.srt").write_text(srt(lines))
    for number in (1, 2, 3):
        copy(tone(), directory / f"show 1x0{number}.wav")


def tone() -> Path:
    """Half a second of nothing."""
    import wave

    path = Path("tone.wav")
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    return path


def test_a_season(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    season(Path("season1"))
    assert retime("season1") == 1
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert [row[:2] for row in rows[1:4]] == [
        ["Show.S01E01.srt", "refused"],
        ["Show.S01E02.srt", "failed"],
        ["Show.S01E03.srt", "refused"],
    ]
    assert "extra.srt: left alone" in out
    assert "2 refused, 1 failed" in out
    assert "Show.S01E02.srt:" in err
    Path("season1/Show.S01E02.srt").unlink()
    assert retime("season1", "--json", "--no-cache") == 3
    record = strictly(capsys.readouterr().out)
    assert [r["accepted"] for r in record["results"]] == [False, False]
    assert record["counts"]["refused"] == 2
    assert {item["path"] for item in record["unpaired"]} == {
        "season1/extra.srt", "season1/show 1x02.wav",
    }  # fmt: skip


def test_a_directory_without_pairs(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime(".") == 1
    out, err = capsys.readouterr()
    assert out == "" and "late.srt: no film" in err and "belong together" in err


# The fixture film


def test_a_film(film: Path, film_subtitles: Path, tmp_path: Path, capsys: Capture) -> None:
    assert retime(film, film_subtitles, "-o", tmp_path / "new.srt", "--json") == 0
    assert strictly(capsys.readouterr().out)["accepted"] is True
    fits = film_subtitles.with_name("film.srt")
    assert starts(tmp_path / "new.srt") == pytest.approx(starts(fits), abs=0.1)
    assert retime(film, fits, "--json", "-o", tmp_path / "again.srt") == 0
    assert strictly(capsys.readouterr().out)["unchanged"] is True
    assert (tmp_path / "again.srt").read_bytes() == fits.read_bytes()


def test_list_tracks(film: Path, capsys: Capture) -> None:
    assert retime("--list-tracks", film) == 0
    out = capsys.readouterr().out
    assert "#0" in out and "video" in out and "audio" in out and "<- listens to" in out
    assert retime("--list-tracks", film, "--json") == 0
    record = strictly(capsys.readouterr().out)
    tracks = {track["index"]: track["kind"] for track in record["tracks"]}
    assert tracks[record["listens_to"]] == "audio" and "video" in tracks.values()


def test_list_tracks_of_what_is_no_film(pair: tuple[Path, Path], capsys: Capture) -> None:
    for name in ("late.srt", "nowhere.mkv"):
        assert retime("--list-tracks", name) == 1
        assert name in capsys.readouterr().err


# Terminals, pipes and hostile names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 字 \u00a0.", "plain é 字 \u00a0."),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\u202egnp.srt", "\\u202egnp.srt"),
        ("\udc80", "\\udc80"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_hostile_name_reaches_no_terminal_and_no_shell(
    pair: tuple[Path, Path], other: Path, capsys: Capture
) -> None:
    name = "-$(touch pwned)`touch pwned`\x1b]0;owned\x07\n\u202e{0} %s.srt"
    Path(name).write_bytes(pair[1].read_bytes())
    for arguments in (["sync.srt"], ["other.srt"], ["nowhere.mkv"]):
        for extra in ([], ["-v"], ["--json"]):
            retime(*arguments, *extra, "--force", "--", name)
            out, err = capsys.readouterr()
            assert all(c.isprintable() for line in (out + err).split("\n") for c in line)
    assert "pwned" not in files()
    assert Path(name.replace(".srt", ".retimed.srt")).exists()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "avsync", *arguments]


def test_a_reader_that_goes_away(pair: tuple[Path, Path]) -> None:
    process = subprocess.Popen(
        command("retime", "sync.srt", "late.srt", "-v"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0 and Path("late.retimed.srt").exists()


@pytest.mark.parametrize("arguments", [("sync.srt", "late.srt", "--json"), ("--help",)])
def test_a_full_disk_behind_stdout(
    pair: tuple[Path, Path],
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert retime(*arguments) == 1
    err = capsys.readouterr().err
    assert err == "avsync: cannot write to standard output: No space left on device\n"


def test_nobody_hears_what_is_said_where_there_is_no_stderr(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert retime("sync.srt", "none.srt") == 1
    assert retime(*pair, "-q") == 0
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert retime("sync.srt", "none.srt") == 1
    assert capsys.readouterr().out == ""


def test_a_terminal_sees_a_bar_and_a_narrow_one_sees_no_crash(pair: tuple[Path, Path]) -> None:
    Path("late.srt").rename("späť.srt")
    terminal, stderr = pty.openpty()
    done = subprocess.run(
        command("retime", "sync.srt", "späť.srt"),
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment(PYTHONIOENCODING="ascii"),
    )
    os.set_blocking(terminal, False)  # nothing to read is a failure, not a wait
    seen = os.read(terminal, 100_000).decode()
    os.close(stderr)
    os.close(terminal)
    assert done.returncode == 0 and b"sp\\xe4\\u0165.srt" in done.stdout
    assert "%" in seen and "|" in seen


def test_an_interruption(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("avsync.cli.commands.retime_many", interrupt)
    before = files()
    assert retime(*pair) == 130
    assert files() == before and "interrupted" in capsys.readouterr().err


def test_an_interruption_while_the_command_line_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("avsync.cli.arguments.retime_parser", interrupt)
    assert retime("a.mkv", "a.srt") == 130
    assert "interrupted" in capsys.readouterr().err


def test_quiet(pair: tuple[Path, Path], capsys: Capture) -> None:
    assert retime(*pair, "-q") == 0
    assert capsys.readouterr() == ("", "")


def test_version(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and avsync.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rate", "exact", "said"),
    [
        (Fraction(1), True, "1"),
        (Fraction(1001, 960), True, "1001/960 (23.976 fps film, 25 fps subtitles)"),
        (Fraction(24, 25), True, "24/25 (25 fps film, 24 fps subtitles)"),
        (Fraction(1001, 1000), True, "1001/1000 (23.976 fps film, 24 fps subtitles)"),
        (Fraction(10023, 10000), False, "1.002300 (a drift of +0.230%)"),
    ],
)
def test_rates_in_words(rate: Fraction, exact: bool, said: str) -> None:
    assert rate_text(rate, exact=exact) == said
