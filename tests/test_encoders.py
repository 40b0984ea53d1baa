"""Encoders: blocks that cannot be told from the whole, a clock that is exact, honest features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from avsync.encoders.audio import (
    AUDIO_DIM,
    BLOCK_TOKENS,
    HOP_SAMPLES,
    MEL_BANDS,
    SAMPLE_RATE_HZ,
    TOKEN_RATE_HZ,
    AudioEncoder,
    LogMel,
    band_means,
    normalise,
)
from avsync.encoders.cues import (
    CUE_DIM,
    CUE_FEATURES,
    LONGEST_LINE,
    TERRITORY,
    CueEncoder,
    CueTiming,
    cue_features,
    cue_timing,
    territories,
)
from avsync.encoders.layers import ConvolutionStack, in_blocks
from avsync.subtitles import Cue

FloatArray = npt.NDArray[np.float32]

quick = settings(deadline=None, derandomize=True, max_examples=40)
SPOKEN, ONSET, OFFSET, PACE, POSITION, SINCE, UNTIL, SOUND, SOUND_ONSET, DENSITY = range(10)


def voice(seconds: float, *, seed: int = 0) -> FloatArray:
    """Noise in bursts of a few tenths of a second, as syllables come."""
    chance = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE_HZ)
    gates = np.repeat(chance.random(count // 3200 + 1) < 0.5, 3200)[:count]
    return (0.1 * gates * chance.normal(size=count) + 1e-3 * chance.normal(size=count)).astype(
        np.float32
    )


# --- layers -----------------------------------------------------------------------------------


def small_stack(seed: int = 0, dilations: tuple[int, ...] = (1, 2, 4)) -> ConvolutionStack:
    torch.manual_seed(seed)
    stack = ConvolutionStack(3, 4, dilations).eval()
    for block in stack.blocks:  # as training leaves it
        block.norm.running_mean.normal_()  # type: ignore[operator, union-attr]
        block.norm.running_var.uniform_(0.5, 2)  # type: ignore[operator, union-attr]
    return stack.double()


def one_pass(stack: ConvolutionStack, frames: npt.NDArray[np.float64]) -> Tensor:
    out: Tensor = stack(torch.from_numpy(frames).T[None])[0].T
    return out


@quick
@given(length=st.integers(1, 90), block=st.integers(1, 100))
@example(length=1, block=30)
@example(length=29, block=30)
@example(length=30, block=30)
@example(length=31, block=30)
@example(length=60, block=30)
@torch.inference_mode()
def test_blocks_equal_one_pass_wherever_they_fall(length: int, block: int) -> None:
    stack = small_stack()
    frames = np.random.default_rng(length).normal(size=(length, 3))
    found = in_blocks(
        lambda part: one_pass(stack, part),
        frames,
        block=block,
        receptive_field=stack.receptive_field,
    )
    torch.testing.assert_close(found, one_pass(stack, frames), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dilations", [(), (1,), (1, 2, 4)])
@torch.inference_mode()
def test_the_receptive_field_is_what_an_output_depends_on(dilations: tuple[int, ...]) -> None:
    stack = small_stack(dilations=dilations)
    field, centre = stack.receptive_field, 60
    frames = np.random.default_rng(0).normal(size=(121, 3))
    whole = one_pass(stack, frames)
    for side in (-1, 1):
        for distance, felt in ((field, True), (field + 1, False)):
            changed = frames.copy()
            changed[centre + side * distance] += 10.0
            difference = (one_pass(stack, changed)[centre] - whole[centre]).abs().max()
            assert (float(difference) > 0) is felt, (side, distance)


@torch.inference_mode()
def test_one_frame_less_of_context_would_not_do() -> None:
    stack = small_stack()
    frames = np.random.default_rng(0).normal(size=(90, 3))
    short = in_blocks(
        lambda part: one_pass(stack, part),
        frames,
        block=30,
        receptive_field=stack.receptive_field - 1,
    )
    assert float((short - one_pass(stack, frames)).abs().max()) > 1e-9


def test_blocks_report_their_progress() -> None:
    seen: list[tuple[str, float]] = []
    in_blocks(
        torch.from_numpy,
        np.zeros((100, 2)),
        block=25,
        receptive_field=3,
        progress=lambda stage, fraction: seen.append((stage, fraction)),
    )
    assert [stage for stage, _ in seen] == ["encoding"] * 4
    assert [fraction for _, fraction in seen] == [0.0, 0.25, 0.5, 0.75]


# --- log-mel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.4, 1.0, 1.98, 2.0])
def test_a_frame_is_centred_on_its_time(seconds: float) -> None:
    sound = np.zeros(2 * SAMPLE_RATE_HZ + 1, np.float32)
    sound[round(seconds * SAMPLE_RATE_HZ)] = 1.0
    loudness = LogMel()([sound]).astype(np.float32).mean(axis=1)
    assert int(loudness.argmax()) == round(seconds * TOKEN_RATE_HZ)


def test_a_click_between_two_frames_is_heard_by_both_alike() -> None:
    sound = np.zeros(SAMPLE_RATE_HZ, np.float32)
    sound[10 * HOP_SAMPLES + HOP_SAMPLES // 2] = 1.0
    loudness = LogMel()([sound]).astype(np.float32).mean(axis=1)
    assert set(np.argsort(loudness)[-2:].tolist()) == {10, 11}
    assert loudness[10] == pytest.approx(loudness[11], abs=0.02)


@quick
@given(cuts=st.lists(st.integers(0, 5000), max_size=8), length=st.integers(1, 5000))
@example(cuts=[0, 1, 2, 3], length=5)
@example(cuts=list(range(0, 2000, 10)), length=2000)
def test_streamed_blocks_equal_one_block(cuts: list[int], length: int) -> None:
    sound = voice(1.0)[:length]
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    blocks = [sound[a:b] for a, b in pairwise(edges)]
    log_mel = LogMel()
    np.testing.assert_array_equal(log_mel(iter(blocks)), log_mel([sound]))


@quick
@given(length=st.integers(1, 3000))
def test_every_hop_that_has_sound_has_a_frame(length: int) -> None:
    frames = LogMel()([np.ones(length, np.float32)])
    assert frames.shape == ((length - 1) // HOP_SAMPLES + 1, MEL_BANDS) or frames.shape == (
        length // HOP_SAMPLES + 1,
        MEL_BANDS,
    )
    assert frames.dtype == np.float16


@pytest.mark.parametrize("blocks", [[], [np.zeros(0, np.float32)]])
def test_no_sound_has_no_frames(blocks: list[FloatArray]) -> None:
    assert LogMel()(blocks).shape == (0, MEL_BANDS)


def test_silence_is_finite() -> None:
    frames = LogMel()([np.zeros(SAMPLE_RATE_HZ, np.float32)])
    assert np.isfinite(frames).all()
    assert np.isfinite(normalise(frames, band_means(frames))).all()


def test_band_means_do_not_overflow_over_a_long_film() -> None:
    # Half precision ends at 65,504; the sum of an hour is far beyond.
    frames = np.full((180_000, MEL_BANDS), -20.0, np.float16)
    np.testing.assert_allclose(band_means(frames), -20.0)


# --- audio encoder ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audio_encoder() -> AudioEncoder:
    torch.manual_seed(3)
    return AudioEncoder().eval()


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, BLOCK_TOKENS - 1, BLOCK_TOKENS, BLOCK_TOKENS + 1])
def test_a_recording_is_encoded_as_if_in_one_pass(audio_encoder: AudioEncoder, length: int) -> None:
    frames = np.random.default_rng(1).normal(-10, 3, (length, MEL_BANDS)).astype(np.float16)
    tokens = audio_encoder.encode(frames)
    assert (len(tokens), tokens.dim, tokens.rate_hz, tokens.start) == (length, AUDIO_DIM, 50.0, 0.0)
    whole = audio_encoder(torch.from_numpy(normalise(frames, band_means(frames)))[None])[0]
    np.testing.assert_allclose(tokens.values, whole.numpy(), rtol=1e-4, atol=1e-5)


def test_no_frames_have_no_tokens(audio_encoder: AudioEncoder) -> None:
    tokens = audio_encoder.encode(np.zeros((0, MEL_BANDS), np.float16))
    assert (len(tokens), tokens.dim) == (0, AUDIO_DIM)


def spread(values: FloatArray) -> float:
    return float(values.std(axis=0).mean())


def test_volume_does_not_reach_the_tokens(audio_encoder: AudioEncoder) -> None:
    sound, log_mel = voice(8.0), LogMel()
    plain = audio_encoder.encode(log_mel([sound])).values
    for gain in (0.05, 4.0):
        other = audio_encoder.encode(log_mel([gain * sound])).values
        assert np.abs(other - plain).max() < 0.05 * spread(plain), gain


def test_the_colour_of_a_recording_does_not_reach_the_tokens(audio_encoder: AudioEncoder) -> None:
    sound, log_mel = voice(8.0), LogMel()
    plain = audio_encoder.encode(log_mel([sound])).values
    # A treble boost by two echo-free taps; bands are narrow, so it is nearly a gain for each.
    bright = np.convolve(sound, np.array([1.0, -0.7]))[: len(sound)].astype(np.float32)
    other = audio_encoder.encode(log_mel([bright])).values
    assert np.abs(other - plain).mean() < 0.15 * spread(plain)


@quick
@given(frames=st.integers(1, 200))
def test_a_speech_probability_is_one_for_every_token(frames: int) -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(channels=8, dilations=(1,)).eval()
    tokens = encoder.encode(np.random.default_rng(0).normal(size=(frames, 64)).astype(np.float16))
    probability = encoder.speech_probability(tokens)
    assert probability.shape == (frames,)
    assert ((probability >= 0) & (probability <= 1)).all()


# --- cue features -----------------------------------------------------------------------------


def line(start: float, end: float, *, characters: int = 30, sound: bool = False) -> CueTiming:
    return CueTiming(start, end, characters, sound)


def test_edges_finer_than_a_token_survive() -> None:
    frames = cue_features([line(1.005, 2.013)], start=0.0, tokens=150)
    # Tokens 50.25 and 100.65.
    np.testing.assert_allclose(frames[49:53, ONSET], [0, 0.75, 0.25, 0], atol=1e-4)
    np.testing.assert_allclose(frames[99:103, OFFSET], [0, 0.35, 0.65, 0], atol=1e-4)
    assert frames[:, SPOKEN].sum() == pytest.approx((2.013 - 1.005) * TOKEN_RATE_HZ, abs=1e-3)


@quick
@given(start=st.floats(0, 4), length=st.floats(0.001, 4))
def test_a_spoken_cue_covers_its_length(start: float, length: float) -> None:
    frames = cue_features([line(start, start + length)], start=-1.0, tokens=500)
    index = np.arange(500) / TOKEN_RATE_HZ - 1.0
    covered = frames[:, SPOKEN].astype(float)
    assert covered.sum() == pytest.approx(length * TOKEN_RATE_HZ, abs=1e-2)
    middle = (covered * index).sum() / covered.sum()
    assert middle == pytest.approx(start + length / 2, abs=0.01)  # half a token
    for channel, edge in ((ONSET, start), (OFFSET, start + length)):
        weights = frames[:, channel].astype(float)
        assert weights.sum() == pytest.approx(1.0, abs=1e-4)
        assert (weights * index).sum() == pytest.approx(edge, abs=1e-4)


@st.composite
def cue_lists(draw: st.DrawFn, *, apart: bool = False) -> list[CueTiming]:
    """Cues in order of start; they may overlap unless they are `apart`."""
    cues, now = [], draw(st.floats(-5, 5))
    for _ in range(draw(st.integers(1, 8))):
        now += draw(st.floats(0, 6))
        length = draw(st.floats(0, 20) | st.floats(0.2, 4))
        cues.append(
            line(now, now + length, characters=draw(st.integers(0, 80)), sound=draw(st.booleans()))
        )
        if apart:
            now += length
    return cues


def moved(cues: Sequence[CueTiming], by: float) -> list[CueTiming]:
    return [CueTiming(c.start + by, c.end + by, c.characters, c.sound) for c in cues]


@quick
@given(cues=cue_lists(), tokens=st.integers(-300, 300))
def test_moving_cues_by_tokens_moves_their_features(cues: list[CueTiming], tokens: int) -> None:
    # Far from both ends, so that nothing is cut off.
    plain = cue_features(cues, start=-100.0, tokens=20_000)
    later = cue_features(moved(cues, tokens / TOKEN_RATE_HZ), start=-100.0, tokens=20_000)
    np.testing.assert_allclose(np.roll(plain, tokens, axis=0), later, atol=2e-3)


@quick
@given(cues=cue_lists(), hours=st.integers(1, 40))
def test_features_are_as_fine_hours_into_a_recording(cues: list[CueTiming], hours: int) -> None:
    by = hours * 3600.0
    plain = cue_features(cues, start=-100.0, tokens=10_000)
    late = cue_features(moved(cues, by), start=by - 100.0, tokens=10_000)
    np.testing.assert_allclose(plain, late, atol=1e-3)


def test_features_are_as_fine_at_the_end_of_a_long_array() -> None:
    # Six hours from the first token, a float32 index would be off by a millisecond.
    late = 6 * 3600.0
    far = cue_features([line(late + 1.003, late + 1.3)], start=0.0, tokens=int(50 * (late + 4)))
    near = cue_features([line(1.003, 1.3)], start=0.0, tokens=200)
    np.testing.assert_allclose(far[-200:, :DENSITY], near[:, :DENSITY], atol=1e-3)


@quick
@given(cues=cue_lists())
def test_features_are_finite_and_bounded(cues: list[CueTiming]) -> None:
    frames = cue_features(cues, start=0.0, tokens=1000)
    assert frames.shape == (1000, CUE_FEATURES) and frames.dtype == np.float32
    assert np.isfinite(frames).all()
    for channel in (SPOKEN, ONSET, OFFSET, SOUND, SOUND_ONSET, DENSITY):
        assert frames[:, channel].min() >= 0 and frames[:, channel].max() <= 1 + 1e-6


def test_overlapping_cues_are_one_stretch_of_speech() -> None:
    frames = cue_features([line(1.0, 3.0), line(2.0, 4.0)], start=0.0, tokens=300)
    np.testing.assert_array_equal(frames[51:200, SPOKEN], 1.0)
    assert frames[:, ONSET].sum() == pytest.approx(2.0)


def test_a_cue_outside_leaves_no_trace() -> None:
    frames = cue_features([line(-9, -8), line(50, 51), line(4, 5)], start=0.0, tokens=1000)
    alone = cue_features([line(4, 5)], start=0.0, tokens=1000)
    np.testing.assert_array_equal(frames, alone)


def test_a_cue_across_the_edge_shows_the_part_inside() -> None:
    frames = cue_features([line(-1, 1)], start=0.0, tokens=100)
    whole = cue_features([line(-1, 1)], start=-2.0, tokens=200)
    np.testing.assert_allclose(frames[:, :DENSITY], whole[100:, :DENSITY], atol=1e-6)


def test_a_cue_of_no_length_leaves_no_trace() -> None:
    frames = cue_features([line(1.0, 1.0)], start=0.0, tokens=100)
    assert not frames.any()


def test_a_sound_is_no_speech() -> None:
    frames = cue_features([line(0.5, 1.5, sound=True)], start=0.0, tokens=100)
    assert not frames[:, [SPOKEN, ONSET, OFFSET, PACE, POSITION, SINCE, UNTIL, DENSITY]].any()
    assert frames[:, SOUND].sum() == pytest.approx(50, abs=1e-3)
    assert frames[:, SOUND_ONSET].sum() == pytest.approx(1.0)


def test_density_is_the_share_of_the_minute_around() -> None:
    cues = [line(10 * n, 10 * n + 5) for n in range(30)]
    frames = cue_features(cues, start=0.0, tokens=15_000)
    np.testing.assert_allclose(frames[3000:12_000, DENSITY], 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("cue", "sound"),
    [
        (Cue(1, 3, "Hello there"), False),
        (Cue(1, 3, "[door slams]"), True),
        (Cue(1, 3, "♪ la la ♪"), True),
        (Cue(1, 2 + LONGEST_LINE, "PRESENTED BY"), True),
    ],
)
def test_what_is_read_of_a_cue(cue: Cue, sound: bool) -> None:
    found = cue_timing(cue)
    assert (found.start, found.end, found.sound) == (cue.start, cue.end, sound)


def test_markup_is_not_spoken() -> None:
    assert cue_timing(Cue(0, 1, "<i>Hello</i>")).characters == len("Hello")


# --- territories ------------------------------------------------------------------------------


@quick
@given(cues=cue_lists(apart=True))
def test_territories_cover_their_cue_and_never_overlap(cues: list[CueTiming]) -> None:
    owned = territories(cues)
    assert owned.shape == (len(cues), 2)
    for cue, (begin, end) in zip(cues, owned, strict=True):
        reach = min(cue.end, cue.start + LONGEST_LINE)
        assert cue.start - TERRITORY <= begin <= cue.start
        assert reach <= end <= reach + TERRITORY
    assert (owned[1:, 0] >= owned[:-1, 1] - 1e-9).all()
    assert (np.diff(owned[:, 0]) >= 0).all()


@quick
@given(cues=cue_lists())
def test_territories_are_in_order(cues: list[CueTiming]) -> None:
    owned = territories(cues)
    assert (np.diff(owned[:, 0]) >= -1e-9).all()
    assert (owned[:, 1] >= owned[:, 0]).all()


def test_a_gap_is_shared_between_its_neighbours() -> None:
    owned = territories([line(10, 12), line(13, 14), line(30, 31)])
    expected = np.array([[8, 12.5], [12.5, 16], [28, 33]])
    np.testing.assert_allclose(owned, expected)


# --- cue encoder ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cue_encoder() -> CueEncoder:
    torch.manual_seed(4)
    return CueEncoder().eval()


def test_tokens_stand_where_their_cues_are(cue_encoder: CueEncoder) -> None:
    cues = [line(100.5, 102.0), line(104.0, 105.5)]
    tokens = cue_encoder.encode(cues)
    assert tokens.dim == CUE_DIM and tokens.rate_hz == TOKEN_RATE_HZ
    assert tokens.start == 90.0 and tokens.times[-1] == pytest.approx(115.5, abs=0.02)


def test_where_the_first_token_stands_does_not_matter(cue_encoder: CueEncoder) -> None:
    # As long as it is not within the minute over which the density is averaged.
    cues = [line(100.5, 102.0), line(104.0, 105.5)]
    near, far = cue_encoder.encode(cues, start=50.0), cue_encoder.encode(cues, start=20.0)
    assert (near.start, far.start) == (50.0, 20.0)
    near_tail, far_tail = near.values[-1200:], far.values[-1200:]
    np.testing.assert_allclose(near_tail, far_tail, atol=1e-4)


def test_moving_cues_by_seconds_moves_their_tokens(cue_encoder: CueEncoder) -> None:
    cues = [line(5.3, 7.0), line(8.2, 9.9), line(15.0, 18.0, sound=True)]
    plain, later = cue_encoder.encode(cues), cue_encoder.encode(moved(cues, 4000.0))
    assert later.start - plain.start == 4000.0
    np.testing.assert_allclose(plain.values, later.values, atol=1e-4)


def test_a_long_file_is_encoded_as_if_in_one_pass(cue_encoder: CueEncoder) -> None:
    cues = [line(3.0 * n, 3.0 * n + 2, characters=20 + n % 40) for n in range(45)]
    tokens = cue_encoder.encode(cues)
    assert len(tokens) > 2 * BLOCK_TOKENS
    features = cue_features(cues, start=tokens.start, tokens=len(tokens))
    with torch.inference_mode():
        whole = cue_encoder(torch.from_numpy(features)[None])[0]
    np.testing.assert_allclose(tokens.values, whole.numpy(), rtol=1e-4, atol=1e-5)
