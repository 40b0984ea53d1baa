"""Which sound is listened to for which lines; sound that is read once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from avsync.media import Audio
from avsync.timemap import Span
from avsync.words.align import align_lines
from avsync.words.engine import Found, LineWords
from avsync.words.regions import pack, speech_regions
from avsync.words.windows import Line, Reel, plan_windows


def line(number: int, start: float, end: float, size: int = 5) -> Line:
    return Line(number, start, end, "some words", size)


def test_lines_share_a_window_until_it_is_full_or_a_pause_comes() -> None:
    lines = [line(0, 5, 8), line(1, 9, 12), line(2, 30, 33), line(3, 34, 70), line(4, 71, 73)]
    windows = plan_windows(lines, longest=30.0, slack=1.0, most_units=400)
    held = [[x.cue for x in window.lines] for window in windows]
    assert held == [[0, 1], [2], [3], [4]]
    assert [window.long for window in windows] == [False, False, True, False]
    assert (windows[0].start, windows[0].end) == (4.0, 13.0)


def test_too_much_text_has_a_window_of_its_own() -> None:
    windows = plan_windows(
        [line(0, 0, 2, 300), line(1, 2, 4, 300), line(2, 4, 6, 500)],
        longest=30.0, slack=0.5, most_units=400,
    )  # fmt: skip
    assert [(len(w.lines), w.long) for w in windows] == [(1, False), (1, False), (1, True)]
    assert windows[0].start == 0.0


@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 60), st.integers(1, 90)), max_size=30),
    st.floats(0, 3),
)
def test_every_line_is_in_one_window_that_holds_it(
    given_lines: list[tuple[float, float, int]], slack: float
) -> None:
    lines = [line(n, a, a + b, c) for n, (a, b, c) in enumerate(given_lines)]
    windows = plan_windows(lines, longest=30.0, slack=slack, most_units=200)
    assert sorted(x.cue for window in windows for x in window.lines) == list(range(len(lines)))
    for window in windows:
        assert window.long or window.end - window.start <= 30.0 + 1e-6
        assert window.long or sum(x.size for x in window.lines) <= 200
        for x in window.lines:
            assert window.start <= max(0.0, x.start - slack) + 1e-6
            assert x.end + slack <= window.end + 1e-6
    starts = [window.lines[0].start for window in windows]
    assert starts == sorted(starts)


def test_a_reel_gives_any_stretch_and_lets_go() -> None:
    samples = np.arange(1, 1001, dtype=np.float32)
    reel = Reel(iter(np.split(samples, 10)), 100)
    assert reel.read(-0.02, 0.03).tolist() == [0, 0, 1, 2, 3]
    assert reel.read(0.5, 2.5).tolist() == samples[50:250].tolist()
    reel.forget(2.2)
    assert reel.read(2.2, 2.4).tolist() == samples[220:240].tolist()
    with pytest.raises(ValueError, match=r"from 1\.000 s on is gone"):
        reel.read(1.0, 1.5)
    assert reel.read(9.98, 10.02).tolist() == [999, 1000, 0, 0]


def test_speech_is_told_from_a_flicker_and_bridged_over_a_breath() -> None:
    probabilities = np.full(1000, 0.1, np.float32)  # 20 s at 50 a second
    probabilities[100:200] = 0.9
    probabilities[140:160] = 0.45  # doubtful, but speech has begun
    probabilities[215:300] = 0.9  # 0.3 s later
    probabilities[500:505] = 0.9  # 0.1 s
    probabilities[700:750] = 0.5  # never sure
    regions = speech_regions(probabilities, 50.0)
    assert [(s.start, s.end) for s in regions] == [(1.75, 6.25)]
    assert speech_regions(np.zeros(0, np.float32), 50.0) == []


def test_speech_is_packed_and_cut_where_it_is_weakest() -> None:
    probabilities = np.full(5000, 0.9, np.float32)
    probabilities[1000] = 0.5  # at 20 s
    regions = [Span(0.0, 3.0), Span(4.0, 6.0), Span(9.0, 49.0)]
    probabilities[1500] = 0.4  # at 30 s, in the second half of a piece that starts at 9
    pieces = pack(regions, probabilities, 50.0)
    assert [(s.start, s.end) for s in pieces] == [(0.0, 6.0), (9.0, 30.0), (30.0, 49.0)]


class Late:
    """An engine that finds each line as one word, which ends 0.1 s after its cue."""

    name, language, longest, most_units = "late", "en", 30.0, 100

    def __init__(self) -> None:
        self.starts: list[float] = []

    def size(self, text: str) -> int:
        return 1

    def words(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]

    def find(
        self, samples: object, lines: Sequence[Line], *, start: float, slack: float,
        open_end: bool = False,
    ) -> list[LineWords]:  # fmt: skip
        self.starts.append(start)
        return [
            LineWords((Found(0, 3, line.start - start, line.end + 0.1 - start, 1.0, 4.0),))
            for line in lines
        ]


def test_a_window_begins_where_the_line_before_it_ended() -> None:
    lines = [Line(0, 0.0, 20.0, "one"), Line(1, 20.3, 40.0, "two"), Line(2, 40.0, 59.0, "six")]
    engine = Late()
    align_lines(lines, Audio(np.zeros(60 * 16_000, np.float32), 16_000), engine)
    assert engine.starts == pytest.approx([0.0, 20.1, 40.0])


def test_a_window_that_lies_over_others_has_its_sound() -> None:
    lines = [Line(0, 0.0, 20.0, "one"), Line(1, 20.3, 38.0, "two", 200), Line(2, 20.5, 22.0, "six")]
    engine = Late()
    found = align_lines(lines, ROOT / "fixtures" / "words" / "speech.flac", engine)
    assert engine.starts == pytest.approx([0.0, 0.0, 19.5])  # a long line's is counted from there
    assert sorted(found) == [0, 1, 2]
