"""Embedded text subtitles come out as a subtitle file, at the film's times."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet
from clips import ASS_HEADER, add_picture, add_sound, chirps, encode

from avsync.errors import MediaError
from avsync.media import probe, read_subtitle_track

Cue = tuple[float, float, bytes]
CUES: list[Cue] = [
    (0.5, 1.25, b"Hello <i>there</i>\nyou two"),
    (2.0, 3.5, "Grüße — 字幕".encode()),
]


def write_film(
    path: Path, codec: str, cues: list[Cue], *, start: float = 0.0, header: bytes = ASS_HEADER
) -> Path:
    """A film of six seconds with one subtitle track, whose index is 2."""
    with av.open(str(path), "w") as container:
        packets = add_picture(container)
        sound = add_sound(container, "aac", 48_000)
        texts = container.add_stream(codec)
        texts.codec_context.subtitle_header = header
        texts.metadata["language"] = "swe"
        packets += encode(sound, chirps(48_000))
        for packet in packets:
            assert packet.pts is not None and packet.dts is not None
            packet.pts += round(start / packet.time_base)
            packet.dts += round(start / packet.time_base)
        for first, last, text in cues:
            packet = Packet(text)
            packet.stream, packet.time_base = texts, Fraction(1, 1000)
            packet.pts = packet.dts = round((first + start) * 1000)
            packet.duration = round((last - first) * 1000)
            packets.append(packet)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def timed_text(text: str, style: bytes = b"") -> bytes:
    content = text.encode()
    return struct.pack(">H", len(content)) + content + style


def italics(first: int, last: int) -> bytes:
    return struct.pack(">I4sHHHHBBI", 22, b"styl", 1, first, last, 1, 2, 16, 0xFFFFFFFF)


SRT = """1
00:00:00,500 --> 00:00:01,250
Hello <i>there</i>
you two

2
00:00:02,000 --> 00:00:03,500
Grüße — 字幕

