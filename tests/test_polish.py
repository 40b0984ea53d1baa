"""Polishing: what the guidelines ask for, and that nothing gets worse or is ever done twice."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import avsync
from avsync.framegrid import FrameGrid
from avsync.polishing.polish import Polishing, polish
from avsync.polishing.profiles import PROFILES, language_of_text, text_width
from avsync.subtitles import Subtitles, parse_subtitles, to_bytes
from avsync.timemap import Span

RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(60000, 1001),
)
RATE = Fraction(24)


def stamp(seconds: float, digits: int = 3) -> str:
    units = round(seconds * 10**digits)
    whole, rest = divmod(units, 10**digits)
    mark = "," if digits == 3 else "."
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{rest:0{digits}}"


def srt(*cues: tuple[float, float], text: str = "Well.") -> Subtitles:
    body = "".join(
        f"{n}\n{stamp(start)} --> {stamp(end)}\n{text}\n\n"
        for n, (start, end) in enumerate(cues, 1)
    )
    return parse_subtitles(body.encode(), format="srt", path="film.srt")


def at(*frames: tuple[int, int], rate: Fraction = RATE, text: str = "Well.") -> Subtitles:
    return srt(*((float(a / rate), float(b / rate)) for a, b in frames), text=text)


def frames(subtitles: Subtitles, rate: Fraction = RATE) -> list[tuple[int, int]]:
    return [(round(cue.start * rate), round(cue.end * rate)) for cue in subtitles.cues]


def polished(*cues: tuple[int, int], cuts: tuple[int, ...] = ()) -> list[tuple[int, int]]:
    """The frames at 24 a second of cues on given frames."""
    return frames(polish(at(*cues), [cut / 24 for cut in cuts], RATE).subtitles)


def broken(polishing: Polishing) -> list[tuple[int, str]]:
    return [(found.cue, found.kind) for found in polishing.after]


@pytest.mark.parametrize(
    ("was", "now"),
    [(100, 100), (103, 100), (112, 100), (97, 100), (93, 100), (92, 88), (89, 88), (88, 88)],
)
def test_an_in_time_goes_onto_its_cut_or_12_frames_before(was: int, now: int) -> None:
    assert polished((was, 150), cuts=(100,)) == [(now, 150)]


@pytest.mark.parametrize("was", [87, 113])
def test_an_in_time_that_is_not_near_stays(was: int) -> None:
    assert polished((was, 150), cuts=(100,)) == [(was, 150)]


@pytest.mark.parametrize(
    ("was", "now"),
    [(88, 98), (95, 98), (98, 98), (99, 98), (101, 98), (107, 112), (112, 112), (113, 113)],
)
def test_an_out_time_goes_to_2_frames_before_its_cut_or_12_after(was: int, now: int) -> None:
    assert polished((40, was), cuts=(100,)) == [(40, now)]


def test_two_cues_meet_at_a_cut() -> None:
    assert polished((40, 103), (106, 160), cuts=(100,)) == [(40, 98), (100, 160)]


@pytest.mark.parametrize("gap", range(3, 12))
def test_gaps_of_3_to_11_frames_are_closed_to_2(gap: int) -> None:
    [(_, end), (start, _)] = polished((40, 100), (100 + gap, 160))
    assert (end, start) == (98 + gap, 100 + gap)


@pytest.mark.parametrize("gap", [0, 1])
def test_gaps_below_2_frames_are_opened_to_2(gap: int) -> None:
    [(_, end), (start, _)] = polished((40, 100), (100 + gap, 160))
    assert start - end == 2


@pytest.mark.parametrize("gap", [2, 12, 40])
def test_other_gaps_stay(gap: int) -> None:
    assert polished((40, 100), (100 + gap, 200)) == [(40, 100), (100 + gap, 200)]


def test_a_cue_is_shown_for_five_sixths_of_a_second() -> None:
    assert polished((100, 110)) == [(100, 120)]
    assert polished((100, 110), (115, 150)) == [(93, 113), (115, 150)]


def test_a_cue_longer_than_7_seconds_ends_with_its_words() -> None:
    cues = at((100, 275))
    done = polish(cues, [], RATE, speech=[Span(100 / 24, 200 / 24)])
    assert frames(done.subtitles) == [(100, 268)]
    kept = polish(cues, [], RATE, speech=[Span(100 / 24, 275 / 24)])
    assert frames(kept.subtitles) == [(100, 275)]
    assert broken(kept) == [(0, "too long")]


def test_speech_wins_over_the_cut() -> None:
    words = [Span(96 / 24, 97.5 / 24), Span(120 / 24, 203 / 24)]
    done = polish(at((96, 205)), [100 / 24, 200 / 24], RATE, speech=words)
    assert frames(done.subtitles) == [(88, 212)]  # neither the first word nor the last is lost


def test_words_of_the_cue_before_are_not_its_own() -> None:
    words = [Span(90 / 24, 96.5 / 24), Span(101 / 24, 140 / 24)]
    done = polish(at((96, 150)), [100 / 24], RATE, speech=words)
    assert frames(done.subtitles) == [(100, 150)]


def test_reading_speed_and_lines_are_reported_not_rewritten() -> None:
    cues = at((100, 148), text="A line that is much longer than forty-two characters\nb\nc")
    done = polish(cues, [], RATE)
    assert broken(done) == [(0, "reading speed"), (0, "line length"), (0, "lines")]
    assert done.unchanged and to_bytes(done.subtitles) == to_bytes(cues)


def test_a_cue_is_not_made_too_fast_to_read() -> None:
    cues = at((97, 145), text="Thirty-four characters in two secs")
    done = polish(cues, [100 / 24], RATE, language="de")
    [(start, end)] = frames(done.subtitles)
    assert start in (88, 100) and "reading speed" not in dict(broken(done)).values()
    assert end - start >= 48


def test_languages_are_read_at_their_own_speed() -> None:
    english = polish(at((0, 48), text="Thirty-eight characters in two seconds"), [], RATE)
    assert broken(english) == [(0, "reading speed")]
    fast = polish(
        at((0, 48), text="Thirty-eight characters in two seconds"), [], RATE, language="en-GB"
    )
    assert not fast.after
    chinese = polish(at((0, 48), text="我们今天一起去看电影好不好啊我说真的呢"), [], RATE)
    assert broken(chinese) == [(0, "reading speed"), (0, "line length")]
    assert language_of_text("映画を見る") == "ja" and language_of_text("영화") == "ko"
    assert text_width("ab映", "ja") == 2.0


def test_speakers_who_overlap_go_on_doing_so_and_keep_their_order() -> None:
    cues = at((40, 103), (60, 150), (154, 200), rate=RATE)
    done = frames(polish(cues, [100 / 24], RATE).subtitles)
    assert done[1][0] < done[0][1] <= done[1][1]
    assert done[0] == (40, 98) and done[2][0] - done[1][1] == 2


def test_a_cue_shown_within_another_grows_no_further_than_the_next_one() -> None:
    """The last cue of a lane has a gap as well: to the cue of another lane that follows it."""
    cues = srt(
        (3.833, 3.873),
        (3.573, 4.073),
        (4.373, 5.373),
        (14.813, 15.813),
        (15.814, 17.814),
        text="hi",
    )
    done = polish(cues, [], Fraction(50))
    assert frames(done.subtitles, Fraction(50)) == [
        (192, 194),  # longer it would come too near to the third, or start before the second
        (175, 217),
        (219, 269),
        (741, 791),
        (793, 891),
    ]
    assert broken(done) == [(0, "too short"), (0, "reading speed"), (1, "overlap")]


def test_a_profile_whose_near_is_nearer_than_its_places() -> None:
    close = replace(PROFILES["netflix"], near_frames=3)
    done = polish(at((97, 150)), [100 / 24], RATE, profile=close)
    assert frames(done.subtitles) == [(100, 150)]


def test_cues_out_of_order_stay_where_they_stand_in_the_file() -> None:
    cues = at((200, 260), (40, 103), (106, 160))
    assert frames(polish(cues, [100 / 24], RATE).subtitles) == [(200, 260), (40, 98), (100, 160)]


def test_empty_cues_and_those_shown_at_no_time_are_kept() -> None:
    body = "1\n00:00:01,000 --> 00:00:01,000\nGone\n\n2\n00:00:05,000 --> 00:00:07,000\n\n"
    cues = parse_subtitles(body.encode(), format="srt", path="x.srt")
    assert to_bytes(polish(cues, [2.0], Fraction(25)).subtitles) == body.encode()


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:04.06,0:00:05.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:04.30,0:00:06.00,Default,,0,0,0,,{\\i1}Spoken{\\i0}
Dialogue: 1,0:00:04.30,0:00:06.00,Default,,0,0,0,,{\\pos(20,30)}A sign
"""


