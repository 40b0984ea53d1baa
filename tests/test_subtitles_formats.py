"""SubStation, WebVTT, MicroDVD and TTML: what is malformed, what is repaired, what moves along."""

from __future__ import annotations

from fractions import Fraction

import pytest
from subtitle_samples import later, times

from avsync.errors import SubtitleError
from avsync.subtitles import parse_subtitles, to_bytes
from avsync.timemap import Span

ASS = "[Script Info]\nScriptType: v4.00+\n[Events]\n{}\n"
DIALOGUE = "Dialogue: 0,0:00:01.00,{},Default,,0,0,0,,Hi, you"
TTML = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"{}>'
    "<body{}>\n<div>{}</div></body></tt>"
)


def error_of(text: str, format: str) -> SubtitleError:
    with pytest.raises(SubtitleError) as caught:
        parse_subtitles(text.encode(), format=format)
    return caught.value


def repaired(text: str, format: str) -> str:
    subtitles = parse_subtitles(text.encode(), format=format, lenient=True)
    assert len(subtitles.repairs) == 1
    return to_bytes(subtitles).decode()


class TestSubStation:
    @pytest.mark.parametrize(
        ("stamp", "right"),
        [
            ("0:00:02", "0:00:02.00"),
            ("0:00:02.5", "0:00:02.50"),
            ("0:00:02.500", "0:00:02.50"),
            ("0:00:02,50", "0:00:02.50"),
            ("0:00:02:50", "0:00:02.50"),
            ("0:00:62.00", "0:01:02.00"),
        ],
    )
    def test_malformed_times(self, stamp: str, right: str) -> None:
        text = ASS.format(DIALOGUE.format(stamp))
        error = error_of(text, "ass")
        assert error.line == 4
        assert "is not a time" in error.reason or "more than 59" in error.reason
        assert repaired(text, "ass") == ASS.format(DIALOGUE.format(right))

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("Dialogue: 0,0:00:01.00,x,Default,,0,0,0,,Hi", "'x' is not a time"),
            ("Dialogue: 0,0:00:01.00,0:00:02.00,Hi", "has 4 fields where there should be 10"),
            ("a wrapped line", "'a wrapped line' is neither a dialogue nor a comment"),
            ("[Other]\nDialogue: 0,0:00:01.00,0:00:02.00,,,0,0,0,,x", "outside of [Events]"),
            ("Format: Start, Text", "does not name Start, End and, at last, Text"),
        ],
    )
    def test_what_cannot_be_repaired_is_left(self, line: str, message: str) -> None:
        text = ASS.format(DIALOGUE.format("0:00:02.00") + "\n" + line)
        assert message in error_of(text, "ass").reason
        assert error_of(text, "ass").line == 5 + line.count("\n")
        assert repaired(text, "ass") == text

    def test_the_format_line_orders_the_fields(self) -> None:
        text = ASS.format("Format: End, Style, Start, Text\nDialogue: 0:00:09.00,x,0:00:07.00,a,b")
        subtitles = parse_subtitles(text.encode(), format="ass")
        assert times(subtitles) == [(7, 9)]
        assert subtitles.cues[0].text == "a,b"
        assert b"Dialogue: 0:00:10.00,x,0:00:08.00,a,b" in to_bytes(later(subtitles, 1))
        srt = b"1\n00:00:07,000 --> 00:00:09,000\na,b\n\n"
        assert to_bytes(subtitles, format="srt") == srt

    def test_which_of_the_two_it_is_shows_in_the_file(self) -> None:
        text = ASS.format(DIALOGUE.format("0:00:02.00"))
        assert parse_subtitles(text.encode(), format="ssa").format == "ass"

    def test_comments_move_along(self) -> None:
        text = ASS.format("Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,note")
        subtitles = parse_subtitles(text.encode(), format="ass")
        assert [cue.kind for cue in subtitles.cues] == ["comment"]
        assert b"Comment: 0,0:00:03.00,0:00:04.00" in to_bytes(later(subtitles, 2))


