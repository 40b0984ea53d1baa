"""The lag to the sample: generalised cross-correlation with phase transform, in many places.

The cross-spectrum of two recordings of one sound turns with the lag between them; divided by its
magnitude (PHAT; Knapp and Carter 1976) all frequencies count alike, whatever the microphones make
of them, and the correlation becomes a sharp peak at the direct sound, where plain correlation has
a hill as wide as the sound's own. But where noise is as loud as the sound, most frequencies tell of
the noise at any one time; so each counts by how far it rises above what is always there, in either
recording (the gain of Wiener's filter, 1949), as speech and music do here and there. How much both
have to tell by that is also how much they ought to agree. Half-second frames are short enough that
a clock that is off does not smear them; frames of one place are summed, each moved along the line
that is known so far, so that a place of some seconds stands out of noise as loud as the sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avsync.offset.lags import Line
from avsync.offset.listening import RATE_HZ, Heard

FRAME = 8192  # samples, 0.5 s
HOP = FRAME // 2
_FINER = 8  # times as finely as samples that a peak is looked for
_LEAST_POWER = 1e-3  # of the frame's mean: below, a phase is but rounding and codec noise
_BAND_HZ = (80.0, 7600.0)  # hum and the resampler's edge lie outside
_NEAR = 16  # samples around a peak that do not count as noise
_SLOPES = 8e-6  # step between drifts that are tried; half a sample in 8 s

_FLOOR_S = 15.0  # seconds over which noise is taken to stay as it is
_FLOOR_SHARE = 0.15  # of the time there is nothing but noise at a frequency, at least
_FLOOR_STEP = FRAME  # samples from one frame to the next that the noise is estimated from
_NOISE_TIMES = 1.5  # the mean power of noise is this many times what it exceeds nearly always
_BINS = 9  # neighbouring frequencies, 18 Hz, over which power is averaged

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two recordings that may share sound, and what of each is always there: its noise."""

    recording: Heard
    reference: Heard
    _floors: dict[tuple[bool, int], Tensor] = field(default_factory=dict)

    def gains(self, spectra: Tensor, starts: npt.NDArray[np.int64], *, ours: bool) -> Tensor:
        """How far each frequency of frames rises above the noise there, 0 to 1.

        Args:
            spectra: complex64 [frames, FRAME / 2 + 1].
            starts: of the frames, in samples.
            ours: of the recording, not of the reference.
        """
        sound = self.recording if ours else self.reference
        block = int((starts[0] + starts[-1] + FRAME) / 2 / RATE_HZ / _FLOOR_S)
        known = self._floors.get((ours, block))
        if known is None:
            known = self._floors[ours, block] = _floor(sound, block)
        over = _power(spectra) / known - _NOISE_TIMES
        return over.clamp_min(0) / (1 + over.clamp_min(0))


def _floor(sound: Heard, block: int) -> Tensor:
    """What the power of each frequency exceeds nearly always, around one stretch of a recording."""
    length = round(_FLOOR_S * RATE_HZ)
    last = max(0, len(sound.samples) - FRAME)
    first = min(block * length, max(0, last - length))
    starts = np.arange(first, min(first + length, last) + 1, _FLOOR_STEP)
    power = _power(torch.fft.rfft(_frames(sound.samples, starts) * torch.hann_window(FRAME)))
    return power.kthvalue(1 + int(_FLOOR_SHARE * (len(starts) - 1)), dim=0).values + 1.0