def test_signs_and_comments_stay_and_tags_are_kept() -> None:
    cues = parse_subtitles(ASS.encode(), format="ass", path="film.ass")
    done = polish(cues, [4.0], Fraction(25))
    expected = ASS.replace(
        "0:00:04.30,0:00:06.00,Default,,0,0,0,,{\\i1}",
        "0:00:04.00,0:00:06.00,Default,,0,0,0,,{\\i1}",
    ).replace("04.30,0:00:06.00,Default,,0,0,0,,{\\pos", "04.32,0:00:06.00,Default,,0,0,0,,{\\pos")
    assert to_bytes(done.subtitles).decode() == expected
    assert done.moved == (1, 2)


def test_what_too_coarse_stamps_would_make_worse_is_left() -> None:
    """Centiseconds cannot tell the frames of 120 a second apart: a gap of two would be one."""
    head = ASS[: ASS.index("Comment:")]
    line = "Dialogue: 0,{},Default,,0,0,0,,Well.\n"
    body = head + line.format("0:00:00.01,0:00:00.21") + line.format("0:00:00.26,0:00:01.06")
    cues = parse_subtitles(body.encode(), format="ass", path="film.ass")
    done = polish(cues, [], Fraction(120))
    kinds = {(found.cue, found.kind) for found in done.before}
    seen = polish(done.subtitles, [], Fraction(120)).before
    assert seen == done.after and {(found.cue, found.kind) for found in seen} <= kinds


