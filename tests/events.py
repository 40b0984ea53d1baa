"""Events that tests record: bursts of noise like speech, heard by devices whose truth is known."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]


def event(seconds: float, seed: int = 0) -> Samples:
    """Syllables: bursts of noise of changing colour, loudness and length, with pauses."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * RATE_HZ), np.float32)
    at = 0.1
    while at < seconds - 0.5:
        length = int(rng.uniform(0.08, 0.3) * RATE_HZ)
        spectrum = np.fft.rfft(rng.normal(size=length))
        frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
        spectrum *= np.exp(-(np.log(np.maximum(frequencies, 1) / rng.uniform(300, 3000)) ** 2))
        burst = np.fft.irfft(spectrum, length) * np.hanning(length)
        burst *= rng.uniform(0.2, 1.0) / (np.abs(burst).max() + 1e-9)
        first = int(at * RATE_HZ)
        sound[first : first + length] += burst[: len(sound) - first].astype(np.float32)
        at += length / RATE_HZ + float(rng.exponential(0.12))
    return 0.5 * sound


def device(
    sound: Samples,
    *,
    start: float,
    seconds: float,
    drift_ppm: float = 0.0,
    noise_db: float = -20.0,
    seed: int = 0,
) -> Samples:
    """What a device hears of an event: on its own clock, coloured, echoing, with its own noise."""
    rng = np.random.default_rng(seed)
    own = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    at = (start + own * (1 + drift_ppm / 1e6)) * RATE_HZ
    heard = np.interp(at, np.arange(len(sound)), sound, left=0.0, right=0.0)
    echo = rng.normal(size=2000) * np.exp(-np.arange(2000) / 400) * 0.05
    echo[:32] = 0.0
    echo[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(heard) + 2000)))
    heard = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(echo, size), size)[: len(heard)]
    level = float(np.sqrt(np.mean(heard**2))) + 1e-6
    noise = rng.normal(size=len(heard)) * level * 10 ** (noise_db / 20)
    return (rng.uniform(0.3, 0.9) * (heard + noise)).astype(np.float32)


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    """16 bits; [samples] or [channels, samples]."""
    planes = np.atleast_2d(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(planes))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.rint(planes.T.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return path