def _power(spectra: Tensor) -> Tensor:
    """Of frames [n, bins], averaged over neighbouring frequencies."""
    power = spectra.real.square() + spectra.imag.square()
    return torch.nn.functional.avg_pool1d(
        power[:, None], _BINS, stride=1, padding=_BINS // 2, count_include_pad=False
    )[:, 0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stretch of a recording lies on the other clock, as its phases say."""

    time: float
    """seconds on the recording's clock: its middle"""
    lag_s: float
    """seconds by which it lies later than on the line it was looked for at"""
    slope: float
    """seconds a second by which that grows within the place"""
    height: float
    """of the peak, in standard deviations of the correlation elsewhere"""
    audible: float
    """how much both hear above their noise, as a share of the most that there could be; where both
    hear nothing but noise, it is 0.03 to 0.05"""


def look(
    pair: Pair,
    line: Line,
    start: float,
    seconds: float,
    *,
    reach_s: float,
    slope: float = 0.0,
) -> Place | None:
    """Find the lag of one place, within `reach_s` seconds and `slope` of a line.

    Returns None where there is nothing to be heard, or the other recording is over.
    """
    cross = _cross_spectra(pair, line, start, seconds)
    if cross is None:
        return None
    spectra, audible = cross.spectra, cross.audible
    middle = start + seconds / 2
    if slope < _SLOPES / 2:
        return _peak(spectra.sum(0), middle, reach_s, 0.0, audible)
    slopes = int(np.ceil(slope / _SLOPES))
    correlations = _correlation(spectra, reach_s)
    best = _best_slope(correlations, slopes)
    times = (torch.arange(len(spectra)) - (len(spectra) - 1) / 2) * (HOP / RATE_HZ)
    turned = spectra * _turns(times * best)
    return _peak(turned.sum(0), middle, reach_s, best, audible)


def _frequencies() -> Tensor:
    return torch.arange(FRAME // 2 + 1) * (RATE_HZ / FRAME)


def _turns(delays: Tensor) -> Tensor:
    """What moves spectra [n, bins] earlier by `delays` [n] seconds."""
    angles = (2 * np.pi * delays.float())[:, None] * _frequencies()
    return torch.complex(torch.cos(angles), torch.sin(angles))


@dataclass(frozen=True, slots=True, eq=False)
class _Cross:
    """Two recordings in frames at one place."""

    spectra: Tensor
    """whitened cross-spectra complex64 [frames, FRAME / 2 + 1]; the line is their lag 0"""
    audible: float
    """how much they have to tell"""


def _cross_spectra(pair: Pair, line: Line, start: float, seconds: float) -> _Cross | None:
    recording, reference = pair.recording, pair.reference
    first = max(0, round(start * RATE_HZ))
    last = min(round((start + seconds) * RATE_HZ), len(recording.samples)) - FRAME
    ours = np.arange(first, last + 1, HOP)
    exact = np.asarray(line.at(ours / RATE_HZ) * RATE_HZ)
    theirs = np.rint(exact).astype(np.int64)
    inside = (theirs >= 0) & (theirs + FRAME <= len(reference.samples))
    ours, theirs, exact = ours[inside], theirs[inside], exact[inside]
    if not len(ours):
        return None
    window = torch.hann_window(FRAME)
    sounds = _frames(recording.samples, ours), _frames(reference.samples, theirs)
    b, a = (torch.fft.rfft(sound * window) for sound in sounds)
    cross = a * b.conj()
    frequencies = _frequencies()
    band = (frequencies >= _BAND_HZ[0]) & (frequencies <= _BAND_HZ[1])
    magnitude = cross.abs()
    floor = _LEAST_POWER * magnitude.mean(-1, keepdim=True) + 1e-9
    gains = pair.gains(b, ours, ours=True) * pair.gains(a, theirs, ours=False)
    cross = torch.where(band, cross / (magnitude + floor) * gains, 0)
    heard = magnitude.amax(-1) > 0
    if not bool(heard.any()):
        return None
    audible = float(gains[:, band].mean())
    off = torch.from_numpy(exact - theirs).float() / RATE_HZ
    turned: Tensor = cross * _turns(off)
    return _Cross(turned[heard] if not bool(heard.all()) else turned, audible)


def _frames(samples: npt.NDArray[np.int16], starts: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.stack([samples[s : s + FRAME] for s in starts]).astype(np.float32))


def _correlation(spectra: Tensor, reach_s: float, finer: int = 1) -> Tensor:
    """[..., bins] → [..., lags] from −reach to +reach, `finer` lags a sample."""
    reach = round(reach_s * RATE_HZ) * finer
    whole = torch.fft.irfft(spectra, FRAME * finer) * finer
    return torch.cat([whole[..., -reach:], whole[..., : reach + 1]], dim=-1)


def _best_slope(correlations: Tensor, slopes: int) -> float:
    """The slope along which the frames' correlations [frames, lags] sum to the highest peak."""
    values = correlations.numpy()
    frames, lags = values.shape
    times = (np.arange(frames) - (frames - 1) / 2) * (HOP / RATE_HZ)
    margin = int(np.ceil(slopes * _SLOPES * abs(times[0]) * RATE_HZ)) + 1
    padded = np.pad(values, ((0, 0), (margin, margin)))
    best = (-np.inf, 0.0)
    for step in sorted(range(-slopes, slopes + 1), key=abs):
        shifts = np.rint(times * step * _SLOPES * RATE_HZ).astype(int) + margin
        total = np.zeros(lags, np.float32)
        for row, shift in zip(padded, shifts, strict=True):
            total += row[shift : shift + lags]
        height = float(np.abs(total).max())
        if height > best[0]:
            best = height, step * _SLOPES
    return best[1]


def _peak(spectrum: Tensor, time: float, reach_s: float, slope: float, audible: float) -> Place:
    """Where the correlation of a summed spectrum is highest."""
    values = _correlation(spectrum, reach_s, _FINER).double().numpy()
    middle = (len(values) - 1) // 2
    values = np.abs(values)  # a microphone may be wired the wrong way round
    top = int(values.argmax())
    lag = (top - middle + _vertex(values, top)) / (_FINER * RATE_HZ)
    # What the correlation is elsewhere is known from all lags, not only from those within reach.
    whole = torch.fft.irfft(spectrum, FRAME).numpy()
    at = round(lag * RATE_HZ)
    elsewhere = np.delete(whole, np.arange(at - _NEAR, at + _NEAR + 1) % FRAME)
    noise = float(np.sqrt(np.mean(elsewhere.astype(np.float64) ** 2))) + 1e-12
    return Place(time, lag, slope, float(values[top]) / noise, audible)


def _vertex(values: FloatArray, top: int) -> float:
    """How far beside its highest value a peak lies, from −0.5 to 0.5: that of a parabola."""
    if not 0 < top < len(values) - 1:
        return 0.0
    before, at, after = values[top - 1 : top + 2]
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