def test_the_bbc_joins_what_is_less_than_a_second_apart() -> None:
    cues = at((50, 100), (120, 170), (200, 260), rate=Fraction(25))
    done = polish(cues, [], Fraction(25), profile="bbc")
    assert frames(done.subtitles, Fraction(25)) == [(50, 120), (120, 170), (200, 260)]
    assert PROFILES["bbc"].gap_frames == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("format", "unit"), [("srt", 1000), ("ass", 100)])
def test_a_stamp_shows_a_cue_from_its_frame_on(rate: Fraction, format: str, unit: int) -> None:
    """A player shows a cue on the first picture at whose time the stamp has passed."""
    cues = at(*((n * 90 + 13, n * 90 + 70) for n in range(60)), rate=rate)
    done = polish(cues, [float(Fraction(n * 90 + 10) / rate) for n in range(60)], rate)
    if format == "ass":
        done = polish(cues, [], rate, written_as="ass")
    for cue, (first, last) in zip(done.subtitles.cues, frames(done.subtitles, rate), strict=True):
        for t, frame in ((cue.start, first), (cue.end, last)):
            assert round(t * unit) / unit == t or done.unchanged
            if unit / rate >= 4:
                assert Fraction(frame - 1) / rate < Fraction(t) - Fraction(1, 2 * unit)
                assert float(Fraction(frame) / rate) > t - 0.5 / unit - 1e-9


def test_the_frames_of_a_variable_rate_are_hit() -> None:
    rng = np.random.default_rng(0)
    times = np.round(np.cumsum(rng.choice([0.016, 0.033, 0.05, 0.1], 900)), 3)
    grid = FrameGrid(Fraction(20), times=times)
    cues = srt((3.01, 5.02), (5.9, 7.77), (8.0, 9.0))
    done = polish(cues, [float(times[120]), float(times[150])], grid)
    for cue in done.subtitles.cues:
        assert min(abs(times - cue.start)) < 1e-9 and min(abs(times - cue.end)) < 1e-9