class TestWebVtt:
    def test_karaoke_moves_with_its_cue(self) -> None:
        text = "WEBVTT\n\n00:10.000 --> 00:14.000\n<00:10.000>a<00:12.000>b<00:59.999>\n"
        subtitles = parse_subtitles(text.encode(), format="vtt")
        moved = to_bytes(subtitles.retimed([Span(20.0, 28.0)])).decode()
        assert "00:20.000 --> 00:28.000\n<00:20.000>a<00:24.000>b<" in moved
        point = "WEBVTT\n\n00:10.000 --> 00:10.000\n<00:10.500>a\n"
        subtitles = parse_subtitles(point.encode(), format="vtt")
        assert b"<00:20.500>a" in to_bytes(subtitles.retimed([Span(20.0, 28.0)]))

    @pytest.mark.parametrize(
        ("block", "message", "right"),
        [
            ("00:03,000 --> 00:04.000", "is not a time line", "00:00:03.000 --> 00:00:04.000"),
            ("0:4.5 -> 00:00:65.000 a:b", "is not", "00:00:04.500 --> 00:01:05.000 a:b"),
            ("a block\nwithout times", "'a block' begins a block that has no times", None),
            ("x --> y\ntext", "'x --> y' is not a time line", None),
            (
                "00:03.000 --> 00:04.000\nx\n2\n00:05.000 --> 00:06.000\ny",
                "no blank line parts this cue",
                "00:03.000 --> 00:04.000\nx\n\n2\n00:05.000 --> 00:06.000\ny",
            ),
        ],
    )
    def test_malformed(self, block: str, message: str, right: str | None) -> None:
        text = "WEBVTT\n\n00:00.000 --> 00:01.000\nfirst\n\n{}\n\n09:00.000 --> 09:01.000\nlast\n"
        error = error_of(text.format(block), "vtt")
        assert message in error.reason
        assert error.line == (8 if "no blank" in message else 6)
        subtitles = parse_subtitles(text.format(block).encode(), format="vtt", lenient=True)
        assert to_bytes(subtitles).decode().count(right or block) == 1
        assert subtitles.cues[-1].text == "last"

    def test_header(self) -> None:
        body = "00:00.000 --> 00:01.000\nx\n"
        assert "not with 'WEBVTT'" in error_of(body, "vtt").reason
        assert repaired(body, "vtt") == f"WEBVTT\n\n{body}"
        assert repaired(f"\n \nWEBVTT\n\n{body}", "vtt") == f"WEBVTT\n\n{body}"
        assert error_of(f"WEBVTTX\n\n{body}", "vtt").line == 1
        at_once = parse_subtitles(f"WEBVTT x\nname\n{body}".encode(), format="vtt")
        assert at_once.cues[0].text == "x"

    def test_times_before_zero_are_read_and_never_written(self) -> None:
        text = "WEBVTT\n\n-00:01.000 --> 00:01.000\nx\n"
        subtitles = parse_subtitles(text.encode(), format="vtt")
        assert times(subtitles) == [(-1, 1)]
        assert b"00:04.000 --> 00:06.000" in to_bytes(later(subtitles, 5))

    def test_hours_appear_when_needed(self) -> None:
        text = "WEBVTT\n\n59:59.000 --> 59:59.500\nx\n"
        subtitles = parse_subtitles(text.encode(), format="vtt")
        assert b"\n01:00:00.000 --> 01:00:00.500\n" in to_bytes(later(subtitles, 1))


class TestMicroDvd:
    def test_needs_a_frame_rate(self) -> None:
        text = b"{25}{50}x\n"
        with pytest.raises(SubtitleError, match=r"frame rate; give fps= \(--fps\)"):
            parse_subtitles(text, format="microdvd")
        assert times(parse_subtitles(text, format="microdvd", fps=25)) == [(1, 2)]
        assert times(parse_subtitles(text, format="microdvd", fps=Fraction(50))) == [(0.5, 1)]

    @pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf"), "x"])
    def test_refuses_nonsense_for_a_frame_rate(self, fps: float) -> None:
        with pytest.raises(ValueError, match="frame rate"):
            parse_subtitles(b"{25}{50}x\n", format="microdvd", fps=fps)

    @pytest.mark.parametrize("header", ["{1}{1}23.976", "{0}{0}23,976", "{1}{1}23.98 "])
    def test_the_file_states_its_rate(self, header: str) -> None:
        text = f"{header}\n{{24}}{{48}}x\n".encode()
        subtitles = parse_subtitles(text, format="microdvd", fps=25)
        assert subtitles.fps == Fraction(24000, 1001)
        assert times(subtitles) == [(1.001, 2.002)]

    def test_a_first_cue_that_states_none_is_a_cue(self) -> None:
        text = b"{1}{1}Hello\n{25}{50}x\n"
        assert len(parse_subtitles(text, format="microdvd", fps=25).cues) == 2

    def test_malformed(self) -> None:
        text = "{1}{1}25\n{25}{}x\n[50][75]y\n{50}{75}z\n"
        assert error_of(text, "microdvd").line == 3
        subtitles = parse_subtitles(text.encode(), format="microdvd", lenient=True)
        assert [repair.line for repair in subtitles.repairs] == [2, 3]
        assert to_bytes(subtitles).decode() == text.replace("{25}{}", "{25}{50}")


