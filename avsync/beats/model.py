"""BeatModel: an audio encoder that hears ten seconds around, with heads for beat and downbeat.

Bars are longer than what one token can know of: so once the beats are decoded, a second head looks
at what is heard at and after each of them, over thirty beats to either side, and says which are
downbeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.audio import MEL_BANDS, AudioEncoder, band_means, normalise
from avsync.encoders.checkpoint import PACKAGED, load_weights
from avsync.encoders.layers import ConvolutionStack
from avsync.progress import Progress
from avsync.tokens import TokenSequence

BEAT_DIM = 64
CHANNELS = 96
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)  # ±10 s: a few bars to either side

BAR_CHANNELS = 64
BAR_DILATIONS = (1, 2, 4, 8)  # ±30 beats

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """What the heads say of each token, as logits; token ``j`` is at ``j / rate_hz`` seconds."""

    beat: FloatArray
    """float32 [tokens]"""
    downbeat: FloatArray
    """float32 [tokens]"""
    speech: FloatArray
    """float32 [tokens]: somebody talks and no music is heard"""
    rate_hz: float
    tokens: FloatArray
    """float32 [tokens, BEAT_DIM]"""
    frames: FloatArray
    """float32 [tokens, bands]: the normalised log-mel frames that they were made of"""


class BarHead(nn.Module):
    """What is heard at each beat [batch, beats, features] → downbeat logits [batch, beats]."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ConvolutionStack(BEAT_DIM + MEL_BANDS, BAR_CHANNELS, BAR_DILATIONS)
        self.read_out = nn.Conv1d(BAR_CHANNELS, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.read_out(self.stack(features.transpose(1, 2)))
        return logits[:, 0]


def beat_features(tokens: Tensor, frames: Tensor, places: Tensor) -> Tensor:
    """[beats, features]: the token at each beat, and the mean frame from it to the next.

    Args:
        tokens: [time, BEAT_DIM]
        frames: [time, bands]
        places: int64 [beats], the token of each beat, ascending.
    """
    last = places[-1:] + (places[-1:] - places[-2:-1] if len(places) > 1 else 25)
    edges = torch.cat([places, last]).clamp(0, len(frames))
    total = nn.functional.pad(frames.cumsum(0), (0, 0, 1, 0))
    span = (edges[1:] - edges[:-1]).clamp_min(1)[:, None]
    mean = (total[edges[1:]] - total[edges[:-1]]) / span
    return torch.cat([tokens[places.clamp(0, len(tokens) - 1)], mean], dim=1)


class BeatModel(nn.Module):
    """Normalised log-mel → logits of beat and downbeat on the audio tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.audio = AudioEncoder(channels=CHANNELS, dilations=DILATIONS, dim=BEAT_DIM)
        self.beat = nn.Linear(BEAT_DIM, 1)
        self.downbeat = nn.Linear(BEAT_DIM, 1)
        self.bars = BarHead()
        # Turns how well a path of beats is borne out into a confidence: weight, bias; fitted by
        # scripts/train_beats.py on songs that were not trained on.
        self.calibration: Tensor
        self.register_buffer("calibration", torch.tensor([6.0, -3.0]))
        # Seconds by which the beat head is late, in the median; fitted likewise.
        self.latency: Tensor
        self.register_buffer("latency", torch.tensor(0.0))
        self.version = "untrained"

    def forward(self, frames: Tensor) -> Tensor:
        """[batch, frames, bands] → logits [batch, frames, 3]: beat, downbeat, speech."""
        return self.heads(self.audio(frames))

    def heads(self, tokens: Tensor) -> Tensor:
        """Tokens [..., BEAT_DIM] → logits [..., 3]."""
        tokens = nn.functional.relu(tokens)
        return torch.cat([self.beat(tokens), self.downbeat(tokens), self.audio.speech(tokens)], -1)

    @torch.inference_mode()
    def activations(
        self, log_mel: npt.NDArray[np.float16], *, progress: Progress | None = None
    ) -> Activations:
        """The logits of a whole song, encoded in blocks; ``log_mel`` as ``LogMel`` makes it."""
        tokens: TokenSequence = self.audio.encode(log_mel, progress=progress)
        logits = self.heads(torch.from_numpy(tokens.values)).numpy().T
        frames = normalise(log_mel, band_means(log_mel))
        beat, downbeat, speech = logits
        return Activations(beat, downbeat, speech, tokens.rate_hz, tokens.values, frames)

    @torch.inference_mode()
    def downbeat_logits(self, found: Activations, beats: npt.NDArray[np.float64]) -> FloatArray:
        """float32 [beats]: how likely each of ``beats`` (seconds) begins a bar."""
        if not len(beats):
            return np.zeros(0, np.float32)
        places = torch.from_numpy(np.round(beats * found.rate_hz).astype(np.int64))
        tokens, frames = torch.from_numpy(found.tokens), torch.from_numpy(found.frames)
        logits: FloatArray = self.bars(beat_features(tokens, frames, places)[None])[0].numpy()
        return logits


def load_beat_model(path: Path | None = None) -> BeatModel:
    """The model in the package, or one that ``scripts/train_beats.py`` wrote to ``path``.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    model = BeatModel()
    model.version = load_weights(
        model, path or PACKAGED / "beats.safetensors", trainer="train_beats.py"
    )
    return model.eval()
