"""VisualEncoder: small frames → tokens, and small heads on those tokens.

Frames of 64 by 36 pixels are enough to see what moves, how fast and when it stops, and where one
shot gives way to the next, and they cost about as much as sound does. Every frame is looked at
together with its differences to both neighbours, by the same few layers; what those found is
pooled over the picture, and a stack of convolutions in time makes tokens of it.

A token depends on `receptive_field` frames to either side and on no more: blocks cannot be told
from the whole. At a clip's ends the first and last frames are held, so nothing seems to move there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.layers import ConvolutionStack
from avsync.tokens import TokenSequence

FRAME_HEIGHT, FRAME_WIDTH = 36, 64
TOKEN_RATE_HZ = 25.0
VISUAL_DIM = 48
BLOCK_TOKENS = 250  # ten seconds: encoding takes the memory of that
DIFFERENCE_GAIN = 4.0  # neighbours differ by much less than frames vary
MOTION_FLOOR = 0.1  # pixels: motion is learnt as a logarithm, from about here up

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]


def frame_blocks(frames: Iterable[Frames]) -> Iterator[Frames]:
    """Single frames [36, 64, 3] → blocks [time, 36, 64, 3], as they are encoded."""
    held = iter(frames)
    while block := list(islice(held, BLOCK_TOKENS)):
        yield np.stack(block)


class FrameTrunk(nn.Module):
    """Frames with their differences → what is in each: [batch, time, `outputs`]."""

    def __init__(self, widths: tuple[int, int, int] = (12, 24, 48)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 9  # a frame in RGB, and what came before and comes after it less it
        for width in widths:
            layers += [
                nn.Conv2d(inputs, width, 3, stride=2, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.outputs = 2 * inputs

    def forward(self, frames: Tensor) -> Tensor:
        """uint8 [batch, time, height, width, 3] → float32 [batch, time, outputs]."""
        batch, time, height, width = frames.shape[:4]
        inputs = torch.zeros(batch, time, 9, height, width)
        pictures = inputs[:, :, :3]
        pictures[:] = frames.permute(0, 1, 4, 2, 3)
        pictures.div_(255).sub_(0.5)
        inputs[:, 1:, 3:6] = DIFFERENCE_GAIN * (pictures[:, 1:] - pictures[:, :-1])
        inputs[:, :-1, 6:] = inputs[:, 1:, 3:6]
        seen = self.layers(inputs.flatten(0, 1)).flatten(2)
        # The mean tells how much of the picture does something, the maximum that anything does.
        pooled = torch.cat([seen.mean(2), seen.amax(2)], 1)
        return pooled.reshape(batch, time, self.outputs)


class VisualEncoder(nn.Module):
    """Frames at 25 Hz, uint8 [batch, time, 36, 64, 3] → tokens [batch, time, `VISUAL_DIM`].

    Frames of any shape are squeezed to 64 by 36, so that every pixel is used.
    """

    def __init__(
        self, *, channels: int = 64, dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
    ) -> None:
        super().__init__()
        self.trunk = FrameTrunk()
        self.stack = ConvolutionStack(self.trunk.outputs, channels, dilations)
        self.read_out = nn.Conv1d(channels, VISUAL_DIM, 1)
        self.change = nn.Linear(VISUAL_DIM, 1)
        self.stir = nn.Linear(VISUAL_DIM, 1)
        self.receptive_field = self.stack.receptive_field + 1

    def forward(self, frames: Tensor) -> Tensor:
        tokens: Tensor = self.read_out(self.stack(self.trunk(frames).transpose(1, 2)))
        return tokens.transpose(1, 2)

    @torch.inference_mode()
    def encode(self, blocks: Frames | Iterable[Frames]) -> TokenSequence:
        """The tokens of a whole clip, or of one that comes in blocks, in the memory of a few.

        Args:
            blocks: uint8 [time, 36, 64, 3], or several of them end to end; frame `k` of all is the
                one on display at `k / 25` s.

        Raises:
            ValueError: a block has another shape or type.
        """
        if isinstance(blocks, np.ndarray):
            blocks = [blocks[n : n + BLOCK_TOKENS] for n in range(0, len(blocks), BLOCK_TOKENS)]
        held = np.zeros((0, FRAME_HEIGHT, FRAME_WIDTH, 3), np.uint8)
        done = 0  # of the frames held, those whose tokens are made: they are context
        parts = [np.zeros((0, VISUAL_DIM), np.float32)]
        around = self.receptive_field
        for block in blocks:
            _check(block)
            held = np.concatenate([held, block])
            while len(held) - around - done >= BLOCK_TOKENS:
                ready = done + BLOCK_TOKENS
                parts.append(self._tokens(held[: ready + around])[done:ready])
                dropped = max(0, ready - around)
                held, done = held[dropped:], ready - dropped
        if len(held) > done:
            parts.append(self._tokens(held)[done:])
        return TokenSequence(np.concatenate(parts), TOKEN_RATE_HZ)

    def _tokens(self, frames: Frames) -> FloatArray:
        tokens: FloatArray = self(torch.from_numpy(frames)[None])[0].numpy()
        return tokens

    @torch.inference_mode()
    def change_probability(self, tokens: TokenSequence) -> FloatArray:
        """float32 [tokens]: how likely a new shot begins at each token (of a dissolve, its middle).

        From the shot change head.
        """
        logits = self.change(torch.from_numpy(tokens.values))[:, 0]
        probability: FloatArray = torch.sigmoid(logits).numpy()
        return probability

    @torch.inference_mode()
    def motion(self, tokens: TokenSequence) -> FloatArray:
        """float32 [tokens]: how many pixels of 64 by 36 things move in 1/25 s, on average.

        From the motion head, which learnt it from films in which every displacement is known; a
        cut is no motion.
        """
        logs = self.stir(torch.from_numpy(tokens.values))[:, 0]
        pixels: FloatArray = (logs.exp() - MOTION_FLOOR).clamp_min(0.0).numpy()
        return pixels


def _check(frames: Frames) -> None:
    if frames.dtype != np.uint8 or frames.shape[1:] != (FRAME_HEIGHT, FRAME_WIDTH, 3):
        raise ValueError(
            f"frames must be uint8 [time, {FRAME_HEIGHT}, {FRAME_WIDTH}, 3]; "
            f"got {frames.dtype} {list(frames.shape)}"
        )
