"""CueEncoder: the timing of subtitle cues → tokens.

No text is compared, so subtitles in any language fit a soundtrack in any other: what is read of a
cue is when it is on, how fast its text would have to be spoken, and whether it is spoken at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.audio import BLOCK_TOKENS, TOKEN_RATE_HZ
from avsync.encoders.layers import ConvolutionStack, in_blocks
from avsync.subtitles import Cue
from avsync.tokens import TokenSequence

LONGEST_LINE = 15.0  # seconds: nobody speaks one line for longer, so such a cue is a sign
TERRITORY = 2.0  # seconds of silence on either side that a cue can speak for
CUE_FEATURES = 10
CUE_DIM = 48
DENSITY_WINDOW = 60.0  # seconds over which a file's share of subtitled time is averaged
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CueTiming:
    """What the encoder reads of one cue; times in seconds on any one clock."""

    start: float
    end: float
    characters: int
    """spoken characters: tags and "[...]" do not count"""
    sound: bool
    """a "[door slams]" or ♪ line: nothing that a voice says"""


def cue_timing(cue: Cue) -> CueTiming:
    """What the encoder reads of a subtitle cue."""
    sign = cue.end - cue.start > LONGEST_LINE
    return CueTiming(cue.start, cue.end, len(cue.plain), sign or cue.is_sound)


def territories(cues: Sequence[CueTiming]) -> npt.NDArray[np.float64]:
    """The stretch of time that each cue speaks for: float64 [cues, 2], seconds.

    Half of the gap to each neighbour belongs to it, but not more than ``TERRITORY``: silence where
    a voice is expected, and a voice where silence is, are evidence too. ``cues`` are in order of
    start.
    """
    starts = np.array([cue.start for cue in cues])
    ends = np.array([min(cue.end, cue.start + LONGEST_LINE) for cue in cues])
    halves = np.clip(starts[1:] - ends[:-1], 0.0, 2 * TERRITORY) / 2
    return np.column_stack([
        starts - np.concatenate([[TERRITORY], halves]),
        ends + np.concatenate([halves, [TERRITORY]]),
    ])  # fmt: skip


def cue_features(cues: Sequence[CueTiming], *, start: float, tokens: int) -> FloatArray:
    """Feature frames [tokens, CUE_FEATURES] at ``TOKEN_RATE_HZ``, the first at ``start`` seconds.

    Channels: share of the token inside a spoken cue; onset; offset; speaking rate; position in the
    cue; seconds since its start and to its end (squashed); inside a sound cue; onset of a sound
    cue; share of the minute around that is subtitled. Edges are spread linearly over the two
    tokens they fall between, so that times finer than a token survive.
    """
    out = np.zeros((tokens, CUE_FEATURES), np.float32)
    for cue in cues:
        first, last = (cue.start - start) * TOKEN_RATE_HZ, (cue.end - start) * TOKEN_RATE_HZ
        begin, end = max(0, int(np.floor(first - 0.5))), min(tokens, int(np.ceil(last + 0.5)) + 1)
        if begin >= end or last <= first:
            continue
        at = np.arange(begin, end, dtype=np.float64)  # hours in, float32 is too coarse
        inside = np.clip(np.minimum(at + 0.5, last) - np.maximum(at - 0.5, first), 0.0, 1.0)
        rows = out[begin:end]
        if cue.sound:
            rows[:, 7] = np.maximum(rows[:, 7], inside)
            _mark(out[:, 8], first)
            continue
        rows[:, 0] = np.maximum(rows[:, 0], inside)
        _mark(out[:, 1], first)
        _mark(out[:, 2], last)
        rows[:, 3] += inside * np.log1p(cue.characters / max(cue.end - cue.start, 0.1)) / 3.0
        rows[:, 4] += inside * np.clip((at - first) / (last - first), 0.0, 1.0)
        rows[:, 5] += inside * np.tanh((at - first) / TOKEN_RATE_HZ)
        rows[:, 6] += inside * np.tanh((last - at) / TOKEN_RATE_HZ)
    out[:, 9] = _moving_average(out[:, 0], int(DENSITY_WINDOW * TOKEN_RATE_HZ))
    return out


def _mark(channel: FloatArray, at: float) -> None:
    """Put a unit impulse at the fractional index ``at``."""
    low = int(np.floor(at))
    for index, weight in ((low, 1.0 - (at - low)), (low + 1, at - low)):
        if 0 <= index < len(channel):
            channel[index] = min(1.0, channel[index] + weight)


def _moving_average(channel: FloatArray, width: int) -> FloatArray:
    """The mean of ``channel`` over ``width`` entries around each one, cut off at the ends."""
    total = np.concatenate([[0.0], np.cumsum(channel, dtype=np.float64)])
    index = np.arange(len(channel))
    low, high = np.maximum(index - width // 2, 0), np.minimum(index + width // 2, len(channel))
    mean: FloatArray = ((total[high] - total[low]) / np.maximum(high - low, 1)).astype(np.float32)
    return mean


class CueEncoder(nn.Module):
    """Feature frames [batch, tokens, CUE_FEATURES] → tokens [batch, tokens, ``CUE_DIM``]."""

    def __init__(
        self, *, channels: int = 48, dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    ) -> None:
        super().__init__()
        self.stack = ConvolutionStack(CUE_FEATURES, channels, dilations)
        self.read_out = nn.Conv1d(channels, CUE_DIM, 1)

    def forward(self, frames: Tensor) -> Tensor:
        tokens: Tensor = self.read_out(self.stack(frames.transpose(1, 2)))
        return tokens.transpose(1, 2)

    @torch.inference_mode()
    def encode(
        self, cues: Sequence[CueTiming], *, start: float | None = None, margin: float = 10.0
    ) -> TokenSequence:
        """Tokens from ``margin`` seconds before the first cue to as long after the last.

        ``start`` in seconds fixes where the first token stands.
        """
        if start is None:
            start = float(np.floor(min(cue.start for cue in cues) - margin))
        end = max(cue.end for cue in cues) + margin
        features = cue_features(cues, start=start, tokens=int((end - start) * TOKEN_RATE_HZ) + 1)
        tokens = in_blocks(
            lambda part: self(torch.from_numpy(part)[None])[0],
            features,
            block=BLOCK_TOKENS,
            receptive_field=self.stack.receptive_field,
        )
        return TokenSequence(tokens.numpy(), TOKEN_RATE_HZ, start)