def test_frames_go_on_beyond_both_ends_of_the_picture() -> None:
    grid = FrameGrid(Fraction(10), times=np.array([0.55, 0.6, 0.75]))
    numbers = np.arange(-5, 9)
    assert (grid.frames(grid.seconds(numbers)) == numbers).all()
    assert grid.earliest == -5
    with pytest.raises(ValueError, match="grow"):
        FrameGrid(Fraction(10), times=np.array([1.0, 1.0]))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="profile 'cnn'"):
        polish(at((1, 2)), [], RATE, profile="cnn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        polish(at((1, 2)), [float("nan")], RATE)


# The laws, over any cues, cuts and rates.

moments = st.floats(0, 40).map(lambda t: round(t, 3))
anyhow = st.tuples(moments, st.floats(0, 9).map(lambda t: round(t, 3))).map(
    lambda pair: (pair[0], round(pair[0] + pair[1], 3))
)
loose = st.lists(anyhow, min_size=1, max_size=9)


@st.composite
def dialogue(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Cues one after the other, some of them close."""
    now, cues = 0.5, []
    for _ in range(draw(st.integers(1, 9))):
        length = draw(st.floats(0.1, 8))
        cues.append((now, now + length))
        now += length + draw(st.sampled_from([0.0, 0.03, 0.08, 0.2, 0.4, 1.5]))
    return cues


grids = st.one_of(
    st.sampled_from(RATES).map(FrameGrid),
    st.lists(st.sampled_from([0.011, 0.021, 0.04, 0.09]), min_size=40, max_size=400).map(
        lambda steps: FrameGrid(Fraction(25), times=np.round(np.cumsum(steps), 3))
    ),
)
words = st.one_of(st.none(), st.lists(anyhow.map(lambda pair: Span(*pair)), max_size=6))


@settings(max_examples=40, deadline=None)
@given(
    cues=st.one_of(dialogue(), loose),
    cuts=st.lists(moments, max_size=12),
    grid=grids,
    speech=words,
    profile=st.sampled_from(["netflix", "bbc"]),
    text=st.sampled_from(["Well.", "Somewhat longer text of two lines\nthat needs its time"]),
)
@example(  # a long cue over another, which once came to start together with it
    cues=[(0.0, 7.5), (0.5, 1.5)],
    cuts=[],
    grid=FrameGrid(Fraction(24000, 1001)),
    speech=None,
    profile="netflix",
    text="Well.",
)
def test_nothing_gets_worse_and_nothing_is_done_twice(
    cues: list[tuple[float, float]],
    cuts: list[float],
    grid: FrameGrid,
    speech: list[Span] | None,
    profile: avsync.polishing.profiles.ProfileName,  # type: ignore[name-defined]
    text: str,
) -> None:
    subtitles = srt(*cues, text=text)
    done = polish(subtitles, cuts, grid, profile=profile, speech=speech)
    kinds = {(found.cue, found.kind) for found in done.before}
    assert {(found.cue, found.kind) for found in done.after} <= kinds
    assert [cue.text for cue in done.subtitles.cues] == [cue.text for cue in subtitles.cues]

    written = to_bytes(done.subtitles)
    again = polish(
        parse_subtitles(written, format="srt", path="film.srt"),
        cuts,
        grid,
        profile=profile,
        speech=speech,
    )
    assert again.unchanged and to_bytes(again.subtitles) == written
    assert again.before == again.after


@st.composite
def tangle(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Cues from second 30 on, many of them shown together, and in any order."""
    start, cues = 30.0, []
    for _ in range(draw(st.integers(2, 9))):
        length = draw(st.sampled_from([0.04, 0.2, 0.5, 0.833, 1.0, 2.0, 7.0]))
        cues.append((start, start + length))
        after = st.sampled_from([0.0, 0.04, 0.08, 0.12, 0.3, 0.5, -0.3, -0.5])
        start = max(30.0, start + length + draw(after))
    return cues


@settings(max_examples=40, deadline=None)
@given(
    cues=tangle(),
    cuts=st.lists(moments.map(lambda t: t + 30), max_size=6),
    rate=st.sampled_from([*RATES, Fraction(50)]),
    profile=st.sampled_from(["netflix", "bbc"]),
)
@example(
    cues=[(33.833, 33.873), (33.573, 34.073), (34.373, 35.373), (44.813, 45.813), (45.814, 47.814)],
    cuts=[],
    rate=Fraction(50),
    profile="netflix",
)
def test_polishing_adds_no_violation_and_moves_no_cue_that_is_far_from_every_problem(
    cues: list[tuple[float, float]],
    cuts: list[float],
    rate: Fraction,
    profile: avsync.polishing.profiles.ProfileName,  # type: ignore[name-defined]
) -> None:
    there = [(t, t + 90) for t in (60, 200, 7500, 7620, 7740)]
    far = [(float(first / rate), float(last / rate)) for first, last in there]
    done = polish(srt(*cues, *far, text="hi"), cuts, rate, profile=profile)
    kinds = {(found.cue, found.kind) for found in done.before}
    assert {(found.cue, found.kind) for found in done.after} <= kinds
    assert not [found for found in done.before if found.cue >= len(cues)]
    assert frames(done.subtitles, rate)[-5:] == there


@settings(max_examples=40, deadline=None)
@given(cues=dialogue(), cuts=st.lists(moments, max_size=12), grid=grids)
def test_cues_keep_their_order_and_never_come_to_overlap(
    cues: list[tuple[float, float]], cuts: list[float], grid: FrameGrid
) -> None:
    done = polish(srt(*cues), cuts, grid).subtitles.cues
    for before, after in pairwise(done):
        assert before.start <= before.end <= after.start <= after.end


@settings(max_examples=40, deadline=None)
@given(cues=dialogue(), cuts=st.lists(moments, max_size=12), data=st.data())
def test_no_cue_leaves_the_words_that_it_covers(
    cues: list[tuple[float, float]], cuts: list[float], data: st.DataObject
) -> None:
    speech = []
    for start, end in cues:
        inset = data.draw(st.floats(0, 0.4)) * (end - start)
        speech.append(Span(start + inset, end - inset * data.draw(st.floats(0, 1))))
    done = polish(srt(*cues), cuts, Fraction(25), speech=speech).subtitles.cues
    for (start, end), spoken, cue in zip(cues, speech, done, strict=True):
        if end - start > 0.04:  # half a frame may go where two cues meet within one
            assert cue.start <= spoken.start + 0.0211
            assert cue.end >= spoken.end - 0.0211
