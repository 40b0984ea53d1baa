"""BeatGrid: where the beats of a song are, and what place each has in its bar. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_CONFIDENCE = 0.15  # speech and noise have less than 0.01, songs of a free tempo about 0.3


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BeatGrid:
    """Beats in seconds on the song's clock, with bars, loudness and accents.

    Only ``beats`` has to be given: what is left out is filled in as plainly as can be (bars of
    ``meter`` beats from the first on, one loudness throughout, no accents).
    """

    beats: FloatArray
    """float64 [beats], ascending"""
    positions: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """int64 [beats]: the place in the bar, 1 on the downbeat"""
    meter: int = 4
    """beats in a bar, as most bars have them"""
    duration: float = 0.0
    """seconds of the song"""
    confidence: float = 1.0
    """0 to 1: how surely these are the beats that people would tap"""
    energy: FloatArray = field(default_factory=lambda: np.zeros(0))
    """float64 [beats]: loudness from each beat to the next, in dB under the song's loudest"""
    accent_times: FloatArray = field(default_factory=lambda: np.zeros(0))
    """float64 [accents]: onsets that stand out, in seconds, ascending"""
    accent_strengths: FloatArray = field(default_factory=lambda: np.zeros(0))
    """float64 [accents]: 0 to 1"""
    drops: FloatArray = field(default_factory=lambda: np.zeros(0))
    """float64 [drops]: beats at which the music suddenly becomes louder or fuller"""
    reason: str = ""
    """why there are no beats, or why they are not to be trusted"""
    path: Path | None = None
    """the song"""

    def __post_init__(self) -> None:
        def fix(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        beats = np.asarray(self.beats, np.float64)
        if beats.ndim != 1 or not np.isfinite(beats).all() or np.any(np.diff(beats) <= 0):
            raise ValueError("beats are finite seconds in ascending order, one after the other")
        if self.meter < 1:
            raise ValueError(f"a bar has at least one beat; got meter {self.meter}")
        fix("beats", beats)
        positions = np.asarray(self.positions, np.int64)
        fix("positions", positions if len(positions) else np.arange(len(beats)) % self.meter + 1)
        energy = np.asarray(self.energy, np.float64)
        fix("energy", energy if len(energy) else np.zeros(len(beats)))
        if len(self.positions) != len(beats) or len(self.energy) != len(beats):
            raise ValueError("there is one position and one energy for each beat")
        if len(beats) and self.duration <= 0:
            period = beats[-1] - beats[-2] if len(beats) > 1 else 0.5
            fix("duration", float(beats[-1] + period))

    @classmethod
    def regular(
        cls, bpm: float, *, duration: float, meter: int = 4, start: float = 0.0
    ) -> BeatGrid:
        """Beats like a metronome's, from ``start`` (a downbeat) to the end."""
        if not (bpm > 0 and duration > start):
            raise ValueError(f"bpm and the length must be positive; got {bpm}, {duration - start}")
        count = int(np.ceil((duration - start) * bpm / 60 - 1e-9))
        return cls(start + np.arange(count) * 60 / bpm, meter=meter, duration=duration)

    def __len__(self) -> int:
        return len(self.beats)

    def __repr__(self) -> str:
        if not len(self):
            return f"BeatGrid(no beats: {self.reason})"
        return (
            f"BeatGrid({len(self)} beats, {len(self.downbeats)} bars of {self.meter}, "
            f"{self.tempo_bpm:.1f} BPM, confidence {self.confidence:.2f})"
        )

    @property
    def downbeats(self) -> FloatArray:
        """The first beat of each bar, in seconds."""
        first: FloatArray = self.beats[self.positions == 1]
        return first

    @property
    def local_tempo_bpm(self) -> FloatArray:
        """float64 [beats]: beats a minute around each beat, a median over four of them."""
        if len(self) < 2:
            return np.zeros(len(self))
        periods = np.diff(self.beats)
        near = [np.median(periods[max(0, i - 2) : i + 2]) for i in range(len(self))]
        return 60.0 / np.array(near)

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute over the whole song: the median; 0 where there are no two beats."""
        return float(60.0 / np.median(np.diff(self.beats))) if len(self) > 1 else 0.0

    @property
    def bars(self) -> IntArray:
        """int64 [beats]: the bar that each beat is in, from 1; a pickup before it is bar 0."""
        numbers: IntArray = np.cumsum(self.positions == 1)
        return numbers

    def between(self, start: float, end: float) -> BeatGrid:
        """The beats, accents and drops in [start, end), on the same clock."""
        kept = (self.beats >= start) & (self.beats < end)
        heard = (self.accent_times >= start) & (self.accent_times < end)
        return replace(
            self,
            beats=self.beats[kept],
            positions=self.positions[kept],
            energy=self.energy[kept],
            accent_times=self.accent_times[heard],
            accent_strengths=self.accent_strengths[heard],
            drops=self.drops[(self.drops >= start) & (self.drops < end)],
            duration=min(self.duration, end),
        )
