"""The face judge's model: what it is blind to on purpose, and the clock and sign of its lags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avsync import ModelUnavailable
from avsync.aligner.attention import lag_logits
from avsync.aligner.picture import half_rate, load_picture_model, smoothed
from avsync.aligner.sync import (
    SyncModel,
    face_evidence,
    is_sound,
    load_sync_model,
    loudness,
    motion_logits,
    picture_keys,
    save_sync_model,
    sound_frames,
    sound_queries,
)
from avsync.encoders.audio import MEL_BANDS, LogMel
from avsync.encoders.mouth import AROUND, MOUTH_SIZE, MouthEncoder, mouth_movement

Mel = npt.NDArray[np.float16]


@pytest.fixture(scope="module")
def model() -> SyncModel:
    torch.manual_seed(0)
    return SyncModel().eval()


def mouths(tokens: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (tokens, MOUTH_SIZE, MOUTH_SIZE)).astype(np.uint8)


def mel(frames: int, seed: int = 0) -> Mel:
    rng = np.random.default_rng(seed)
    return rng.normal(-8, 2, (frames, MEL_BANDS)).astype(np.float16)


def levelled(log_mel: Mel) -> npt.NDArray[np.float32]:
    return sound_frames(log_mel, loudness(log_mel))


def unit(count: int, seed: int = 0, dim: int = 6) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


@given(lag=st.integers(-40, 40), start=st.integers(20, 40))
def test_a_late_sound_is_a_positive_lag_of_faces(lag: int, start: int) -> None:
    heard = unit(300)
    seen = heard[2 * start + lag :: 2][:40]  # what is seen at a token is heard `lag` half ones on
    logits = face_evidence(seen, heard, start=start, reach=40).logits
    assert len(logits) == 81
    assert int(logits.argmax()) - 40 == lag


@given(lag=st.integers(-20, 20), phase=st.integers(0, 1))
def test_a_late_sound_is_a_positive_lag_of_motion(lag: int, phase: int) -> None:
    seen = unit(120)
    heard = np.zeros((240, 6), np.float32)
    at = 2 * np.arange(120) + 2 * lag + phase
    inside = (at >= 0) & (at < 240)
    heard[at[inside]] = seen[inside]
    logits = motion_logits(heard, seen, start=40, length=40, reach=50)
    assert int(logits.argmax()) - 50 == 2 * lag + phase


@given(
    start=st.integers(0, 60),
    length=st.integers(1, 30),
    reach=st.integers(1, 25),
    silent=st.integers(0, 101),
)
def test_lags_of_faces_are_the_diagonals_of_the_whole_matrix(
    start: int, length: int, reach: int, silent: int
) -> None:
    heard, seen = unit(101, seed=1), unit(length, seed=2)
    heard[:silent] = 0
    said = face_evidence(seen, heard, start=start, reach=reach)
    near = heard[max(0, 2 * start - reach) : 2 * (start + length - 1) + reach + 1]
    near = near[near.any(1)]
    average = near.mean(0) if len(near) else np.zeros(heard.shape[1])
    for lag in range(-reach, reach + 1):
        at = 2 * (start + np.arange(length)) + lag
        inside = (at >= silent) & (at < len(heard))
        told = float((seen[inside] * heard[at[inside]]).sum())
        untold = float((seen[~inside] @ average).sum())
        assert said.logits[lag + reach] == pytest.approx(told + untold, abs=1e-3)
        assert said.match[lag + reach] == pytest.approx(told / max(1, inside.sum()), abs=1e-3)


@given(start=st.integers(0, 45), length=st.integers(1, 30), reach=st.integers(1, 25))
def test_lags_of_motion_are_the_diagonals_of_the_whole_matrix(
    start: int, length: int, reach: int
) -> None:
    heard, seen = unit(150, seed=1), unit(80, seed=2)
    logits = motion_logits(heard, seen, start=start, length=length, reach=reach)
    for lag in range(-reach, reach + 1):
        phase = lag % 2
        at = np.arange(start, start + length)
        at = at[2 * at + phase < len(heard)]
        shown = at - (lag - phase) // 2
        inside = (shown >= 0) & (shown < len(seen))
        expected = float((heard[2 * at[inside] + phase] * seen[shown[inside]]).sum())
        assert logits[lag + reach] == pytest.approx(expected, abs=1e-3)


def test_every_second_smoothed_token_is_one_at_half_the_rate() -> None:
    tokens = torch.from_numpy(unit(31))[None]
    torch.testing.assert_close(smoothed(tokens)[:, ::2], half_rate(tokens))
    middle = (tokens[:, 1] + 2 * tokens[:, 2] + tokens[:, 3]) / 4
    torch.testing.assert_close(half_rate(tokens)[:, 1], middle)


def test_sound_is_encoded_in_blocks_as_in_one_pass(
    model: SyncModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = mel(900)
    whole = model.heard(sound)
    monkeypatch.setattr("avsync.aligner.sync.BLOCK_FRAMES", 200)
    np.testing.assert_allclose(model.heard(sound), whole, atol=1e-4)


def test_neither_volume_nor_colour_of_a_recording_is_heard(model: SyncModel) -> None:
    quiet = mel(200)
    coloured = (quiet.astype(np.float32) + np.linspace(-2, 2, MEL_BANDS)).astype(np.float16)
    louder = (quiet.astype(np.float32) + 3).astype(np.float16)
    np.testing.assert_allclose(levelled(louder), levelled(quiet), atol=0.02)
    difference = np.abs(levelled(coloured) - levelled(quiet))
    assert float(np.median(difference)) < 0.02


def test_digital_silence_says_nothing_and_changes_nothing(model: SyncModel) -> None:
    sound = mel(150)
    late = np.concatenate([LogMel()([np.zeros(16_000, np.float32)])[:50], sound])
    assert is_sound(late).tolist() == [False] * 50 + [True] * 150
    heard = model.heard(late)
    assert not heard[:50].any()
    np.testing.assert_allclose(levelled(late)[50:], levelled(sound), atol=1e-4)
    np.testing.assert_allclose(heard[100:], model.heard(sound)[50:], atol=1e-4)
    assert model.heard(sound[:0]).shape == (0, 48)
    assert not model.heard(late[:40]).any()


def test_skin_and_light_that_stay_are_not_seen() -> None:
    pictures = torch.from_numpy(mouths(30)).float()[None] / 4 + 60
    before = mouth_movement(pictures)
    assert before.shape == (1, 30, 2, MOUTH_SIZE, MOUTH_SIZE)
    flicker = pictures + 20 * torch.sin(torch.arange(30))[None, :, None, None]
    torch.testing.assert_close(mouth_movement(flicker), before, atol=1e-3, rtol=1e-3)
    still = mouth_movement(pictures[:, :1].expand(-1, 30, -1, -1))
    assert float(still.abs().max()) < 1e-3


def test_a_mouth_is_encoded_in_blocks_as_in_one_pass() -> None:
    torch.manual_seed(1)
    encoder = MouthEncoder(widths=(4, 4, 4, 4), channels=8).eval()
    pictures = mouths(600)
    with torch.inference_mode():
        around = encoder.receptive_field
        middle = encoder(torch.from_numpy(pictures[250 - around : 500 + around])[None])[0]
    tokens = encoder.encode(pictures)
    assert len(tokens) == 600
    np.testing.assert_allclose(tokens[250:500], middle[around : around + 250].numpy(), atol=1e-4)
    assert around > AROUND


@pytest.mark.parametrize("wrong", [mouths(5)[:, 1:], mouths(5).astype(np.float32)])
def test_other_pictures_than_mouths_are_refused(wrong: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="mouths must be uint8"):
        MouthEncoder().eval().encode(wrong)


def test_the_motion_judge_scores_as_the_picture_model_does() -> None:
    picture = load_picture_model()
    sound, tokens = mel(200, seed=3), unit(100, seed=4, dim=48)
    queries, keys = sound_queries(picture, sound), picture_keys(picture, tokens)
    song = picture.song_tokens(sound)
    with torch.inference_mode():
        expected = picture.lag.lag_logits(
            torch.from_numpy(song.values), torch.from_numpy(tokens)
        ).numpy()
    np.testing.assert_allclose(
        lag_logits(torch.from_numpy(queries[::2]), torch.from_numpy(keys)).numpy(),
        expected,
        rtol=1e-3,
        atol=1e-2,
    )


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 100))
def test_the_same_input_gives_the_same_tokens(model: SyncModel, seed: int) -> None:
    np.testing.assert_array_equal(model.seen(mouths(20, seed)), model.seen(mouths(20, seed)))
    np.testing.assert_array_equal(model.heard(mel(60, seed)), model.heard(mel(60, seed)))


def test_weights_come_back_as_they_were_saved(model: SyncModel, tmp_path: Path) -> None:
    save_sync_model(model, tmp_path / "sync.safetensors")
    again = load_sync_model(tmp_path / "sync.safetensors")
    assert again.version != model.version
    np.testing.assert_array_equal(again.seen(mouths(20)), model.seen(mouths(20)))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"train_offset\.py"):
        load_sync_model(tmp_path / "none.safetensors")
