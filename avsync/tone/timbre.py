"""From numbers for each 20 ms to measures of each second, of voices and of music."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.tone.harmony import FRAME_HZ as NOTE_HZ
from avsync.tone.harmony import NoteArray, mode_of
from avsync.tone.loudness import BLOCK_HZ, SILENT_LUFS, integrated, lufs
from avsync.tone.measures import MUSIC, SPEECH
from avsync.tone.pitch import Pitches
from avsync.tone.pulse import USUAL_TEMPO, onset_frames, pace, tempi

__all__ = ["Frames", "moment_measures"]

REACH = 1.5  # seconds to either side of a moment's middle: the short-term window of R 128
HARMONY_REACH = 4.0  # chords last seconds each
SPEAKER_REACH = 4.0
USUAL_PITCH = 7.0  # semitones over 100 Hz: between women's and men's voices
USUAL_SPACING_HZ = 1080.0  # between formants, likewise
PITCH_BY_SIZE = 40.0  # semitones for each octave of spacing, less than what women and men differ by
MOST = 4.5  # semitones that size is believed to make
QUIET = -28.0  # LU under the recording's loudness: what is softer is a pause
_FLOOR = 12.0  # nats under the loudest band: what is softer is no onset
_DIP_DB = 2.0  # between syllables (de Jong & Wempe 2009)
_FEWEST = 8  # voiced windows (0.16 s) that tell of a voice

FloatArray = npt.NDArray[np.float64]


def _band_hz() -> FloatArray:
    """The centre of each mel band (HTK's scale, 40 Hz to 8 kHz)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (40.0, 8000.0))
    mel = np.linspace(low, high, 66)[1:-1]
    hz: FloatArray = 700 * (10 ** (mel / 2595) - 1)
    return hz


@dataclass(frozen=True, eq=False)
class Frames:
    """What is kept of a recording."""

    log_mel: npt.NDArray[np.float16]
    """[frames, 64] at 50 Hz"""
    power: FloatArray
    """[blocks] at 10 Hz: K-weighted mean squares"""
    pitches: Pitches
    """at 50 Hz"""
    notes: NoteArray
    """[frames, 61] at 10 Hz"""

    @cached_property
    def bands(self) -> dict[str, FloatArray]:
        """Power of wide bands in each 20 ms, float64 [frames], and its centroid in octaves."""
        names = ("low", "mid", "under", "over", "peak", "edge", "centre", "level")
        hz = _band_hz()
        out: dict[str, list[FloatArray]] = {name: [] for name in names}
        for first in range(0, len(self.log_mel), 3000):
            part = np.exp(self.log_mel[first : first + 3000].astype(np.float32)).astype(np.float64)
            root = np.sqrt(part)
            out["low"].append(part[:, hz < 500].sum(1))
            out["mid"].append(part[:, (hz >= 500) & (hz < 2000)].sum(1))
            out["under"].append(part[:, hz < 1000].sum(1))
            out["over"].append(part[:, (hz >= 1000) & (hz < 5000)].sum(1))
            out["peak"].append(part[:, hz < 2000].max(1))
            out["edge"].append(part[:, (hz >= 2000) & (hz < 5000)].max(1))
            out["centre"].append(np.log2((root * hz).sum(1) / np.maximum(root.sum(1), 1e-9) / 1000))
            out["level"].append(10 * np.log10(part[:, (hz > 200) & (hz < 4000)].sum(1) + 1e-12))
        return {name: np.concatenate(parts or [np.zeros(0)]) for name, parts in out.items()}

    @cached_property
    def rise(self) -> FloatArray:
        """Spectral flux: by how much bands rise in 20 ms, mean nats, [frames]."""
        floor = float(self.log_mel.max(initial=-20)) - _FLOOR
        out = [np.zeros(0)]
        for first in range(0, len(self.log_mel), 3000):
            part = self.log_mel[max(0, first - 1) : first + 3000].astype(np.float32)
            part = np.maximum(part, floor)
            step = np.maximum(np.diff(part, axis=0), 0).mean(axis=1).astype(np.float64)
            out.append(step if first else np.concatenate([[0.0], step]))
        return np.concatenate(out)


def moment_measures(
    frames: Frames,
    count: int,
    talking: npt.NDArray[np.float32],
    beats: FloatArray,
    strength: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Measures of voices and of music, the share of speech, and where anything is heard."""
    level = lufs(frames.power)
    whole = integrated(frames.power)
    voice, band = _Voice(frames, whole), _Music(frames, beats, strength)
    speech, music = np.zeros((count, len(SPEECH))), np.zeros((count, len(MUSIC)))
    share, audible = np.zeros(count), np.zeros(count, bool)
    for k in range(count):
        near = _cut(level, k + 0.5, REACH, BLOCK_HZ)
        own = _cut(level, k + 0.5, 0.5, BLOCK_HZ)
        audible[k] = bool(own.max(initial=-120) > max(SILENT_LUFS, whole - 35))
        heard = near[near > whole + QUIET]
        short = float(lufs(np.mean(10 ** ((near + 0.691) / 10), keepdims=True))[0])
        loudness = float(np.clip(short - whole, -20, 20))
        spread = (
            float(np.percentile(heard, 95) - np.percentile(heard, 10)) if len(heard) > 4 else 0.0
        )
        speech[k] = [loudness, *voice.measures(k + 0.5)]
        music[k] = [loudness, spread, *band.measures(k + 0.5)]
        share[k] = voice.share(k + 0.5, talking)
    return speech, music, share, audible


class _Voice:
    """Measures of the voice heard around a moment; of the usual voice where none is."""

    def __init__(self, frames: Frames, whole: float) -> None:
        self._bands, self._pitches = frames.bands, frames.pitches
        level = frames.bands["level"]
        self._active = level > np.percentile(level, 95) - 30 if len(level) else level > 0
        self._voiced = _fit(frames.pitches.voiced, len(level)) & self._active
        self._rise = frames.rise
        self._nuclei = _syllables(level, self._voiced)

    def measures(self, at: float) -> list[float]:
        """SPEECH without loudness."""
        rate = TOKEN_RATE_HZ
        window = _slice(at, REACH, rate, len(self._voiced))
        voiced = np.flatnonzero(self._voiced[window]) + window.start
        if len(voiced) < _FEWEST:
            return [measure.usual for measure in SPEECH[1:]]
        tones = 12 * np.log2(self._pitches.hz[voiced].astype(np.float64) / 100)
        low, high = np.percentile(tones, [10, 90])
        bands = {name: values[voiced] for name, values in self._bands.items()}
        strength = np.clip(self._pitches.strength[voiced].astype(np.float64), 0.01, 0.995)
        active = self._active[window]
        seconds = max(0.4, float(active.sum()) / rate)
        nuclei = int(((self._nuclei >= window.start) & (self._nuclei < window.stop)).sum())
        loud = np.percentile(bands["level"], [10, 95])
        return [
            float(loud[1] - loud[0]),
            float(np.median(tones)) - self._usual_pitch(at),
            float(high - low) / 2.56,  # of a normal distribution, its deviation
            _ratio_db(bands["over"], bands["under"]),
            _ratio_db(bands["edge"], bands["peak"]),
            _ratio_db(bands["mid"], bands["low"]),
            float(np.mean(10 * np.log10(strength / (1 - strength)))),
            nuclei / seconds,
            float(self._rise[window][active].mean()),
        ]

    def _usual_pitch(self, at: float) -> float:
        """Semitones over 100 Hz at which somebody of the speaker's size talks, as a rule."""
        spacing = _cut(self._pitches.spacing, at, SPEAKER_REACH, TOKEN_RATE_HZ)
        spacing = spacing[spacing > 0]
        if len(spacing) < _FEWEST:
            return USUAL_PITCH
        size = float(np.log2(np.median(spacing) / USUAL_SPACING_HZ))
        return USUAL_PITCH + float(np.clip(PITCH_BY_SIZE * size, -MOST, MOST))

    def share(self, at: float, talking: npt.NDArray[np.float32]) -> float:
        """How likely it is speech that is heard, among what is heard at all."""
        window = _slice(at, REACH, TOKEN_RATE_HZ, len(self._active))
        active = self._active[window]
        if not active.any():
            return 0.0
        return float(_fit(talking, len(self._active))[window][active].mean())


class _Music:
    """Measures of what is heard around a moment, taken as music."""

    def __init__(self, frames: Frames, beats: FloatArray, strength: FloatArray) -> None:
        self._frames, self._beats, self._strength = frames, beats, strength
        self._onsets = onset_frames(frames.rise)
        level = frames.bands["level"]
        self._active = level > np.percentile(level, 95) - 40 if len(level) else level > 0
        self._tempi = tempi(beats, self._onsets / TOKEN_RATE_HZ, frames.rise)

    def measures(self, at: float) -> list[float]:
        """MUSIC without loudness and dynamics."""
        window = _slice(at, REACH, TOKEN_RATE_HZ, len(self._active))
        active = self._active[window]
        usual = {measure.name: measure.usual for measure in MUSIC}
        if not active.any():
            return [measure.usual for measure in MUSIC[2:]]
        seconds = max(0.5, len(active) / TOKEN_RATE_HZ)
        onsets = ((self._onsets >= window.start) & (self._onsets < window.stop)).sum()
        rise = self._frames.rise[window]
        near = np.abs(self._beats - at) <= REACH + 1.0
        felt = self._tempi[near]
        pulse = float(self._strength[near].mean()) if near.sum() > 1 else 0.0
        tempo = float(np.median(felt)) - USUAL_TEMPO if len(felt) > 1 else 0.0
        mode, plain, register = mode_of(_cut(self._frames.notes, at, HARMONY_REACH, NOTE_HZ))
        return [
            float(onsets) / seconds,
            pace(self._frames.rise, at),
            float(np.sqrt(np.mean(np.square(rise)))),
            float(self._frames.bands["centre"][window][active].mean()),
            tempo * pulse,  # a tempo that is not felt says nothing
            pulse,
            mode if plain > 0 else usual["mode"],
            plain,
            register,
        ]


def _ratio_db(above: FloatArray, below: FloatArray) -> float:
    return float(np.mean(10 * np.log10((above + 1e-12) / (below + 1e-12))))


def _syllables(level: FloatArray, voiced: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Frames of syllable nuclei: voiced peaks of loudness with a dip before and after each."""
    from scipy.signal import find_peaks

    if len(level) < 5:
        return np.zeros(0, np.int64)
    smooth = np.convolve(
        np.pad(level, 2, mode="edge"), np.hanning(7)[1:-1] / np.hanning(7).sum(), "valid"
    )
    peaks, _ = find_peaks(smooth, prominence=_DIP_DB, distance=4)
    nuclei: npt.NDArray[np.int64] = peaks[voiced[peaks]].astype(np.int64)
    return nuclei


def _slice(at: float, reach: float, rate_hz: float, length: int) -> slice:
    start = min(max(0, round((at - reach) * rate_hz)), max(0, length - 1))
    return slice(start, max(start + 1, min(length, round((at + reach) * rate_hz))))


def _cut(values: npt.NDArray[Any], at: float, reach: float, rate_hz: float) -> npt.NDArray[Any]:
    return values[_slice(at, reach, rate_hz, len(values))]


def _fit(values: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """The same, cut or padded with zeros: trackers may differ by a frame at the end."""
    out = np.zeros(length, values.dtype)
    out[: min(length, len(values))] = values[:length]
    return out
