"""What holds for every format: bytes survive, only stamps change, texts and times are right."""

from __future__ import annotations

import math
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subtitle_samples import PLAIN, SAMPLES, later, times

from avsync.errors import SubtitleError
from avsync.subtitles import Cue, parse_subtitles, to_bytes
from avsync.timemap import Span

steady = settings(deadline=None, derandomize=True)

FORMATS = sorted(SAMPLES)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"]

TIMES = {
    "srt": [(1, 2.5), (3, 4), (2, 2), (-1.5, 442800), (600, 601)],
    "ass": [(0, 5), (1, 2.5), (-1, 43200)],
    "ssa": [(1, 2)],
    "vtt": [(1, 2), (3, 360004), (8, 9)],
    "microdvd": [(1.001, 2.002), (2.502, 3.003), (3.003, 4.004)],
    "ttml": [(1, 2), (3, 4.48), (5, 6.5), (6, 7), (7, 7.2)],
}

# What may change, and nothing else.
STAMPS = {
    "srt": r"-?[0-9]+:[0-9]{2}:[0-9]{2}[.,][0-9]{3}",
    "ass": r"-?[0-9]+:[0-9]{2}:[0-9]{2}\.[0-9]{2}",
    "ssa": r"-?[0-9]+:[0-9]{2}:[0-9]{2}\.[0-9]{2}",
    "vtt": r"(?:[0-9]+:)?[0-9]{2}:[0-9]{2}\.[0-9]{3}(?= *-->|\s+align|\r?\n|>)",
    "microdvd": r"(?m)(?<=\{)[0-9]+(?=\}\{[0-9])|(?<=[0-9]\}\{)[0-9]+(?=\})|(?<= )[0-9]+(?= \})",
    "ttml": r"(?<=[np] = ')[^']+|(?<=(?:gin|end|dur)=.)[^'\"]+|(?<=begin = .)[^'\"]+",
}


