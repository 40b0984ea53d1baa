"""What is heard in a recording: its samples, and tokens that another microphone would hear as well.

The tokens are log-mel bands at 25 Hz from which everything that belongs to the device is taken:
each band is set against its own mean over two seconds around (colouring, gain, hum, steady noise),
its own spread over six (automatic gain, compression), and the bands against each other (their
covariance over the recording is whitened, so that they count as often as they tell something new).
What is left is when something begins and ends, and where in the spectrum: that is the same for
all who are there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.media import choose_audio_track, iter_audio, probe
from avsync.progress import Progress
from avsync.tokens import TokenSequence

RATE_HZ = 16_000
POOL = 2  # frames of the log-mel spectrogram that become one token
TOKEN_RATE_HZ = 25.0
BANDS = 32
_AROUND = 25  # tokens on either side whose mean is taken off
_SPREAD = 75  # tokens on either side whose spread is set to one
_STILL = 0.1  # square of the spread, in nats of power, that stays as it is: steady noise
_LOUDEST = 3.0  # spreads: what stands out further counts as if it did not
_LOADING = 0.01  # of the mean variance, added to all when the bands are whitened
_SILENT = 2  # steps of 16-bit sound that a recording has to exceed somewhere

Samples = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Heard:
    """A recording, listened to."""

    path: Path
    track: int
    """FFmpeg's index of the audio track"""
    samples: Samples
    """int16 [samples], mono at `RATE_HZ`: half the memory of floats, finer than any microphone"""
    tokens: TokenSequence
    """[tokens, BANDS] at `TOKEN_RATE_HZ`"""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / RATE_HZ

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be heard at all."""
        if not len(self.samples):
            return True
        return int(self.samples.max()) - int(self.samples.min()) <= _SILENT

    def __repr__(self) -> str:
        return f"Heard({self.path}, {self.duration:.3f} s)"


def listen(
    path: str | os.PathLike[str], *, track: int | None = None, progress: Progress | None = None
) -> Heard:
    """Read a recording's sound once, for all that is done with it.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: no sound can be read.
    """
    from avsync.encoders.audio import LogMel

    chosen = choose_audio_track(probe(path), track)
    kept: list[Samples] = []

    def blocks() -> Iterator[FloatArray]:
        sound = iter_audio(path, track=chosen.index, rate_hz=RATE_HZ, progress=progress)
        for block in sound:
            kept.append(np.rint(block * 32767).astype(np.int16))
            yield block

    log_mel = LogMel()(blocks())
    samples = np.concatenate(kept) if kept else np.zeros(0, np.int16)
    return Heard(Path(path), chosen.index, samples, tokens_of(log_mel))


def tokens_of(log_mel: npt.NDArray[np.float16]) -> TokenSequence:
    """Log-mel frames [frames, bands] at 50 Hz → tokens that no device colours; see above."""
    frames, bands = log_mel.shape
    count = frames // POOL
    grouped = log_mel[: count * POOL].reshape(count, POOL, BANDS, bands // BANDS)
    values = grouped.mean(axis=(1, 3), dtype=np.float32)
    values -= _around(values, _AROUND)
    values /= np.sqrt(_around(values * values, _SPREAD) + np.float32(_STILL))
    values = _whitened(values).clip(-_LOUDEST, _LOUDEST)
    centre = (POOL - 1) / 2 / (POOL * TOKEN_RATE_HZ)  # of the frames that make up token 0
    return TokenSequence(values, TOKEN_RATE_HZ, centre)


def _around(values: FloatArray, reach: int) -> FloatArray:
    """The mean of each column over `reach` rows on either side, fewer at the ends."""
    count = len(values)
    sums = np.zeros((count + 1, values.shape[1]))
    np.cumsum(values, axis=0, dtype=np.float64, out=sums[1:])
    first = np.maximum(np.arange(count) - reach, 0)
    last = np.minimum(np.arange(count) + reach + 1, count)
    means: FloatArray = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    return means


def _whitened(values: FloatArray) -> FloatArray:
    """Columns made uncorrelated, each staying as near itself as can be (ZCA; Kessy 2018)."""
    if not len(values):
        return values
    covariance = values.T.astype(np.float64) @ values / len(values)
    loading = _LOADING * np.trace(covariance) / BANDS + 1e-9
    spread, axes = np.linalg.eigh(covariance + loading * np.eye(BANDS))
    white: FloatArray = values @ ((axes / np.sqrt(spread)) @ axes.T).astype(np.float32)
    return white
