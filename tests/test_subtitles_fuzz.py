"""Whatever the bytes: an answer that keeps its promises, or a SubtitleError."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from subtitle_samples import SAMPLES, later

from avsync.errors import SubtitleError
from avsync.subtitles import parse_subtitles, to_bytes

FORMATS = sorted(SAMPLES)
PIECES = [
    *("\n", "\r\n", "\r", "\n\n", " ", "\t", "\0", "\ufeff", "\u2028", "\x85", "é", "日", "٣"),
    *("-->", "->", ":", ",", ".", "-", "0", "1", "99", "999999999", "t", "f", "|", "/"),
    *("<", ">", "</p>", "<p>", "<i>", "<br/>", "&", "&amp;", "begin=", "end='3s'", "dur='2s'"),
    *("<span begin='1s'>", "</span>", "<00:01.500>", "WEBVTT", "NOTE", "STYLE"),
    *("{", "}", "{\\i1}", "\\N", "{y:i}", "{1}{2}", "{10}{}", "[", "]", "[Events]", "Format:"),
    *("Dialogue:", "Comment: 0,0:00:01.00,0:00:02.00,", "1\n00:00:05,000 --> 00:00:06,000\n"),
    *("00:00:01,000", "00:00:01.000", "-00:00:09,000", "00:00:05,000 --> 00:00:01,000"),
]
LOTS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(["", *PIECES])),
    min_size=1,
    max_size=8,
)
encodings = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "gb18030"])


def check(data: bytes, format: str, *, lenient: bool) -> None:
    """What holds for everything that can be read."""
    try:
        subtitles = parse_subtitles(data, format=format, lenient=lenient, fps=25)
    except SubtitleError as error:
        assert "please report" not in str(error)
        assert error.line is None or error.line >= 1
        return
    if not subtitles.repairs:
        assert to_bytes(subtitles) == data
    assert lenient or not subtitles.repairs
    for cue in subtitles.cues:
        assert cue.start <= cue.end
        assert isinstance(cue.plain, str)
        assert isinstance(cue.is_sound, bool)
    if max(cue.end for cue in subtitles.cues) > 1e7:
        return  # an hour later may be too late to write
    written = to_bytes(later(subtitles, 3600.0))
    options = {"lenient": lenient, "fps": 25, "encoding": subtitles.encoding}
    again = parse_subtitles(written, format=subtitles.format, **options)  # type: ignore[arg-type]
    stamps = re.compile(r"<[0-9:.]+>|begin=.[0-9.:hmsft]+|end=.[0-9.:hmsft]+|dur=.[0-9.:hmsft]+")
    assert [stamps.sub("", cue.text) for cue in again.cues] == [
        stamps.sub("", cue.text) for cue in subtitles.cues
    ]
    for old, new in zip(later(subtitles, 3600.0).cues, again.cues, strict=True):
        assert abs(old.start - new.start) < 0.6  # a frame, at 1 frame per second
        assert abs(old.end - new.end) < 1.1


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("format", FORMATS)
@LOTS
@given(data=st.binary(max_size=300))
def test_any_bytes(format: str, lenient: bool, data: bytes) -> None:
    check(data, format, lenient=lenient)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("format", FORMATS)
@LOTS
@given(text=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_heap_of_pieces(format: str, lenient: bool, text: str) -> None:
    check(text.encode(), format, lenient=lenient)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("format", FORMATS)
@LOTS
@given(edits=edits, encoding=encodings, source=st.sampled_from(FORMATS))
def test_damaged_files(
    format: str, lenient: bool, edits: list[tuple[float, int, str]], encoding: str, source: str
) -> None:
    text = SAMPLES[format if len(edits) < 8 else source]
    for place, length, piece in edits:
        begin = round(place * len(text))
        text = text[:begin] + piece + text[begin + length :]
    check(text.encode(encoding, "ignore"), format, lenient=lenient)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
@settings(LOTS, max_examples=10)
@given(edits=edits)
def test_conversions_of_damaged_files(
    source: str, target: str, edits: list[tuple[float, int, str]]
) -> None:
    text = SAMPLES[source]
    for place, length, piece in edits:
        begin = round(place * len(text))
        text = text[:begin] + piece + text[begin + length :]
    try:
        subtitles = parse_subtitles(text.encode(), format=source, lenient=True, fps=25)
        data = to_bytes(later(subtitles, 100.0), format=target, fps=25)
    except SubtitleError as error:
        assert "please report" not in str(error)
    else:
        parse_subtitles(data, format=target, lenient=source == target, fps=25)
