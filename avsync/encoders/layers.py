"""The layers that every encoder is made of.

Depth-wise separable convolutions with growing dilation see seconds of context at a cost that
is linear in time (van den Oord et al. 2016; Howard et al. 2017), so a film is encoded in blocks
whose overlap is the receptive field, and no block can be told from the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
from torch import Tensor, nn

from avsync.progress import Progress


class DilatedBlock(nn.Module):
    """A residual block: depth-wise dilated convolution, then a two-layer mixer over channels.

    Tensors are [batch, channels, time]; time is kept (zero padding at both ends).
    """

    def __init__(self, channels: int, *, kernel: int, dilation: int, expansion: int = 2) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.depthwise = nn.Conv1d(
            channels, channels, kernel, padding=padding, dilation=dilation, groups=channels
        )
        self.norm = nn.BatchNorm1d(channels)
        self.widen = nn.Conv1d(channels, expansion * channels, 1)
        self.narrow = nn.Conv1d(expansion * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.relu(self.widen(self.norm(self.depthwise(x))))
        out: Tensor = x + self.narrow(hidden)
        return out


class ConvolutionStack(nn.Module):
    """``inputs`` channels → ``channels`` through one block per entry of ``dilations``.

    ``receptive_field`` is the number of frames on either side that one output depends on.
    """

    def __init__(
        self, inputs: int, channels: int, dilations: Sequence[int], *, kernel: int = 5
    ) -> None:
        super().__init__()
        self.receptive_field = (kernel // 2) * (1 + sum(dilations))
        self.project = nn.Conv1d(inputs, channels, kernel, padding=kernel // 2)
        self.blocks = nn.Sequential(
            *(DilatedBlock(channels, kernel=kernel, dilation=d) for d in dilations)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[batch, inputs, time] → [batch, channels, time]."""
        hidden: Tensor = self.blocks(nn.functional.relu(self.project(x)))
        return hidden


def in_blocks(
    encode: Callable[[npt.NDArray[Any]], Tensor],
    frames: npt.NDArray[Any],
    *,
    block: int,
    receptive_field: int,
    progress: Progress | None = None,
) -> Tensor:
    """``encode`` over ``frames`` [time, ...] in blocks of ``block`` frames: memory stays flat.

    Each block is given its receptive field on both sides, so the result equals one pass over the
    whole (up to rounding), wherever the blocks fall.
    """
    length = len(frames)
    out: Tensor | None = None
    for start in range(0, length, block):
        if progress:
            progress("encoding", start / length)
        left, right = max(0, start - receptive_field), start + block + receptive_field
        part = encode(frames[left:right])
        if out is None:
            out = part.new_empty(length, *part.shape[1:])
        count = min(block, length - start)
        out[start : start + count] = part[start - left : start - left + count]
    return encode(frames) if out is None else out