@pytest.mark.parametrize("format", FORMATS)
class TestEveryFormat:
    def test_reads_times_and_texts(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        assert times(subtitles) == TIMES[format]
        assert [cue.plain for cue in subtitles.cues] == PLAIN[format]
        assert subtitles.format == format
        assert subtitles.repairs == ()

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_comes_out_as_it_went_in(self, format: str, encoding: str) -> None:
        text = SAMPLES[format]
        if format == "ttml":
            text = text.replace("UTF-8", encoding.removesuffix("-sig"))
        data = text.encode(encoding)
        subtitles = parse_subtitles(data, format=format)
        assert to_bytes(subtitles) == data
        assert subtitles.bom == (encoding in ("utf-8-sig", "utf-16", "utf-32"))
        assert [cue.plain for cue in subtitles.cues] == PLAIN[format]

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_moving_changes_stamps_only(self, format: str, encoding: str) -> None:
        text = SAMPLES[format].replace("UTF-8", encoding)
        subtitles = parse_subtitles(text.encode(encoding), format=format)
        moved = to_bytes(later(subtitles, 100.0))
        stamp = re.compile(STAMPS[format])
        assert stamp.sub("#", moved.decode(encoding)) == stamp.sub("#", text)
        again = parse_subtitles(moved, format=format, encoding=subtitles.encoding)
        assert [cue.plain for cue in again.cues] == PLAIN[format]
        for seen, wanted in zip(times(again), times(later(subtitles, 100.0)), strict=True):
            assert seen == pytest.approx(wanted, abs=0.03)

    def test_moving_there_and_back(self, format: str) -> None:
        data = SAMPLES[format].encode()
        subtitles = parse_subtitles(data, format=format)
        back = later(subtitles, 100.0).retimed([cue.span for cue in subtitles.cues])
        assert to_bytes(back) == data

    def test_one_cue_moved_leaves_the_others(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        spans = [cue.span for cue in subtitles.cues]
        spans[-1] = Span(1000.0, 1001.0)
        again = parse_subtitles(to_bytes(subtitles.retimed(spans)), format=format)
        assert times(again)[:-1] == times(subtitles)[:-1]
        assert times(again)[-1] == pytest.approx((1000.0, 1001.0), abs=0.03)

    def test_never_writes_a_time_before_zero(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        spans = [Span(-1.0, 5.0), *(Span(6.0, 7.0) for _ in subtitles.cues[1:])]
        with pytest.raises(SubtitleError, match="cue 1 has a time before 0") as caught:
            to_bytes(subtitles.retimed(spans))
        assert caught.value.line == subtitles.cues[0].line

    def test_refuses_a_time_too_far_off(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        spans = [Span(1e15, 1e15 + 1) for _ in subtitles.cues]
        with pytest.raises(SubtitleError, match=r"cue 1 lies .* hours in"):
            to_bytes(subtitles.retimed(spans))

    def test_lines_are_those_of_the_file(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        lines = re.split(r"\r?\n", SAMPLES[format])
        for cue in subtitles.cues:
            below = "\n".join(lines[cue.line - 1 : cue.line + 2])
            assert re.search(r"begin|-->|[0-9]:|\{ ?[0-9]", below), (cue, below)

    def test_can_be_sent_to_a_worker(self, format: str) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        assert pickle.loads(pickle.dumps(subtitles)) == subtitles

    @settings(steady, max_examples=30)
    @given(st.data())
    def test_written_times_are_the_nearest(self, format: str, data: st.DataObject) -> None:
        subtitles = parse_subtitles(SAMPLES[format].encode(), format=format)
        seconds = st.floats(0, 300_000)
        starts = [data.draw(seconds) for _ in subtitles.cues]
        spans = [Span(start, start + data.draw(st.floats(0, 1000))) for start in starts]
        again = parse_subtitles(to_bytes(subtitles.retimed(spans)), format=format)
        # Half a unit: of a frame at 23.976 and 25 fps, a centisecond, a millisecond.
        half = {"microdvd": 0.0209, "ttml": 0.0201, "ass": 0.005, "ssa": 0.005}.get(format, 0.0005)
        for cue, span in zip(again.cues, spans, strict=True):
            assert abs(cue.start - span.start) <= half + 1e-9
            # A duration in TTML is rounded by itself.
            assert abs(cue.end - span.end) <= half + (format == "ttml") * half + 1e-9


class TestRetimed:
    subtitles = parse_subtitles(b"1\n00:00:01,000 --> 00:00:02,000\nx\n", format="srt")

    def test_needs_a_span_for_each_cue(self) -> None:
        with pytest.raises(ValueError, match="1 cues need as many spans, got 2"):
            self.subtitles.retimed([Span(0, 1), Span(1, 2)])

    @pytest.mark.parametrize("span", [Span(-math.inf, 0), Span(0, math.inf)])
    def test_needs_finite_spans(self, span: Span) -> None:
        with pytest.raises(ValueError, match="cue 1 cannot be shown over"):
            self.subtitles.retimed([span])

    def test_leaves_the_text(self) -> None:
        moved = self.subtitles.retimed([Span(5, 6)])
        assert [(c.start, c.end, c.text) for c in moved.cues] == [(5, 6, "x")]
        assert self.subtitles.cues[0].start == 1

    def test_rounds_once(self) -> None:
        # 0.0005 less than half a millisecond and more than it.
        for seconds, stamp in ((5.0004, b"05,000"), (5.0006, b"05,001"), (0.9999999, b"01,000")):
            assert b"00:00:" + stamp in to_bytes(self.subtitles.retimed([Span(seconds, 9)]))
        assert b"00:00:00,000" in to_bytes(self.subtitles.retimed([Span(-0.0004, 9)]))


SOUNDS = [
    ("[door slams]", "srt"),
    ("(SIGHS)", "srt"),
    ("♪ la la ♪", "srt"),
    ("♪ la la la\nla la\nla ♪", "srt"),
    ("♪♪", "srt"),
    ("# song #", "srt"),
    ("{\\an8}[noise]", "ass"),
    ("{\\an8}[noise]", "srt"),
    ("- [coughs]", "srt"),
    ("- [coughs]\n- (sneezes)", "srt"),
    ("[door\nslams]", "srt"),
    ("JOHN: [sighs]", "srt"),
    ("[rain (heavy)]", "srt"),
    ("<i>[music]</i>", "vtt"),
    ("（笑）", "srt"),  # noqa: RUF001
    ("【音楽】", "srt"),
    ("［ノック］", "srt"),  # noqa: RUF001
    ("", "srt"),
    ("...", "srt"),
    ("<i></i>", "srt"),
    ("{\\p1}m 0 0 l 1 1{\\p0}", "ass"),
    ("<span>[music]</span><br/>(rain)", "ttml"),
    ("{y:i}[music]|(rain)", "microdvd"),
]
SPEECH = [
    ("Hello.", "srt"),
    ("[JOHN] Hello", "srt"),
    ("JOHN: Hello", "srt"),
    ("Listen:", "srt"),
    ("#1 fan", "srt"),
    ("We are #1", "srt"),
    ("(I) am", "srt"),
    ("- [coughs]\n- Bless you", "srt"),
    ("♪ la la ♪\nTurn that off!", "srt"),
    ("Где ты?", "srt"),
    ("你好", "srt"),
    ("[unclosed", "srt"),
    ("{\\p1}m 0 0{\\p0}Hi", "ass"),
]


class TestCue:
    @pytest.mark.parametrize(("text", "format"), SOUNDS)
    def test_sounds(self, text: str, format: str) -> None:
        assert Cue(0, 1, text, format).is_sound  # type: ignore[arg-type]

    @pytest.mark.parametrize(("text", "format"), SPEECH)
    def test_speech(self, text: str, format: str) -> None:
        assert not Cue(0, 1, text, format).is_sound  # type: ignore[arg-type]

    def test_a_comment_is_no_speech(self) -> None:
        assert Cue(0, 1, "Hello", "ass", "comment").is_sound

    @pytest.mark.parametrize(
        ("text", "format", "plain"),
        [
            ("I <3 you & a<b", "srt", "I <3 you & a<b"),
            ("{not a tag} {\\i1}tag", "srt", "{not a tag} tag"),
            ("C:\\New", "srt", "C:\\New"),
            ("\\{kept\\}{dropped}\\hx", "ass", "{kept} x"),
            ("a &lt; b &nbsp;", "vtt", "a < b"),
            ("a<br/>b\n  c<ttm:x/>", "ttml", "a\nb c"),
            ("/a|{c:$0000ff}/b|c/d", "microdvd", "a\nb\nc/d"),
        ],
    )
    def test_plain(self, text: str, format: str, plain: str) -> None:
        assert Cue(0, 1, text, format).plain == plain  # type: ignore[arg-type]

    @pytest.mark.parametrize("format", FORMATS)
    @steady
    @given(text=st.text("a1 \n<>{}[]()♪#:-&;\\Np/|", max_size=60))
    def test_any_text_has_an_answer(self, format: str, text: str) -> None:
        cue = Cue(0, 1, text, format)  # type: ignore[arg-type]
        assert isinstance(cue.plain, str)
        assert isinstance(cue.is_sound, bool)