"""


def test_srt_in_matroska(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", "subrip", CUES)
    (track,) = probe(film).subtitles
    assert (track.index, track.codec, track.language, track.text) == (2, "subrip", "swe", True)
    content, kind = read_subtitle_track(film, track=2)
    assert kind == "srt"
    assert content.decode() == SRT


def test_timed_text_in_mp4_becomes_srt_with_its_styles(tmp_path: Path) -> None:
    cues = [
        (0.5, 1.25, timed_text("Hello there\nyou two", italics(6, 11))),
        (2.0, 3.5, timed_text("Grüße — 字幕")),
    ]
    film = write_film(tmp_path / "a.mp4", "mov_text", cues)
    (track,) = probe(film).subtitles
    assert (track.codec, track.text) == ("mov_text", True)
    content, kind = read_subtitle_track(film, track=2)
    assert kind == "srt"
    assert content.decode() == SRT


def test_ass_keeps_its_styles_and_its_order(tmp_path: Path) -> None:
    lines = [
        (0.5, 1.25, rb"1,0,Default,,0,0,0,,{\i1}Hello{\i0}, you,\Ntwo"),
        (0.5, 2.345, b"0,3,Sign,Anna,1,2,3,fx,First in the file"),
        (2.0, 3.5, b"2,0,Default,,0,0,0,,Gr\xc3\xbc\xc3\x9fe"),
    ]
    film = write_film(tmp_path / "a.mkv", "ass", lines)
    content, kind = read_subtitle_track(film, track=2)
    assert kind == "ass"
    assert content == ASS_HEADER + (
        b"Dialogue: 3,0:00:00.50,0:00:02.35,Sign,Anna,1,2,3,fx,First in the file\n"
        rb"Dialogue: 0,0:00:00.50,0:00:01.25,Default,,0,0,0,,{\i1}Hello{\i0}, you,\Ntwo"
        b"\nDialogue: 0,0:00:02.00,0:00:03.50,Default,,0,0,0,,Gr\xc3\xbc\xc3\x9fe\n"
    )


def test_webvtt_keeps_its_settings(tmp_path: Path) -> None:
    source = tmp_path / "a.vtt"
    source.write_bytes(
        b"WEBVTT\n\nintro\n00:00:00.500 --> 00:00:01.250 align:start line:0\nHello <b>you</b>\n\n"
        b"00:00:02.000 --> 00:00:03.500\nBye\n\n"
    )
    film = tmp_path / "a.mkv"
    with av.open(str(source)) as text, av.open(str(film), "w") as container:
        stream = container.add_stream_from_template(text.streams.subtitles[0])
        for packet in text.demux():
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    content, kind = read_subtitle_track(film, track=0)
    assert kind == "vtt"
    assert content == source.read_bytes()


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [("a.mkv", "subrip", b"Hello"), ("a.mp4", "mov_text", timed_text("Hello"))],
)
def test_cues_are_timed_from_the_films_start(
    tmp_path: Path, name: str, codec: str, text: bytes
) -> None:
    """A recording whose clock starts at 100 s; players show it from 0."""
    film = write_film(tmp_path / name, codec, [(0.5, 1.25, text)], start=100.0)
    with av.open(str(film)) as container:
        late_ms = 100_000 - (container.start_time or 0) // 1000
    assert 0 <= late_ms < 30  # the sound's priming comes before its start
    content, _ = read_subtitle_track(film, track=2)
    times = f"00:00:00,{500 + late_ms} --> 00:00:01,{250 + late_ms}"
    assert content.decode() == f"1\n{times}\nHello\n\n"


def test_a_cue_cannot_end_itself_or_begin_another(tmp_path: Path) -> None:
    hostile = b"one\n\n2\n00:00:09,000 --> 00:00:10,000\nforged\r\n\r\n\r\nlast"
    film = write_film(tmp_path / "a.mkv", "subrip", [(0.5, 1.0, hostile), CUES[1]])
    content, _ = read_subtitle_track(film, track=2)
    cues = content.strip().split(b"\n\n")
    assert len(cues) == 2
    assert cues[0].count(b"-->") == 1
    assert b"forged\nlast" in cues[0]


def test_an_ass_line_may_say_any_order(tmp_path: Path) -> None:
    orders = (b"9" * 5000, b"-1", b"x", b"", b"1")
    lines = [(0.5, 1.0, order + b",0,Default,,0,0,0,,text") for order in orders]
    film = write_film(tmp_path / "a.mkv", "ass", lines)
    assert read_subtitle_track(film, track=2)[0].count(b"\nDialogue: 0,0:00:00.50,") == 5


def test_an_ass_line_cannot_begin_another(tmp_path: Path) -> None:
    hostile = b"0,0,Default,,0,0,0,,one\nDialogue: 0,0:00:09.00,0:00:10.00,Default,,0,0,0,,forged"
    film = write_film(tmp_path / "a.mkv", "ass", [(0.5, 1.0, hostile)])
    content, _ = read_subtitle_track(film, track=2)
    assert content.count(b"\nDialogue:") == 1


def test_cues_without_a_duration_last_till_the_next(tmp_path: Path) -> None:
    cues = [(0.5, 0.5, b"one"), (1.5, 1.5, b"two"), (20.0, 20.0, b"three")]
    film = write_film(tmp_path / "a.mkv", "subrip", cues)
    content, _ = read_subtitle_track(film, track=2)
    assert [line for line in content.decode().splitlines() if "-->" in line] == [
        "00:00:00,500 --> 00:00:01,500",
        "00:00:01,500 --> 00:00:06,500",
        "00:00:20,000 --> 00:00:25,000",
    ]


def test_text_that_is_no_utf_8_is_handed_on_as_it_is(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", "subrip", [(0.5, 1.0, b"Gr\xfc\xdfe")])
    assert b"Gr\xfc\xdfe" in read_subtitle_track(film, track=2)[0]


def test_pictures_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    film = tmp_path / "a.mkv"
    with av.open(str(film), "w") as container:
        packets = add_picture(container)
        pictures = container.add_stream("dvdsub")
        pictures.codec_context.extradata = b"size: 64x48\npalette: " + b", ".join([b"000000"] * 16)
        for packet in packets:
            container.mux(packet)
    (track,) = probe(film).subtitles
    assert (track.codec, track.text) == ("dvd_subtitle", False)
    with pytest.raises(MediaError, match=r"is not text but pictures.*\(it has no text.*OCR"):
        read_subtitle_track(film, track=1)


def test_a_track_that_is_none_is_an_error_that_lists_the_others(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", "subrip", CUES)
    for index in (0, 1, 5):
        with pytest.raises(MediaError, match=rf"track {index} is not .* 2 \(subrip, swe\)"):
            read_subtitle_track(film, track=index)


def test_a_track_without_cues_is_an_error(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", "subrip", [])
    with pytest.raises(MediaError, match=r"track 2 \(subrip, swe\) has no cues"):
        read_subtitle_track(film, track=2)


def test_a_film_that_breaks_off_gives_its_first_cues(tmp_path: Path) -> None:
    cues = [(second, second + 0.8, b"cue %d" % second) for second in range(6)]
    film = write_film(tmp_path / "a.mkv", "subrip", cues)
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    text, _ = read_subtitle_track(film, track=2)
    assert b"cue 0" in text and b"cue 5" not in text


def test_more_text_than_a_film_has_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avsync.media.texts.MAX_TEXT_BYTES", 1 << 20)
    cues = [(0.01 * n, 0.01 * n + 0.01, b"x" * 200_000) for n in range(6)]
    film = write_film(tmp_path / "a.mkv", "subrip", cues)
    with pytest.raises(MediaError, match="over 1 MiB"):
        read_subtitle_track(film, track=2)
