"""Files: which format it is, conversion, limits, and writing whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from itertools import permutations
from pathlib import Path

import pytest
from subtitle_samples import PLAIN, SAMPLES, later, times
from test_atomic import file_size_limit

from avsync.errors import SubtitleError
from avsync.subtitles import (
    SUBTITLE_EXTENSIONS,
    Subtitles,
    parse_subtitles,
    read_subtitles,
    reading,
    to_bytes,
    write_subtitles,
)
from avsync.timemap import Span

EXTENSIONS = {"srt": "srt", "ass": "ass", "ssa": "ssa", "vtt": "vtt", "ttml": "ttml"} | {
    "microdvd": "sub"
}
SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


def sample(format: str) -> Subtitles:
    return parse_subtitles(SAMPLES[format].encode(), format=format, path=f"film.{format}")


class TestReading:
    @pytest.mark.parametrize("format", SAMPLES)
    @pytest.mark.parametrize("extension", ["right", ".txt", ".SRT"])
    def test_the_content_shows_the_format(
        self, tmp_path: Path, format: str, extension: str
    ) -> None:
        if format == "srt" and extension == ".txt":
            pytest.skip("SubRip has no signature")
        suffix = f".{EXTENSIONS[format]}" if extension == "right" else extension
        path = tmp_path / f"film{suffix}"
        path.write_bytes(SAMPLES[format].encode())
        subtitles = read_subtitles(path)
        assert subtitles.format == format
        assert subtitles.path == str(path)
        assert [cue.plain for cue in subtitles.cues] == PLAIN[format]

    def test_unknown_format(self, tmp_path: Path) -> None:
        path = tmp_path / "film.txt"
        path.write_text(SRT.format("x"))
        with pytest.raises(SubtitleError, match=r"film\.txt: has the extension '\.txt' and no"):
            read_subtitles(path)
        with pytest.raises(ValueError, match="unknown subtitle format 'txt'; use one of ass, "):
            parse_subtitles(b"x", format="txt")

    @pytest.mark.parametrize("content", [b"\0\0\x01\xba" + bytes(4000), b"[SUBTITLE]\nx\n"])
    def test_other_kinds_of_sub(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "film.sub"
        path.write_bytes(content)
        with pytest.raises(SubtitleError, match=r"not a text file|not supported"):
            read_subtitles(path)

    def test_missing_file_and_directory(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_subtitles(tmp_path / "film.srt")
        with pytest.raises(IsADirectoryError):
            read_subtitles(tmp_path)

    def test_extensions(self) -> None:
        assert {".srt", ".ass", ".ssa", ".vtt", ".sub", ".ttml"} <= SUBTITLE_EXTENSIONS


class TestConversion:
    @pytest.mark.parametrize(("source", "target"), list(permutations(SAMPLES, 2)))
    def test_texts_and_times_survive(self, source: str, target: str) -> None:
        subtitles = later(sample(source), 10.0)
        data = to_bytes(subtitles, format=target, fps=25)
        converted = parse_subtitles(data, format=target)
        if target not in ("ass", "ssa"):
            # Comments and drawings cannot be shown there.
            texts = [c for c in subtitles.cues if c.kind == "dialogue" and "\\p1" not in c.text]
        else:
            texts = list(subtitles.cues)
        if target == "vtt":
            texts.sort(key=lambda cue: cue.start)
        assert len(converted.cues) == len(texts)
        unit = {"ass": 0.005, "ssa": 0.005, "microdvd": 0.021}.get(target, 0.0005)
        for old, new in zip(texts, converted.cues, strict=True):
            assert "".join(new.plain.split()) == "".join(old.plain.split())
            assert abs(new.start - old.start) <= unit + 1e-9
            assert abs(new.end - old.end) <= unit + 1e-9

    @pytest.mark.parametrize(
        ("text", "format", "written"),
        [
            ("<i>x</i> {\\an8}y", "ass", ",,{\\i1}x{\\i0} {\\an8}y\n"),
            ("<i>x</i> <font color=red>y</font>", "vtt", "\n<i>x</i> y\n"),
            ("a < b & c", "vtt", "\na &lt; b &amp; c\n"),
            ("a < b & c", "ttml", ">a &lt; b &amp; c<"),
            ("{kept} C:\\New", "vtt", "\n{kept} C:\\New\n"),
            ("{kept} C:\\New", "ass", ",,\\{kept\\} C:\\\u2060New\n"),
            ("one\n\ntwo\n1984", "vtt", "\none\ntwo\n1984\n"),
            ("from 00:00:01.000 to 00:00:02.000", "vtt", "\nfrom 00:00:01.000 to 00:00:02.000\n"),
            ("<i>x</i>\ny", "microdvd", "{25}{50}x|y\n"),
            ("<i>x\ny</i>", "microdvd", "{25}{50}{Y:i}x|y\n"),
        ],
    )
    def test_tags(self, text: str, format: str, written: str) -> None:
        subtitles = parse_subtitles(SRT.format(text).encode(), format="srt")
        assert written in to_bytes(subtitles, format=format, fps=25).decode()

    def test_styles_of_ass_become_tags(self) -> None:
        script = (
            "[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\n"
            "Style: Slanted,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,"
            "0,-1,0,0,100,100,0,0,1,2,2,2,10,10,10,1\n"
            "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Slanted,,0,0,0,,a\\Nb {x}\n"
        )
        subtitles = parse_subtitles(script.encode(), format="ass")
        assert b"\n<i>a\nb </i>" in to_bytes(subtitles, format="srt")

    def test_what_would_say_something_else_is_refused(self) -> None:
        subtitles = parse_subtitles(SRT.format("either|or").encode(), format="srt", path="a.srt")
        with pytest.raises(SubtitleError, match=r"a\.srt:1: 'either\|or' would become"):
            to_bytes(subtitles, format="microdvd", fps=25)
        text = "WEBVTT\n\n00:01.000 --> 00:02.000\na\n2\n00:00:01,000 --> 00:00:02,000\n"
        subtitles = parse_subtitles(text.encode(), format="vtt")
        with pytest.raises(SubtitleError, match="cannot become srt: no blank line"):
            to_bytes(subtitles, format="srt")

    def test_microdvd_needs_a_frame_rate(self) -> None:
        with pytest.raises(SubtitleError, match=r"give fps= \(--fps\)"):
            to_bytes(sample("ssa"), format="microdvd")
        data = to_bytes(sample("ssa"), format="microdvd", fps=23.976)
        assert data == b"{1}{1}23.976\r\n{24}{48}Hi\r\n"
        assert to_bytes(sample("microdvd"), format="microdvd") == SAMPLES["microdvd"].encode()

    def test_times_too_late_for_pysubs2(self) -> None:
        text = "1\n123:00:00,000 --> 123:00:01,000\nx\n"
        subtitles = parse_subtitles(text.encode(), format="srt")
        assert b"0,123:00:00.00,123:00:01.00," in to_bytes(subtitles, format="ass")

    def test_a_time_before_zero(self) -> None:
        text = "1\n-00:00:01,000 --> 00:00:01,000\nx\n"
        subtitles = parse_subtitles(text.encode(), format="srt")
        with pytest.raises(SubtitleError, match=":1: cue 1 has a time before 0"):
            to_bytes(subtitles, format="vtt")

    def test_nothing_to_show(self) -> None:
        script = "[Script Info]\n[Events]\nComment: 0,0:00:01.00,0:00:02.00,x,,0,0,0,,x\n"
        subtitles = parse_subtitles(script.encode(), format="ass")
        with pytest.raises(SubtitleError, match="no cue that can be shown in srt"):
            to_bytes(subtitles, format="srt")

    def test_encoding_line_ends_and_mark(self) -> None:
        data = b"\xef\xbb\xbf" + SRT.format("é").replace("\n", "\r\n").encode()
        out = to_bytes(parse_subtitles(data, format="srt"), format="ass")
        assert out.startswith(b"\xef\xbb\xbf[Script Info]\r\n")
        assert out.count(b"\n") == out.count(b"\r\n")
        data = SRT.format("Où êtes-vous ? À bientôt, mon cher ami.").encode("cp1252")
        subtitles = parse_subtitles(data, format="srt")
        assert "Où".encode("cp1252") in to_bytes(subtitles, format="ass")
        assert "Où".encode() in to_bytes(subtitles, format="vtt")  # has to be UTF-8
        assert "Où".encode("cp1252") in to_bytes(subtitles, format="vtt", encoding="cp1252")

    def test_an_entity_that_the_encoding_lacks(self) -> None:
        data = "WEBVTT\n\n00:01.000 --> 00:02.000\n&#x416; é\n".encode("cp1252")
        subtitles = parse_subtitles(data, format="vtt", encoding="cp1252")
        with pytest.raises(SubtitleError, match="'Ж' of cue 1 cannot be written in cp1252"):
            to_bytes(subtitles, format="srt")


class TestWriting:
    @pytest.mark.parametrize("format", SAMPLES)
    def test_same_extension_same_format(self, tmp_path: Path, format: str) -> None:
        # Whatever is in it: a WebVTT file named .srt stays one.
        path, out = tmp_path / "in.srt", tmp_path / "out.SRT"
        path.write_bytes(SAMPLES[format].encode())
        write_subtitles(read_subtitles(path), out)
        assert out.read_bytes() == SAMPLES[format].encode()

    def test_the_extension_converts(self, tmp_path: Path) -> None:
        out = tmp_path / "out.vtt"
        write_subtitles(sample("ssa"), out, encoding="utf-16")
        assert out.read_bytes().decode("utf-16").startswith("WEBVTT\r\n")
        assert times(read_subtitles(out)) == [(1, 2)]

    def test_unknown_extension(self, tmp_path: Path) -> None:
        with pytest.raises(SubtitleError, match=r"out\.xyz: has an unknown extension"):
            write_subtitles(sample("ssa"), tmp_path / "out.xyz")
        assert os.listdir(tmp_path) == []

    def test_a_failure_leaves_the_target(self, tmp_path: Path) -> None:
        out = tmp_path / "out.srt"
        out.write_text("old")
        subtitles = parse_subtitles(SRT.format("x" * 5000).encode(), format="srt")
        with file_size_limit(1000), pytest.raises(OSError, match=r"out\.srt"):
            write_subtitles(subtitles, out)
        with pytest.raises(SubtitleError):
            write_subtitles(sample("ttml"), out, encoding="cp1251")
        with pytest.raises(SubtitleError):
            write_subtitles(sample("vtt").retimed([Span(-5, 0)] * 3), out)
        assert out.read_text() == "old"
        assert os.listdir(tmp_path) == ["out.srt"]

    def test_permissions_and_links_stay(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real.srt", tmp_path / "link.srt"
        real.write_text("old")
        real.chmod(0o604)
        link.symlink_to(real)
        write_subtitles(parse_subtitles(SRT.format("x").encode(), format="srt"), link)
        assert link.is_symlink()
        assert real.read_text() == SRT.format("x")
        assert stat.S_IMODE(real.stat().st_mode) == 0o604


class TestLimits:
    def test_a_huge_file_is_not_even_read(self, tmp_path: Path) -> None:
        path = tmp_path / "film.srt"
        with path.open("wb") as file:
            file.truncate(1 << 30)
        begin = time.process_time()
        with pytest.raises(SubtitleError, match="larger than 64 MiB"):
            read_subtitles(path)
        assert time.process_time() - begin < 2

    @pytest.mark.parametrize("format", SAMPLES)
    @pytest.mark.parametrize("filler", ["x", "<{[&\\"])
    def test_a_huge_cue(self, format: str, filler: str) -> None:
        text = filler * 10_000_000 if filler == "x" else filler * 100_000
        if format == "ttml":
            text = text.replace("<", "").replace("&", "")
        old = {"srt": "two  ", "ass": "there", "ssa": "Hi", "vtt": "1984", "microdvd": "italic"}
        data = SAMPLES[format].replace(old.get(format, "Welt"), text, 1).encode()
        begin = time.process_time()
        with pytest.raises(
            SubtitleError, match=r":[0-9]+: a cue of [0-9]{6,8} characters is longer"
        ):
            parse_subtitles(data, format=format)
        assert time.process_time() - begin < 5

    @pytest.mark.parametrize(
        ("format", "text"),
        [
            ("srt", "\n" * 3_000_000),
            ("srt", "1" * 3_000_000),
            ("srt", "1:" * 1_500_000),
            ("srt", "1\n-->\n" * 40_000),
            ("srt", " " * 2_000_000 + "-->" + " " * 2_000_000),
            ("srt", "1\n00:00:01,0 -> 00:00:02,0\nx\n\n" * 20_000),
            ("srt", "\r" * 1_900_000),
            ("vtt", "WEBVTT\n\n" + "-->\n\n" * 30_000),
            ("ass", "[Events]\n" + "[a" * 1_000_000),
            (
                "ass",
                "[Events]\nFormat: "
                + "a," * 500_000
                + "Start, End, Text\nDialogue: "
                + "," * 900_000,
            ),
            ("microdvd", "{1}{1}25\n" + "{" * 3_000_000),
            ("microdvd", "{1}{1}25\n" + "{1}{}\n" * 20_000),
            ("ttml", "<tt>" + "<body>" * 100_000),
            ("ttml", "<tt><body><p begin='" + "1" * 3_000_000 + "' end='2s'/></body></tt>"),
            ("ttml", "<tt>" + "&" * 1_000_000),
        ],
    )
    def test_hostile_texts_take_linear_time(self, format: str, text: str) -> None:
        begin = time.process_time()
        for lenient in (False, True):
            with suppress(SubtitleError):
                parse_subtitles(text.encode(), format=format, lenient=lenient)
        assert time.process_time() - begin < 12

    def test_hostile_tags_do_not_hang_a_conversion(self) -> None:
        for tags in ("{}" * 30_000, "<a" * 30_000, "{\\" * 30_000, "\n \n" * 20_000 + "x"):
            text = SRT.format(tags)
            begin = time.process_time()
            for format in ("vtt", "ass", "ttml"):
                with suppress(SubtitleError):
                    to_bytes(parse_subtitles(text.encode(), format="srt"), format=format)
            assert time.process_time() - begin < 10

    def test_limits_can_be_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_CUE_CHARS", 3)
        with pytest.raises(SubtitleError, match="a cue of 4 characters is longer than 3"):
            parse_subtitles(SRT.format("four").encode(), format="srt")

    def test_a_hundred_thousand_cues(self) -> None:
        stamps = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(100_001)]
        data = "".join(
            f"{i + 1}\n{stamps[i]},000 --> {stamps[i]},900\nThis is líne {i}\nand this too\n\n"
            for i in range(100_000)
        ).encode()
        begin = time.process_time()
        subtitles = parse_subtitles(data, format="srt")
        taken = time.process_time() - begin
        assert len(subtitles.cues) == 100_000
        assert to_bytes(subtitles) == data
        assert subtitles.cues[-1].end == 99_999.9
        # Two seconds on a machine that does nothing else.
        assert taken < 6

    def test_a_bomb_of_entities(self) -> None:
        levels = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
        text = f'<?xml version="1.0"?><!DOCTYPE t [<!ENTITY e0 "x">{levels}]><tt>&e12;</tt>'
        with pytest.raises(SubtitleError, match="document type"):
            parse_subtitles(text.encode(), format="ttml")


def test_importing_the_package_loads_no_library() -> None:
    code = (
        "import sys, avsync.subtitles\n"
        "heavy = {'pysrt', 'pysubs2', 'charset_normalizer', 'torch', 'av'}\n"
        "names = heavy & set(sys.modules)\n"
        "sys.exit(str(names) if names else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
