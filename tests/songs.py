"""Songs that tests play: drums and a bass by numpy, so that the beats are known to the sample."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 22_050
Samples = npt.NDArray[np.float32]


def kick(seconds: float = 0.25) -> Samples:
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pitch = 50 + 120 * np.exp(-at / 0.03)
    sound = np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) * np.exp(-at / 0.09)
    return sound.astype(np.float32)


def burst(rng: np.random.Generator, decay: float, level: float, *, high: bool) -> Samples:
    at = np.arange(int(6 * decay * RATE_HZ)) / RATE_HZ
    noise = rng.normal(size=len(at))
    if high:
        noise = np.diff(noise, prepend=0.0)
    return (level * noise * np.exp(-at / decay)).astype(np.float32)


def rock(
    bpm: float, seconds: float, *, meter: int = 4, start: float = 0.0, seed: int = 0
) -> Samples:
    """Kick on the first (and, in four, third) beat, snare between, hats in eighths, bass."""
    rng = np.random.default_rng(seed)
    song = np.zeros(int(seconds * RATE_HZ), np.float32)

    def add(sound: Samples, at: float) -> None:
        first = round(at * RATE_HZ)
        part = sound[: max(0, len(song) - first)]
        song[first : first + len(part)] += part

    period, roots = 60 / bpm, (55.0, 41.2, 49.0, 36.7)
    for beat in range(int((seconds - start) / period) + 1):
        at, place = start + beat * period, beat % meter
        on_kick = place == 0 or (meter == 4 and place == 2)
        add(kick() if on_kick else burst(rng, 0.06, 0.4, high=False), at)
        if place == 0:
            note = np.arange(int(period * RATE_HZ * meter * 0.9)) / RATE_HZ
            tone = roots[beat // meter % 4]
            string = sum(np.sin(2 * np.pi * tone * k * note) / k for k in (1, 2, 3))
            add((0.25 * string * np.exp(-note / 0.8)).astype(np.float32), at)
        for k in range(2):
            add(burst(rng, 0.015, 0.25, high=True), at + k * period / 2)
    return (0.5 * song / np.abs(song).max()).astype(np.float32)


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    """16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path
