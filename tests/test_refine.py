"""Refining against marks at known times: a model that sees nothing but the marks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avsync.aligner.edges import LEAD_IN, find_edges, habit_correction
from avsync.aligner.model import EDGE_REACH, RetimeModel
from avsync.encoders.audio import AUDIO_DIM, TOKEN_RATE_HZ
from avsync.encoders.cues import CueEncoder, CueTiming
from avsync.refine import SHORTEST, Refine, refine_spans
from avsync.timemap import Span
from avsync.tokens import TokenSequence

quick = settings(deadline=None, derandomize=True, max_examples=60)
ROUNDING = 1e-6
ONSET, OFFSET = 0, 1  # the dimensions of the sound's tokens that are marked


@cache
def seeing_model() -> RetimeModel:
    """Its cue tokens are all alike, and ask for a mark; there is no mark like another."""
    torch.manual_seed(0)
    model = RetimeModel()
    model.cues = CueEncoder(channels=4, dilations=(1,))
    model.eval()
    with torch.no_grad():
        for value in model.cues.read_out.parameters():
            value.zero_()
        model.cues.read_out.bias[0] = 1.0  # type: ignore[index]
        for attention, mark in ((model.onset, ONSET), (model.offset, OFFSET)):
            attention.query.weight.zero_()
            attention.key.weight.zero_()
            attention.query.weight[0, 0] = 100.0
            attention.key.weight[0, mark] = 1.0
    return model


@pytest.fixture
def model() -> RetimeModel:
    return seeing_model()


def sound(
    onsets: Sequence[float] = (), offsets: Sequence[float] = (), *, seconds: float = 60.0
) -> TokenSequence:
    """Sound in which speech starts and stops at these times."""
    values = np.zeros((round(seconds * TOKEN_RATE_HZ), AUDIO_DIM), np.float32)
    for mark, times in ((ONSET, onsets), (OFFSET, offsets)):
        index = np.rint(np.array(times, float) * TOKEN_RATE_HZ).astype(int)
        values[index[(index >= 0) & (index < len(values))], mark] = 1.0
    return TokenSequence(values, TOKEN_RATE_HZ)


def line(start: float, end: float, *, spoken: bool = True) -> CueTiming:
    return CueTiming(start, end, 20, not spoken)


def refined(
    model: RetimeModel,
    cues: Sequence[CueTiming],
    heard: TokenSequence,
    *,
    lead_in: float = 0.1,
    linger: float = 0.3,
    reach: float = 0.5,
) -> list[Span]:
    return refine_spans(model, cues, heard, Refine(lead_in=lead_in, linger=linger, reach=reach))


def test_edges_are_found_where_they_are(model: RetimeModel) -> None:
    cues, heard = [line(10.0, 12.0), line(20.0, 21.0)], sound([10.3, 19.5], [11.4])
    tokens = model.cues.encode(cues)
    begin = find_edges(model, 0, np.array([10.0, 20.0]), tokens, heard)
    end = find_edges(model, 1, np.array([12.0, 21.0]), tokens, heard)
    np.testing.assert_allclose(begin.times, [10.3, 19.5], atol=0.005)
    np.testing.assert_array_equal(begin.sure, [True, True])
    assert end.times[0] == pytest.approx(11.4, abs=0.005)
    np.testing.assert_array_equal(end.sure, [True, False])


@pytest.mark.parametrize("lead_in", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("linger", [0.0, 0.4])
def test_lead_in_and_linger_are_honoured(model: RetimeModel, lead_in: float, linger: float) -> None:
    (span,) = refined(
        model, [line(10.1, 12.1)], sound([10.2], [12.0]), lead_in=lead_in, linger=linger
    )
    assert span.start == pytest.approx(10.2 - lead_in, abs=0.005)
    assert span.end == pytest.approx(12.0 + linger, abs=0.005)


@pytest.mark.parametrize("reach", [0.1, 0.5])
def test_an_edge_moves_no_farther_than_its_reach(model: RetimeModel, reach: float) -> None:
    (span,) = refined(model, [line(10.0, 12.0)], sound([9.4], [12.6]), reach=reach)
    assert span.start == pytest.approx(10.0 - reach)
    assert span.end == pytest.approx(12.0 + reach)


def test_without_speech_near_a_cue_stays(model: RetimeModel) -> None:
    cues = [line(10.0, 12.0), line(40.0, 41.0)]
    heard = sound([10.0 + EDGE_REACH + 0.1, 39.0], [13.0])
    assert refined(model, cues, heard) == [Span(10.0, 12.0), Span(40.0, 41.0)]


@pytest.mark.parametrize("start", [0.0, 59.0, 61.0, 500.0])
def test_cues_at_and_beyond_the_ends_of_the_sound(model: RetimeModel, start: float) -> None:
    (span,) = refined(model, [line(start, start + 2)], sound())
    assert span == Span(start, start + 2)


def test_a_cue_does_not_begin_before_zero(model: RetimeModel) -> None:
    (span,) = refined(model, [line(0.3, 2.0)], sound([0.02], [1.8]))
    assert span.start == 0.0


def test_sound_cues_stay(model: RetimeModel) -> None:
    cues = [line(5.0, 6.0, spoken=False), line(10.0, 12.0, spoken=False)]
    assert refined(model, cues, sound([5.2, 10.2], [5.8, 12.3])) == [Span(5, 6), Span(10, 12)]


def test_a_sound_cue_is_not_pushed_by_its_neighbour(model: RetimeModel) -> None:
    # The voice before it starts late and the cue is short: the neighbour has to give way.
    cues = [line(10.0, 10.3), line(10.4, 12.0, spoken=False)]
    spans = refined(model, cues, sound([10.6], [10.7]))
    assert spans[1] == Span(10.4, 12.0)
    assert spans[0].end <= 10.4 + ROUNDING


def test_two_cues_that_claim_a_pause_share_it(model: RetimeModel) -> None:
    cues = [line(10.0, 12.0), line(12.1, 14.0)]
    first, second = refined(model, cues, sound([10.1, 12.2], [12.0, 13.9]))
    assert second.start == pytest.approx(12.1, abs=0.005)  # the later one has its lead-in
    assert first.end == pytest.approx(second.start)


def test_cues_that_overlapped_may_go_on_to(model: RetimeModel) -> None:
    cues = [line(10.0, 12.0), line(11.0, 13.0)]
    first, second = refined(model, cues, sound([10.1, 11.1], [12.2, 13.0]))
    assert first.end == pytest.approx(12.5, abs=0.005) and second.start < first.end


def test_a_long_cue_does_not_grow_over_the_one_after_a_short_one(model: RetimeModel) -> None:
    cues = [line(10.0, 15.0), line(11.0, 12.0), line(15.1, 16.0)]
    first, _, third = refined(model, cues, sound([15.0], [15.2]))
    assert first.end <= third.start + ROUNDING


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[CueTiming], list[float], list[float]]:
    """Cues in order, some overlapping, with marks near their edges and elsewhere."""
    cues, now = [], draw(st.integers(0, 40)) / 20
    onsets: list[float] = []
    offsets: list[float] = []
    for _ in range(draw(st.integers(1, 7))):
        now += draw(st.integers(0, 30)) / 20
        end = now + draw(st.integers(0, 50)) / 20
        cues.append(line(now, end, spoken=draw(st.integers(0, 4)) > 0))
        for marks, edge in ((onsets, now), (offsets, end)):
            if draw(st.integers(0, 4)):
                marks.append(edge + draw(st.integers(-30, 30)) / 50)
        if draw(st.booleans()):
            now = end
    return cues, onsets, offsets


@quick
@given(
    scene=scenes(),
    lead_in=st.sampled_from([0.0, 0.1, 0.5]),
    linger=st.sampled_from([0.0, 0.3, 2.0]),
    reach=st.sampled_from([0.05, 0.5]),
)
@example(
    scene=([line(1.0, 1.2), line(1.2, 1.4), line(1.4, 3.0)], [1.6, 1.1, 1.3], [1.1, 1.0]),
    lead_in=0.0,
    linger=0.3,
    reach=0.5,
)
def test_laws_of_refining(
    scene: tuple[list[CueTiming], list[float], list[float]],
    lead_in: float,
    linger: float,
    reach: float,
) -> None:
    cues, onsets, offsets = scene
    heard = sound(onsets, offsets)
    spans = refined(seeing_model(), cues, heard, lead_in=lead_in, linger=linger, reach=reach)
    assert len(spans) == len(cues)
    for cue, span in zip(cues, spans, strict=True):
        assert abs(span.start - cue.start) <= reach + ROUNDING
        assert abs(span.end - cue.end) <= reach + ROUNDING
        assert span.start >= 0
        assert span.duration >= min(SHORTEST, cue.end - cue.start) - ROUNDING
        if cue.sound:
            assert (span.start, span.end) == (cue.start, cue.end)
    for (n, a), (m, b) in combinations(enumerate(cues), 2):
        if a.end <= b.start:
            assert spans[n].end <= spans[m].start + ROUNDING, f"cues {n} and {m} newly overlap"


@pytest.mark.parametrize(
    "options",
    [
        {"lead_in": -0.1},
        {"lead_in": 6.0},
        {"linger": -1.0},
        {"linger": float("nan")},
        {"reach": 0.0},
        {"reach": 0.6},
        {"reach": float("nan")},
    ],
    ids=str,
)
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=name):
        Refine(**options)


# --- habits of subtitlers -----------------------------------------------------------------------


def correction(model: RetimeModel, cues: Sequence[CueTiming], heard: TokenSequence) -> float:
    """For cues that the lag attention moved 7 s on."""
    shifts = np.full(len(cues), 7.0)
    early = [CueTiming(c.start - 7, c.end - 7, c.characters, c.sound) for c in cues]
    return habit_correction(model, early, shifts, model.cues.encode(early), heard)


def test_cues_are_moved_to_come_the_usual_lead_in_before_the_voice(model: RetimeModel) -> None:
    cues = [line(3.0 * n + 3, 3.0 * n + 5) for n in range(15)]
    late = sound([cue.start + 0.16 for cue in cues])
    # Fifteen sure edges are believed by three quarters.
    assert correction(model, cues, late) == pytest.approx(0.75 * (0.16 - LEAD_IN), abs=0.01)


def test_habits_are_not_read_off_sounds_or_silence(model: RetimeModel) -> None:
    cues = [line(3.0 * n + 3, 3.0 * n + 5, spoken=False) for n in range(15)]
    assert correction(model, cues, sound([cue.start + 0.2 for cue in cues])) == 0.0
    assert correction(model, [line(3, 5), line(9, 11)], sound()) == 0.0
