"""Loudness by ITU-R BS.1770 and EBU R 128, of a stream of mono sound at 16 kHz.

Only levels against the recording's own integrated loudness are handed on, so the volume of a file
says nothing. Mono, band-limited sound lacks what lies above 8 kHz: relative levels hardly notice.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK_HZ", "SILENT_LUFS", "KMeter", "integrated", "momentary"]

RATE_HZ = 16_000
BLOCK_HZ = 10
"""Power is kept for every 100 ms."""
SILENT_LUFS = -70.0
"""The absolute gate of BS.1770: what is softer counts as silence."""
_RELATIVE_GATE = -10.0
_BLOCKS = 4  # of 100 ms in 400 ms, the momentary window

FloatArray = npt.NDArray[np.float64]


class KMeter:
    """K-weighted power of sound that comes in blocks."""

    def __init__(self) -> None:
        self._sections = np.array([_shelf(RATE_HZ), _high_pass(RATE_HZ)])
        self._state = np.zeros((2, 2))
        self._held = np.zeros(0)

    def add(self, samples: npt.NDArray[np.float32]) -> FloatArray:
        """Mean square of each 100 ms that is complete: float64 [blocks]."""
        from scipy.signal import sosfilt

        weighted, self._state = sosfilt(self._sections, samples.astype(np.float64), zi=self._state)
        held = np.concatenate([self._held, np.square(weighted)])
        step = RATE_HZ // BLOCK_HZ
        count = len(held) // step
        self._held = held[count * step :]
        power: FloatArray = held[: count * step].reshape(count, step).mean(axis=1)
        return power


def momentary(power: FloatArray) -> FloatArray:
    """LUFS of the 400 ms around each 100 ms: [blocks] → [blocks]."""
    if not len(power):
        return power
    held = np.pad(power, (_BLOCKS // 2, _BLOCKS // 2 - 1), mode="edge")
    mean = np.convolve(held, np.full(_BLOCKS, 1 / _BLOCKS), mode="valid")
    return lufs(mean)


def integrated(power: FloatArray) -> float:
    """LUFS of a whole recording, gated; −inf where all of it is silence."""
    if len(power) < _BLOCKS:
        mean = power.mean(keepdims=True) if len(power) else np.zeros(1)
    else:
        mean = np.convolve(power, np.full(_BLOCKS, 1 / _BLOCKS), mode="valid")
    loud = mean[lufs(mean) > SILENT_LUFS]
    if not len(loud):
        return -math.inf
    gate = float(lufs(loud.mean(keepdims=True))[0]) + _RELATIVE_GATE
    return float(lufs(loud[lufs(loud) > gate].mean(keepdims=True))[0])


def lufs(power: FloatArray) -> FloatArray:
    """Loudness of K-weighted power; silence is −120."""
    level: FloatArray = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))
    return level


def _shelf(rate_hz: float) -> list[float]:
    """BS.1770's first filter at any rate, by its analogue parameters (De Man 2014)."""
    gain, q, k = 10 ** (3.99984385397 / 20), 0.7071752369554193, _warp(1681.9744509555319, rate_hz)
    middle = gain**0.499666774155
    a0 = 1 + k / q + k * k
    b = [gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k]
    a = [a0, 2 * (k * k - 1), 1 - k / q + k * k]
    return [value / a0 for value in (*b, *a)]


def _high_pass(rate_hz: float) -> list[float]:
    q, k = 0.5003270373253953, _warp(38.13547087613982, rate_hz)
    a0 = 1 + k / q + k * k
    return [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]


def _warp(hz: float, rate_hz: float) -> float:
    return math.tan(math.pi * hz / rate_hz)
