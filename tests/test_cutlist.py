"""CutList: frames add up, whatever the rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsync.cutlist import CutList, Shot, Soundtrack

RATES = [Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60_000, 1001)]
shots = st.lists(
    st.builds(
        Shot,
        source=st.sampled_from([Path("a.mp4"), Path("b.mov")]),
        source_frame=st.integers(0, 10_000),
        frames=st.integers(1, 5_000),
    ),
    max_size=30,
)


@given(shots, st.sampled_from(RATES))
def test_shots_stand_end_to_end(some: list[Shot], rate: Fraction) -> None:
    cuts = CutList(tuple(some), rate)
    assert len(cuts.starts) == len(some)
    ends = [start + shot.frames for start, shot in zip(cuts.starts, some, strict=True)]
    assert list(cuts.cuts) == ends[:-1]
    assert cuts.frames == (ends[-1] if ends else 0)
    assert cuts.duration == pytest.approx(float(cuts.frames / rate))


@given(st.sampled_from(RATES), st.integers(0, 10**7))
def test_a_frame_is_shown_at_one_instant(rate: Fraction, frame: int) -> None:
    seconds = CutList((), rate).seconds(frame)
    assert round(seconds * float(rate)) == frame
    assert seconds == pytest.approx(frame * rate.denominator / rate.numerator, abs=1e-9)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"frames": 0}, "one frame"),
        ({"source_frame": -1}, "begins in its source"),
        ({"dissolve_frames": -2}, "dissolve"),
    ],
)
def test_shots_that_cannot_be(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Shot(Path("a.mp4"), **{"source_frame": 0, "frames": 10} | wrong)


def test_a_list_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="positive"):
        CutList((), Fraction(0))
    with pytest.raises(ValueError, match="first shot"):
        CutList((Shot(Path("a.mp4"), 0, 10, dissolve_frames=4),), Fraction(25))


def test_a_dissolve_lies_on_both_sides_of_its_cut() -> None:
    assert Shot(Path("a.mp4"), 100, 50, dissolve_frames=8).lead_frames == 4
    assert Shot(Path("a.mp4"), 100, 50, dissolve_frames=7).lead_frames == 3


def test_other_shots_same_music() -> None:
    music = Soundtrack(Path("song.mp3"), start=3.0)
    cuts = CutList((Shot(Path("a.mp4"), 0, 10),), Fraction(25), music=music)
    changed = cuts.with_shots([Shot(Path("b.mp4"), 5, 20)])
    assert changed.music == music and changed.frames == 20 and cuts.frames == 10
