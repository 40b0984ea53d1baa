"""AudioEncoder: sound → log-mel → tokens, and small heads on those tokens.

The log-mel spectrogram is torchaudio's; each band has its mean over the whole recording taken
off, so neither the volume nor the colour of a recording can be told from it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.layers import ConvolutionStack, in_blocks
from avsync.progress import Progress
from avsync.tokens import TokenSequence

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 320  # 20 ms
TOKEN_RATE_HZ = SAMPLE_RATE_HZ / HOP_SAMPLES  # 50 tokens a second
WINDOW_SAMPLES = 512  # 32 ms
MEL_BANDS = 64
AUDIO_DIM = 48
FLOOR = 1e-10  # power under which a band counts as silent: −100 dB
BLOCK_TOKENS = 3_000  # one minute: encoding a film takes the memory of a minute

FloatArray = npt.NDArray[np.float32]


class LogMel:
    """Log-mel frames of a stream of sound; frame ``j`` is centred on ``j / TOKEN_RATE_HZ`` s."""

    def __init__(self) -> None:
        from torchaudio.transforms import MelSpectrogram

        self._mel = MelSpectrogram(
            SAMPLE_RATE_HZ,
            n_fft=WINDOW_SAMPLES,
            hop_length=HOP_SAMPLES,
            n_mels=MEL_BANDS,
            f_min=40.0,
            center=False,
        )

    def __call__(self, blocks: Iterable[FloatArray]) -> npt.NDArray[np.float16]:
        """Mono float32 blocks at 16 kHz, end to end → natural log power, float16 [frames, bands].

        Half precision holds a log power to 1/100 dB or so, and six hours in 140 MB.
        """
        held = np.zeros(WINDOW_SAMPLES // 2, np.float32)
        frames: list[npt.NDArray[np.float16]] = []
        heard = False
        for block in blocks:
            heard = heard or len(block) > 0
            held = np.concatenate([held, block])
            count = (len(held) - WINDOW_SAMPLES) // HOP_SAMPLES + 1
            if count > 0:
                used = (count - 1) * HOP_SAMPLES + WINDOW_SAMPLES
                frames.append(self._frames(held[:used]))
                held = held[count * HOP_SAMPLES :]
        tail = np.concatenate([held, np.zeros(WINDOW_SAMPLES // 2, np.float32)])
        if heard and len(tail) >= WINDOW_SAMPLES:
            frames.append(self._frames(tail))
        return np.concatenate(frames) if frames else np.zeros((0, MEL_BANDS), np.float16)

    @torch.inference_mode()
    def _frames(self, samples: FloatArray) -> npt.NDArray[np.float16]:
        power = self._mel(torch.from_numpy(samples)).T
        frames: npt.NDArray[np.float16] = power.clamp_min(FLOOR).log().numpy().astype(np.float16)
        return frames


def resample(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Mono float32 ``samples`` [n] at another rate, band-limited (torchaudio's windowed sinc)."""
    from torchaudio.functional import resample as resampled

    if from_hz == to_hz:
        return samples
    out: FloatArray = resampled(torch.from_numpy(samples), from_hz, to_hz).numpy()
    return out


def normalise(log_mel: npt.NDArray[np.float16], mean: FloatArray) -> FloatArray:
    """``log_mel`` [frames, bands] without each band's ``mean`` [bands], at about unit scale."""
    frames: FloatArray = (log_mel.astype(np.float32) - mean) / 3.0
    return frames


def band_means(log_mel: npt.NDArray[np.float16]) -> FloatArray:
    """The mean of each band over a recording: float32 [bands]."""
    mean: FloatArray = log_mel.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


class AudioEncoder(nn.Module):
    """Normalised log-mel [batch, frames, bands] → tokens [batch, frames, ``dim``]."""

    def __init__(
        self,
        *,
        channels: int = 64,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64),
        dim: int = AUDIO_DIM,
    ) -> None:
        super().__init__()
        self.stack = ConvolutionStack(MEL_BANDS, channels, dilations)
        self.read_out = nn.Conv1d(channels, dim, 1)
        self.dim = dim
        self.speech = nn.Linear(dim, 1)

    def forward(self, frames: Tensor) -> Tensor:
        tokens: Tensor = self.read_out(self.stack(frames.transpose(1, 2)))
        return tokens.transpose(1, 2)

    @torch.inference_mode()
    def encode(
        self, log_mel: npt.NDArray[np.float16], *, progress: Progress | None = None
    ) -> TokenSequence:
        """The tokens of a whole recording, in blocks; ``log_mel`` as :class:`LogMel` makes it."""
        if not len(log_mel):
            return TokenSequence(np.zeros((0, self.dim), np.float32), TOKEN_RATE_HZ, 0.0)
        mean = band_means(log_mel)
        parts = in_blocks(
            lambda part: self(torch.from_numpy(normalise(part, mean))[None])[0],
            log_mel,
            block=BLOCK_TOKENS,
            receptive_field=self.stack.receptive_field,
            progress=progress,
        )
        return TokenSequence(parts.numpy(), TOKEN_RATE_HZ, 0.0)

    @torch.inference_mode()
    def speech_probability(self, tokens: TokenSequence) -> FloatArray:
        """float32 [tokens]: how likely each token lies inside speech, from the speech head."""
        logits = self.speech(torch.from_numpy(tokens.values))[:, 0]
        return torch.sigmoid(logits).numpy()