class TestTtml:
    def paragraphs(self, text: str, *, root: str = "", body: str = "") -> bytes:
        return TTML.format(root, body, text).encode()

    @pytest.mark.parametrize(
        ("root", "stamp", "seconds", "moved"),
        [
            ("", "00:00:01", 1.0, "00:00:02.000"),
            ("", "00:00:01.5", 1.5, "00:00:02.500"),
            ("", "100:00:00.1234", 360000.1234, "100:00:01.1234"),
            ("", "1.5s", 1.5, "2.500s"),
            ("", "1500ms", 1.5, "2500ms"),
            ("", "0.5m", 30.0, "0.51667m"),
            (' ttp:frameRate="25"', "00:00:01:20", 1.8, "00:00:02:20"),
            (' ttp:frameRate="25"', "30f", 1.2, "55f"),
            (
                ' ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"',
                "00:00:01:12",
                1.5005,
                "00:00:02:12",
            ),
            (' ttp:tickRate="10000000"', "15000000t", 1.5, "25000000t"),
            (
                ' ttp:timeBase="smpte" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"',
                "01:00:00:00",
                3603.6,
                "01:00:01:00",
            ),
        ],
    )
    def test_time_expressions(self, root: str, stamp: str, seconds: float, moved: str) -> None:
        data = self.paragraphs(f'<p begin="{stamp}" end="200h">x</p>', root=root)
        subtitles = parse_subtitles(data, format="ttml")
        assert subtitles.cues[0].start == pytest.approx(seconds, abs=1e-9)
        assert f'begin="{moved}"'.encode() in to_bytes(later(subtitles, 1))

    def test_containers_count(self) -> None:
        data = self.paragraphs('<p begin="1s" end="2s">x</p>', body=' begin="10s" end="13s"')
        subtitles = parse_subtitles(data, format="ttml")
        assert times(subtitles) == [(11, 12)]
        assert to_bytes(subtitles) == data
        moved = to_bytes(later(subtitles, 5))
        # Nothing is cut off by the container, or pushed by it.
        assert b'<body begin="0.000s" end="17.000s">' in moved
        assert b'<p begin="16.000s" end="17.000s">' in moved
        assert times(parse_subtitles(moved, format="ttml")) == [(16, 17)]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("<p>x</p>", "a text has no times of its own"),
            ('<p begin="x" end="2s">x</p>', "'x' is not a time"),
            ('<p begin="1s" end="1&#x73;">x</p>', "written by entities"),
            ('<p>y<span begin="1s" end="2s">x</span></p>', "a text has no times of its own"),
        ],
    )
    def test_what_cannot_be_repaired_is_left(self, text: str, message: str) -> None:
        data = self.paragraphs(f'{text}\n<p begin="8s" end="9s">last</p>')
        with pytest.raises(SubtitleError, match=message) as caught:
            parse_subtitles(data, format="ttml")
        assert caught.value.line == 2
        subtitles = parse_subtitles(data, format="ttml", lenient=True)
        assert subtitles.cues[-1].text == "last"
        assert to_bytes(subtitles) == data

    @pytest.mark.parametrize(
        ("text", "message", "right"),
        [
            ('<p begin="1s">x</p>', "no 'end'", '<p end="00:00:03.000" begin="1s">x</p>'),
            ('<p end="3s">x</p>', "no 'begin'", '<p begin="00:00:00.000" end="3s">x</p>'),
            ('<p begin="9s" end="3s">x</p>', "before it starts", '<p begin="9s" end="11.000s">'),
            (
                '<p begin="1s" end="2s">a & b &nbsp;&c; &amp;</p>',
                "not well-formed",
                "a &amp; b &#160;&amp;c; &amp;</p>",
            ),
        ],
    )
    def test_malformed(self, text: str, message: str, right: str) -> None:
        data = self.paragraphs(text).decode()
        assert message in error_of(data, "ttml").reason
        assert error_of(data, "ttml").line == 2
        assert right in repaired(data, "ttml")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"<html><p>x</p></html>", "is no TTML: it begins with <html>"),
            (b"<tt><body><p begin='1s'></tt>", "not well-formed XML: mismatched tag"),
            (b"<tt><body timeContainer='seq'/></tt>", "timeContainer='seq'"),
            (b'<!DOCTYPE tt SYSTEM "file:///etc/passwd"><tt/>', "document type"),
            (b"<?xml version='1.0'?><!DOCTYPE t [<!ENTITY a 'b'>]><tt>&a;</tt>", "document type"),
        ],
    )
    def test_refused(self, data: bytes, message: str) -> None:
        for lenient in (False, True):
            with pytest.raises(SubtitleError, match=message):
                parse_subtitles(data, format="ttml", lenient=lenient)

    @pytest.mark.parametrize(
        "root",
        [
            ' ttp:timeBase="clock"',
            ' ttp:timeBase="smpte" ttp:dropMode="dropNTSC"',
            ' ttp:frameRate="0"',
            ' ttp:frameRate="x"',
            ' ttp:frameRateMultiplier="1 0"',
            ' ttp:tickRate="0"',
        ],
    )
    def test_refuses_clocks_that_it_cannot_read(self, root: str) -> None:
        with pytest.raises(SubtitleError, match=":1: "):
            parse_subtitles(self.paragraphs("", root=root), format="ttml")
