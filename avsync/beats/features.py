"""What a cutter hears besides the beat: how loud it is, what stands out, where it drops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

QUIETEST_DB = -60.0  # under the loudest: what is softer counts as no softer than this
_ACCENT_WINDOW = 0.15  # seconds to either side in which an accent is the highest
_DROP_BARS = 4  # compared before and after


@dataclass(frozen=True, slots=True, eq=False)
class Accents:
    """Onsets that stand out from their neighbourhood."""

    times: FloatArray
    """float64 [accents] in seconds"""
    strengths: FloatArray
    """float64 [accents]: 0 to 1"""


def level_db(log_mel: npt.NDArray[np.float16]) -> FloatArray:
    """float64 [frames]: the power of each frame of a log-mel spectrogram, in dB under the peak.

    The peak is the loudest 0.4 s (the momentary loudness window of EBU R 128), not one click.
    """
    power = np.exp(log_mel.astype(np.float32)).sum(axis=1, dtype=np.float64)
    smooth = np.convolve(power, np.full(20, 1 / 20), mode="same")
    level: FloatArray = 10 * np.log10(np.maximum(power, 1e-12) / max(smooth.max(), 1e-12))
    return level


def beat_energy(level: FloatArray, rate_hz: float, beats: FloatArray) -> FloatArray:
    """float64 [beats]: mean power from each beat to the next, in dB under the loudest beat's."""
    if not len(beats):
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(10 ** (level / 10))])
    edges = np.append(beats, beats[-1] + (beats[-1] - beats[-2] if len(beats) > 1 else 0.5))
    at = np.clip(np.round(edges * rate_hz).astype(int), 0, len(level))
    mean = np.diff(total[at]) / np.maximum(1, np.diff(at))
    energy = 10 * np.log10(np.maximum(mean, 1e-12))
    relative: FloatArray = np.maximum(energy - energy.max(), QUIETEST_DB)
    return relative


def find_accents(log_mel: npt.NDArray[np.float16], rate_hz: float) -> Accents:
    """Peaks of the spectral flux (Bello et al. 2005) above the mean of their second."""
    frames = np.maximum(log_mel.astype(np.float32), float(log_mel.max(initial=-20)) - 12)
    rise = np.maximum(0.0, np.diff(frames, axis=0, prepend=frames[:1])).mean(axis=1)
    if not len(rise) or rise.max() <= 0:
        return Accents(np.zeros(0), np.zeros(0))
    second, reach = int(rate_hz), int(_ACCENT_WINDOW * rate_hz)
    floor = np.convolve(rise, np.full(second, 1 / second), mode="same")
    padded = np.pad(rise, reach, constant_values=-1.0)
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    peaks = np.flatnonzero((rise == highest) & (rise > 1.5 * floor) & (rise > 0.05 * rise.max()))
    strengths = rise[peaks] - floor[peaks]
    scale = np.percentile(strengths, 95) if len(strengths) else 1.0
    return Accents(peaks / rate_hz, np.minimum(1.0, strengths / max(float(scale), 1e-9)))


def find_drops(
    log_mel: npt.NDArray[np.float16], rate_hz: float, downbeats: FloatArray
) -> FloatArray:
    """Downbeats from which on the music is much fuller than before: float64 [drops] in seconds.

    The novelty is the mean rise over the bands, in nats, from the four bars before to the four
    bars after; a drop is a peak of it that is worth 4 dB in every band.
    """
    if len(downbeats) < 2 * _DROP_BARS:
        return np.zeros(0)
    floor = float(log_mel.max()) - 12
    total = np.cumsum(np.maximum(log_mel.astype(np.float64), floor), axis=0)
    at = np.clip(np.round(downbeats * rate_hz).astype(int), 0, len(log_mel) - 1)
    bars = len(at)
    novelty = np.zeros(bars)
    for k in range(1, bars - 1):
        left, right = at[max(0, k - _DROP_BARS)], at[min(bars - 1, k + _DROP_BARS)]
        before = (total[at[k]] - total[left]) / max(1, at[k] - left)
        after = (total[right] - total[at[k]]) / max(1, right - at[k])
        novelty[k] = np.maximum(0.0, after - before).mean()
    least = 0.4 * np.log(10)
    peaks = [
        k
        for k in range(1, bars - 1)
        if novelty[k] > least
        and novelty[k] == novelty[max(0, k - _DROP_BARS) : k + _DROP_BARS + 1].max()
    ]
    found: FloatArray = downbeats[peaks]
    return found
