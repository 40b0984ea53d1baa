"""VisualEncoder: blocks that cannot be told from the whole, no sense of place, exact clocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from avsync.clips import TOKEN_RATE_HZ as CLIP_RATE_HZ
from avsync.encoders.visual import (
    BLOCK_TOKENS,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    MOTION_FLOOR,
    TOKEN_RATE_HZ,
    VISUAL_DIM,
    VisualEncoder,
)
from avsync.tokens import TokenSequence

Frames = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def encoder() -> VisualEncoder:
    torch.manual_seed(0)
    made = VisualEncoder(channels=16, dilations=(1, 2))
    made(torch.from_numpy(drifting(50))[None])  # so that the norms have seen something
    return made.eval()


def drifting(count: int, *, seed: int = 0) -> Frames:
    """Blotches that drift to the right and change a little."""
    chance = np.random.default_rng(seed)
    wide = chance.integers(0, 256, (9, 16 + count // 4 + 1, 3))
    wide = np.kron(wide, np.ones((4, 4, 1), np.int64))
    frames = np.stack([wide[:, n : n + FRAME_WIDTH] for n in range(count)])
    return (0.8 * frames + chance.uniform(0, 50, frames.shape)).astype(np.uint8)


@pytest.mark.parametrize("sizes", [[1], [7, 0, 400, 3], [BLOCK_TOKENS, 2 * BLOCK_TOKENS], [600]])
def test_blocks_cannot_be_told_from_the_whole(encoder: VisualEncoder, sizes: list[int]) -> None:
    frames = drifting(sum(sizes))
    ends = np.cumsum(sizes)
    blocks = [frames[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    with torch.inference_mode():
        whole = encoder(torch.from_numpy(frames)[None])[0].numpy()
    for tokens in (encoder.encode(blocks), encoder.encode(frames)):
        assert (tokens.rate_hz, tokens.start) == (TOKEN_RATE_HZ, 0.0)
        np.testing.assert_allclose(tokens.values, whole, atol=1e-4)


def test_no_frames_make_no_tokens(encoder: VisualEncoder) -> None:
    assert encoder.encode(drifting(1)[:0]).values.shape == (0, VISUAL_DIM)
    assert len(encoder.encode([])) == 0


@pytest.mark.parametrize(
    "frames", [np.zeros((4, 64, 36, 3), np.uint8), np.zeros((4, 36, 64, 3), np.float32)]
)
def test_frames_of_another_kind_are_refused(
    encoder: VisualEncoder, frames: npt.NDArray[np.generic]
) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[time, 36, 64, 3\]; got .*4, "):
        encoder.encode([frames])  # type: ignore[list-item]


def test_a_token_knows_what_it_sees_and_not_where_it_stands(encoder: VisualEncoder) -> None:
    frames, shift = drifting(200), 37
    tokens, later = encoder.encode(frames), encoder.encode(frames[shift:])
    clear = encoder.receptive_field  # of the cut edge
    np.testing.assert_allclose(tokens.values[shift + clear :], later.values[clear:], atol=1e-4)


def test_a_token_depends_on_its_receptive_field_only(encoder: VisualEncoder) -> None:
    frames, at = drifting(120), 60
    changed = frames.copy()
    changed[at] = 255 - changed[at]
    moved = np.abs(encoder.encode(frames).values - encoder.encode(changed).values).max(axis=1)
    reach = encoder.receptive_field
    assert moved[at] > 0.01
    assert moved[at - reach : at + reach + 1].max() == moved.max()
    assert moved[: at - reach].max() < 1e-4
    assert moved[at + reach + 1 :].max() < 1e-4


def test_nothing_seems_to_move_at_the_ends_of_a_still_clip(encoder: VisualEncoder) -> None:
    still = np.repeat(drifting(1), 150, axis=0)
    with torch.inference_mode():
        seen = encoder.trunk(torch.from_numpy(still)[None])[0]
    torch.testing.assert_close(seen, seen[:1].expand_as(seen))


def test_the_heads_speak_in_probabilities_and_pixels(encoder: VisualEncoder) -> None:
    tokens = encoder.encode(drifting(60))
    probability, motion = encoder.change_probability(tokens), encoder.motion(tokens)
    assert probability.shape == motion.shape == (60,)
    assert ((probability > 0) & (probability < 1)).all()
    assert (motion >= 0).all()
    with torch.inference_mode():
        logs = encoder.stir(torch.from_numpy(tokens.values))[:, 0].numpy()
    np.testing.assert_allclose(motion, np.maximum(np.exp(logs) - MOTION_FLOOR, 0), rtol=1e-5)


def test_a_token_of_any_origin_may_be_judged(encoder: VisualEncoder) -> None:
    tokens = TokenSequence(np.zeros((0, VISUAL_DIM), np.float32), TOKEN_RATE_HZ)
    assert encoder.motion(tokens).shape == (0,)


def test_clips_and_tokens_keep_one_clock() -> None:
    assert CLIP_RATE_HZ == TOKEN_RATE_HZ
    assert FRAME_WIDTH * 9 == FRAME_HEIGHT * 16
