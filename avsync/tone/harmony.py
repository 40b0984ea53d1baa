"""Mode, plainness of harmony and register, from how strong each note is.

Notes are read off long spectra at ten a second. Mode has two witnesses. Chords: the pitch classes
of each second, the middle ones weighed most, are laid over the 24 major and minor triads, as chord
recognisers do (Fujishima 1999); how much more of the time major triads sound than minor ones is
heard at once and whatever the key. Keys: the pitch classes of the whole stretch are laid over the
profiles of the 24 keys (Krumhansl & Kessler 1982), which a tune without chords is judged by. A
recording that is not tuned to 440 Hz is followed by its own tuning.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FRAME_HZ", "Notes", "mode_of"]

RATE_HZ = 16_000
FRAME_HZ = 10
_WINDOW = 4096  # samples: 256 ms
_LOWEST, _COUNT = 36, 61  # MIDI notes C2 to C7
_MIDDLE_C = 60
_CLASS = (np.arange(_COUNT) + _LOWEST) % 12
_MIDDLE = np.exp(-0.5 * np.square((np.arange(_COUNT) + _LOWEST - _MIDDLE_C) / 14.0))
"""How much each note counts towards a chord: those around middle C most, overtones little."""
_BASS = 16  # notes under E3, of which the strongest is likely a chord's root
_ROOT = 0.1  # of a correlation that it is worth
_SOFT = 0.1  # of a correlation by which one chord is surer than another

_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])

FloatArray = npt.NDArray[np.float64]
NoteArray = npt.NDArray[np.float32]


class Notes:
    """How strong each note from C2 to C7 is, of sound that comes in blocks."""

    def __init__(self) -> None:
        self._held = np.zeros(_WINDOW // 2, np.float32)
        self._shape = np.hanning(_WINDOW).astype(np.float32)
        hz = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)
        midi = 69 + 12 * np.log2(np.maximum(hz, 1.0) / 440)
        # A third of a semitone each: the tuning is found from which third the peaks lie in.
        self._at = np.round((midi - _LOWEST) * 3).astype(int) + 1
        self._usable = (self._at >= 0) & (self._at < 3 * _COUNT)
        self._into = np.zeros((int(self._usable.sum()), 3 * _COUNT), np.float32)
        self._into[np.arange(len(self._into)), self._at[self._usable]] = 1
        self._parts: list[NoteArray] = []

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next block, mono at 16 kHz."""
        hop = RATE_HZ // FRAME_HZ
        held = np.concatenate([self._held, samples])
        count = (len(held) - _WINDOW) // hop + 1
        if count > 0:
            windows = np.lib.stride_tricks.sliding_window_view(held, _WINDOW)[::hop][:count]
            self._parts.append(self._strengths(windows))
            held = held[count * hop :]
        self._held = held

    def finish(self) -> NoteArray:
        """float32 [frames, 61]: strength of each note; frame `j` is centred on `j / 10` s."""
        self.add(np.zeros(_WINDOW // 2, np.float32))
        thirds = np.concatenate(self._parts) if self._parts else np.zeros((0, 3 * _COUNT))
        by_third = thirds.reshape(len(thirds), _COUNT, 3)
        weight = by_third.sum(axis=(0, 1)) * (1.0, 1.2, 1.0)  # in doubt, 440 Hz
        tuned = np.roll(thirds, 1 - int(weight.argmax()), axis=1).reshape(by_third.shape)
        strength: NoteArray = (tuned[..., 1] + 0.3 * (tuned[..., 0] + tuned[..., 2])).astype(
            np.float32
        )
        return strength

    def _strengths(self, windows: npt.NDArray[np.float32]) -> NoteArray:
        size = np.abs(np.fft.rfft(windows * self._shape, axis=1)).astype(np.float32)
        peak = np.zeros(size.shape, bool)
        peak[:, 1:-1] = (size[:, 1:-1] > size[:, :-2]) & (size[:, 1:-1] >= size[:, 2:])
        # The root makes a soft note count beside a loud one; only peaks are notes.
        root = np.where(peak, np.sqrt(size), 0)[:, self._usable]
        summed: NoteArray = root @ self._into
        return summed


def mode_of(strength: NoteArray) -> tuple[float, float, float]:
    """(mode, plainness, register) of a stretch, float32 [frames, 61].

    Mode is the share of time that major triads sound less that of minor ones, plus the best major
    key's correlation less the best minor one's, halved: −1 to 1. Plainness is how well the better
    key fits, to 1; register is in octaves over middle C.
    """
    total = strength.sum(axis=0, dtype=np.float64)
    if total.sum() <= 0:
        return 0.0, 0.0, 0.0
    fit = _KEYS @ _standard(_classes(total))
    major, minor = float(fit[:12].max()), float(fit[12:].max())
    heavy = np.square(total)
    register = float((heavy * (np.arange(_COUNT) + _LOWEST - _MIDDLE_C)).sum() / heavy.sum()) / 12
    return (_chords(strength) + major - minor) / 2, max(major, minor), register


def _classes(notes: FloatArray) -> FloatArray:
    """The sum of each pitch class, [61] → [12]."""
    return np.bincount(_CLASS, notes, 12).astype(np.float64)


def _chords(strength: NoteArray) -> float:
    """How much more of the time major triads sound than minor ones, −1 to 1, [frames, 61]."""
    hop = FRAME_HZ // 2  # a second each, half of it new
    shares = []
    for first in range(0, max(1, len(strength) - hop), hop):
        notes = np.sqrt(strength[first : first + 2 * hop].astype(np.float64)).sum(axis=0)
        if notes.sum() <= 0:
            continue
        bass = np.bincount(_CLASS[:_BASS], notes[:_BASS], 12)
        fit = _TRIADS @ _standard(_classes(notes * _MIDDLE))
        fit += _ROOT * np.tile(bass / max(float(bass.max()), 1e-12), 2)
        share = np.exp((fit - fit.max()) / _SOFT)
        shares.append((share[:12].sum() - share[12:].sum()) / share.sum())
    return float(np.mean(shares)) if shares else 0.0


def _standard(values: FloatArray) -> FloatArray:
    centred = values - values.mean()
    scaled: FloatArray = centred / max(float(np.linalg.norm(centred)), 1e-12)
    return scaled


def _rolled(major: FloatArray, minor: FloatArray) -> FloatArray:
    """Profiles of pitch classes over each of the twelve, major ones first: [24, 12]."""
    return np.array([_standard(np.roll(p, key)) for p in (major, minor) for key in range(12)])


_KEYS = _rolled(_MAJOR, _MINOR)
_TRIADS = _rolled(
    np.array([1.0, 0, 0, 0, 1.0, 0, 0, 0.9, 0, 0, 0, 0]),
    np.array([1.0, 0, 0, 1.0, 0, 0, 0, 0.9, 0, 0, 0, 0]),
)
