"""PictureModel: sound against picture, checked against sums written out, and by what it finds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from clips import write_sound
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from avsync.aligner.picture import (
    PictureModel,
    half_rate,
    load_picture_model,
    match_logits,
    save_picture_model,
)
from avsync.encoders.audio import AUDIO_DIM, LogMel
from avsync.encoders.checkpoint import PACKAGED
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH, TOKEN_RATE_HZ, VISUAL_DIM
from avsync.errors import MediaError, ModelUnavailable
from avsync.media import iter_audio
from avsync.timemap import Span
from avsync.tokens import TokenSequence

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def model() -> PictureModel:
    torch.manual_seed(0)
    return PictureModel().eval()


@pytest.fixture(scope="module")
def trained() -> PictureModel:
    return load_picture_model()


def random_tokens(count: int, dim: int, seed: int) -> TokenSequence:
    values = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return TokenSequence(values, TOKEN_RATE_HZ)


# --- match_logits -----------------------------------------------------------------------------


def plain(
    model: PictureModel, song: TokenSequence, slots: list[tuple[int, int]], clip: TokenSequence
) -> npt.NDArray[np.float32]:
    """`match_logits` as its docstring says it, for slots in tokens."""
    with torch.inference_mode():
        scores = model.lag.scores(torch.from_numpy(song.values), torch.from_numpy(clip.values))
    attention = scores.sum(0).numpy()  # over heads
    out = np.full((len(slots), len(clip)), -np.inf, np.float32)
    for row, (start, end) in zip(out, slots, strict=True):
        for j in range(len(clip) - (end - start) + 1):
            row[j] = sum(
                attention[i, j + i - start] for i in range(start, end) if 0 <= i < len(song)
            )
    return out


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    clip_length=st.integers(0, 90),
    slots=st.lists(st.tuples(st.integers(-20, 70), st.integers(1, 60)), max_size=6),
)
def test_a_logit_is_the_sum_of_attention_from_a_token_on(
    model: PictureModel, clip_length: int, slots: list[tuple[int, int]]
) -> None:
    song, clip = random_tokens(60, AUDIO_DIM, 1), random_tokens(clip_length, VISUAL_DIM, 2)
    ends = [(start, start + length) for start, length in slots]
    spans = [Span(start / TOKEN_RATE_HZ, end / TOKEN_RATE_HZ) for start, end in ends]
    found = match_logits(model, song, spans, clip)
    np.testing.assert_allclose(found, plain(model, song, ends, clip), atol=1e-3)


def test_a_song_may_start_anywhere_on_its_clock(model: PictureModel) -> None:
    song, clip = random_tokens(60, AUDIO_DIM, 1), random_tokens(50, VISUAL_DIM, 2)
    later = TokenSequence(song.values, song.rate_hz, start=12.0)
    here = match_logits(model, song, [Span(0.4, 1.2)], clip)
    np.testing.assert_array_equal(here, match_logits(model, later, [Span(12.4, 13.2)], clip))


def test_a_slot_shorter_than_a_token_is_one_token_long(model: PictureModel) -> None:
    song, clip = random_tokens(60, AUDIO_DIM, 1), random_tokens(50, VISUAL_DIM, 2)
    found = match_logits(model, song, [Span(0.400, 0.401), Span(0.40, 0.44)], clip)
    np.testing.assert_array_equal(found[0], found[1])
    assert np.isfinite(found).all()


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "half"), [(0, 0), (1, 1), (2, 1), (7, 4), (50, 25)])
def test_half_rate_keeps_the_clock(count: int, half: int) -> None:
    times = torch.arange(count, dtype=torch.float32)[None, :, None] / 50
    pooled = half_rate(times)
    assert pooled.shape == (1, half, 1)
    inner = slice(1, half - 1 + count % 2 - 1)  # where nothing is held past an end
    expected = torch.arange(half)[None, :, None] / 25
    torch.testing.assert_close(pooled[:, inner], expected[:, inner])


def test_song_tokens_come_from_a_file_or_its_log_mel(model: PictureModel, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "song.wav", "pcm_s16le", RATE_HZ, layout="mono")
    tokens = model.song_tokens(path)
    assert (tokens.rate_hz, tokens.dim, tokens.start) == (TOKEN_RATE_HZ, AUDIO_DIM, 0.0)
    assert tokens.duration == pytest.approx(6.0, abs=0.05)
    from_mel = model.song_tokens(LogMel()(iter_audio(path)))
    np.testing.assert_array_equal(tokens.values, from_mel.values)


def test_a_song_without_sound_is_refused(model: PictureModel, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        model.song_tokens(tmp_path / "song.mp3")
    (tmp_path / "text.mp3").write_text("la la la")
    with pytest.raises(MediaError, match="is text"):
        model.song_tokens(tmp_path / "text.mp3")


# --- weights ----------------------------------------------------------------------------------


def test_saving_and_loading_keeps_every_weight(model: PictureModel, tmp_path: Path) -> None:
    path = tmp_path / "new" / "picture.safetensors"
    save_picture_model(model, path)
    loaded, stored = load_picture_model(path), load_file(path)
    assert not loaded.training
    assert loaded.version != "untrained"
    for name, value in loaded.state_dict().items():
        torch.testing.assert_close(value, stored[name], rtol=0, atol=0)


def test_what_is_no_model_is_refused(model: PictureModel, tmp_path: Path) -> None:
    path = tmp_path / "picture.safetensors"
    with pytest.raises(ModelUnavailable, match=r"train_picture\.py"):
        load_picture_model(path)
    save_picture_model(model, path)
    weights = load_file(path)
    del weights["lag.key.weight"]
    save_file(weights, path)
    with pytest.raises(ModelUnavailable, match=r"lag\.key\.weight"):
        load_picture_model(path)


def test_the_packaged_model_is_small_and_finite(trained: PictureModel) -> None:
    assert (PACKAGED / "picture.safetensors").stat().st_size < 2 << 20
    assert all(torch.isfinite(value).all() for value in trained.state_dict().values())


# --- what it learnt ---------------------------------------------------------------------------


def strikes(seconds: float, times: list[float]) -> tuple[npt.NDArray[np.uint8], object]:
    """A ball that bounces, landing at each of `times`, and the thuds of it."""
    clock = np.arange(round(seconds * 25)) / 25
    rows, columns = np.mgrid[:FRAME_HEIGHT, :FRAME_WIDTH] + 0.5
    frames = np.empty((len(clock), FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8)
    lands = np.array([times[0] - 0.8, *times, times[-1] + 0.8])
    for number, now in enumerate(clock):
        after = min(max(int(np.searchsorted(lands, now)), 1), len(lands) - 1)
        height = 100 * max(0.0, (now - lands[after - 1]) * (lands[after] - now))
        inside = np.clip(4.5 - np.hypot(columns - 30, rows - 28 + height), 0, 1)[..., None]
        frames[number] = 60 + 20 * np.sin(columns / 5)[..., None] + inside * np.array([150, 90, 0])
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    fade = np.arange(3200) / RATE_HZ
    thud = 0.5 * np.sin(2 * np.pi * 120 * fade) * np.exp(-fade / 0.05)
    for time in times:
        start = round(time * RATE_HZ)
        sound[start : start + 3200] += thud[: len(sound) - start]
    noise = 0.002 * np.random.default_rng(0).normal(size=len(sound))
    return frames, LogMel()([(sound + noise).astype(np.float32)])


def test_a_sound_finds_the_movement_that_made_it(trained: PictureModel) -> None:
    times = [0.7, 1.6, 2.1, 3.5, 4.2, 5.6, 6.0, 7.3, 8.9, 9.4, 10.6, 11.1, 12.4, 13.9, 14.4, 15.6]
    frames, log_mel = strikes(17.0, times)
    song, seen = trained.song_tokens(log_mel), trained.visual.encode(frames)  # type: ignore[arg-type]
    starts = [1.0, 3.0, 5.0, 7.0]
    logits = match_logits(trained, song, [Span(start, start + 8.0) for start in starts], seen)
    best = logits.argmax(axis=1) / TOKEN_RATE_HZ
    np.testing.assert_allclose(best, starts, atol=0.08)


def test_a_silent_song_fits_everywhere_about_alike(trained: PictureModel) -> None:
    frames, _ = strikes(10.0, [1.0, 2.3, 4.0, 6.1, 7.0, 8.8])
    silence = trained.song_tokens(LogMel()([np.zeros(10 * RATE_HZ, np.float32)]))
    seen = trained.visual.encode(frames)
    logits = match_logits(trained, silence, [Span(2.0, 6.0)], seen)[0]
    likelihood = np.exp(logits - logits.max())
    likelihood /= likelihood.sum()
    entropy = -(likelihood * np.log(likelihood + 1e-12)).sum()
    assert entropy > 0.5 * math.log(np.isfinite(logits).sum())
