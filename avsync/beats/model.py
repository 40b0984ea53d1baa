"""BeatModel: an audio encoder that hears ten seconds around, with heads for beat and downbeat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.audio import AudioEncoder
from avsync.encoders.checkpoint import PACKAGED, load_weights
from avsync.progress import Progress
from avsync.tokens import TokenSequence

BEAT_DIM = 64
CHANNELS = 96
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)  # ±10 s: a few bars to either side

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


class BeatModel(nn.Module):
    """Normalised log-mel → logits of beat and downbeat on the audio tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.audio = AudioEncoder(channels=CHANNELS, dilations=DILATIONS, dim=BEAT_DIM)
        self.beat = nn.Linear(BEAT_DIM, 1)
        self.downbeat = nn.Linear(BEAT_DIM, 1)
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
        return Activations(logits[0], logits[1], logits[2], tokens.rate_hz)


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
