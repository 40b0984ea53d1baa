"""Onsets, pace and tempo, from spectral flux and beats.

Whether 65 or 130 is felt as the beat is a matter of how much goes on (London 2011), and a beat
tracker may change its mind within a recording. Pace does not: it is the centre of gravity of the
flux's own spectrum, the fluctuation centroid (Pampalk, Rauber & Merkl 2002; Lartillot & Toiviainen
2007), which a recording played faster, or with more notes, has higher. Tempi are told by it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avsync.encoders.audio import TOKEN_RATE_HZ

__all__ = ["USUAL_TEMPO", "onset_frames", "pace", "tempi"]

USUAL_TEMPO = float(np.log2(110))  # beats a minute
REACH = 4.0  # seconds to either side over which pace and onsets are taken
_ONSET = 0.03  # nats by which the flux of an onset stands over its surroundings
_LOWEST_HZ, _HIGHEST_HZ = 0.5, 10.0
_SIZE = 4096
_BY_PACE = 0.6  # of how much goes on: what pace knows of it, the rest being onsets
_CHANGE = 0.35  # of a square octave, that the tracker is worth
_OCTAVE = 0.15  # octaves by which pace moves, within its band, where everything moves by one

FloatArray = npt.NDArray[np.float64]


def onset_frames(rise: FloatArray) -> npt.NDArray[np.int64]:
    """Frames at which the flux [frames] peaks and stands over its second."""
    if len(rise) < 5:
        return np.zeros(0, np.int64)
    smooth = np.convolve(rise, [0.25, 0.5, 0.25], mode="same")
    mean = np.convolve(rise, np.full(50, 1 / 50), mode="same")
    near = np.lib.stride_tricks.sliding_window_view(np.pad(smooth, 2, mode="edge"), 5).max(axis=1)
    found: npt.NDArray[np.int64] = np.flatnonzero((smooth >= near) & (smooth > 1.3 * mean + _ONSET))
    return found


def pace(rise: FloatArray, at: float) -> float:
    """The fluctuation centroid around a time, octaves over 1 Hz; 0 where nothing moves."""
    first, last = (round((at + way * REACH) * TOKEN_RATE_HZ) for way in (-1, 1))
    part = rise[max(0, first) : last]
    if len(part) < TOKEN_RATE_HZ:
        return 0.0
    part = (part - part.mean()) * np.hanning(len(part))
    power = np.square(np.abs(np.fft.rfft(part, _SIZE)))[_BAND]
    total = float(power.sum())
    return float(power @ _OCTAVES) / total if total > 1e-12 else 0.0


def tempi(beats: FloatArray, onsets: FloatArray, rise: FloatArray) -> FloatArray:
    """The tempo at each beat, log2 of beats a minute, without leaps by an octave.

    A beat is believed to hold about as much throughout a recording. Where it holds twice as much or
    half as much as elsewhere, the tracker has changed its mind, and is taken an octave up or down.
    `beats` and `onsets` are in seconds.
    """
    if len(beats) < 3:
        return np.zeros(len(beats))
    periods = np.diff(beats)
    found = np.log2(60 / np.append(periods, periods[-1]))
    count = np.searchsorted(onsets, beats + REACH) - np.searchsorted(onsets, beats - REACH)
    inside = np.minimum(beats + REACH, beats[-1]) - np.maximum(beats - REACH, beats[0])
    notes = np.log2(np.maximum(count, 1) / np.maximum(inside, 1.0))
    brisk = np.array([pace(rise, float(beat)) for beat in beats]) / _OCTAVE
    over = found - (1 - _BY_PACE) * notes - _BY_PACE * brisk
    phase = float(np.angle(np.exp(2j * np.pi * over).mean())) / (2 * np.pi)
    middle = float(np.median(over))
    usual = phase + round(middle - phase) + np.array([-1.0, 0.0, 1.0])
    steps = np.array([-1.0, 0.0, 1.0])
    cost = np.square(over[:, None] + steps - usual[:, None, None]) + _CHANGE * np.abs(steps)
    best = int(cost.min(axis=2).sum(axis=1).argmin())
    told: FloatArray = found + steps[cost[best].argmin(axis=1)]
    return told


_HZ = np.fft.rfftfreq(_SIZE, 1 / TOKEN_RATE_HZ)
_BAND = (_HZ >= _LOWEST_HZ) & (_HZ <= _HIGHEST_HZ)
_OCTAVES = np.log2(_HZ[_BAND])
