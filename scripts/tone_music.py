"""Music whose mood is known: tempo, mode, register, density, touch and articulation are given.

What a listener would make of them is the teachers' business: signs and sizes after Gomez & Danuser
(2007) and Eerola, Friberg & Bresin (2013), in whose experiments mode and register moved valence,
and tempo, dynamics and articulation arousal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pretty_midi
from music_patterns import BASSES, GUITARS, KEYS, LEADS, MAJOR, MINOR, ORCHESTRA, PADS, PROGRESSIONS

Rng = np.random.Generator


@dataclass(frozen=True)
class Mood:
    """A stretch of music in its makers' terms."""

    bpm: float
    major: bool
    density: float
    """notes of the tune in a beat"""
    velocity: float
    register: float
    """octaves over middle C of the tune"""
    staccato: float
    """0 held to 1 short"""
    drums: float
    """how loud a drummer plays; 0 for none"""

    @property
    def arousal(self) -> float:
        """What it ought to feel like, -1 to 1."""
        tempo = np.log2(self.bpm / 105) / 0.5
        notes = np.log2(self.density / 1.4) / 0.8
        touch = (self.velocity - 78) / 22
        raw = 0.3 * tempo + 0.25 * notes + 0.3 * touch + 0.15 * (2 * self.staccato - 1)
        return float(np.tanh(raw + 0.3 * (self.drums - 0.4)))

    @property
    def valence(self) -> float:
        """-1 to 1."""
        tempo = np.log2(self.bpm / 105) / 0.5
        return float(np.tanh((0.6 if self.major else -0.6) + 0.2 * tempo + 0.2 * self.register))


def draw_mood(rng: Rng, valence: float, arousal: float) -> Mood:
    """Music that a composer might write for a mood, with a will of their own."""
    a, v = arousal, valence
    return Mood(
        bpm=float(np.clip(105 * 2 ** (0.5 * a + rng.normal(0, 0.12)), 52, 190)),
        major=bool(v + rng.normal(0, 0.2) > 0),
        density=float(np.clip(1.4 * 2 ** (0.8 * a + rng.normal(0, 0.2)), 0.4, 4)),
        velocity=float(np.clip(78 + 24 * a + rng.normal(0, 5), 30, 122)),
        register=float(np.clip(0.5 + 0.5 * v + rng.normal(0, 0.2), -0.6, 1.6)),
        staccato=float(np.clip(0.5 + 0.4 * a + rng.normal(0, 0.12), 0, 1)),
        drums=float(np.clip(0.5 + 0.7 * a + rng.normal(0, 0.15), 0, 1)),
    )


@dataclass(frozen=True)
class Band:
    """Who plays, through the whole piece."""

    tune: int
    chords: int
    bass: int
    key: int
    drums: bool


def draw_band(rng: Rng) -> Band:
    """A small ensemble in a key."""
    return Band(
        int(rng.choice(LEADS + KEYS + ORCHESTRA)),
        int(rng.choice(KEYS + GUITARS + PADS + ORCHESTRA)),
        int(rng.choice(BASSES)),
        int(rng.integers(12)),
        bool(rng.random() < 0.6),
    )


def compose(
    rng: Rng, band: Band, sections: list[tuple[float, Mood]]
) -> list[pretty_midi.Instrument]:
    """Sections of (seconds, mood), one after the other."""
    players = [pretty_midi.Instrument(program) for program in (band.tune, band.chords, band.bass)]
    kit = pretty_midi.Instrument(0, is_drum=True)
    start = 0.0
    for seconds, mood in sections:
        _section(rng, band, mood, players, kit, start, start + seconds)
        start += seconds
    return [*players, kit]


def _section(
    rng: Rng,
    band: Band,
    mood: Mood,
    players: list[pretty_midi.Instrument],
    kit: pretty_midi.Instrument,
    start: float,
    end: float,
) -> None:
    scale = MAJOR if mood.major else MINOR
    pattern = [int(c) - 1 for c in str(rng.choice(PROGRESSIONS[:7]))]
    beat, length = 60 / mood.bpm, 1.0 - 0.65 * mood.staccato
    degree = 0

    def play(player: pretty_midi.Instrument, pitch: int, at: float, hold: float, by: float) -> None:
        touch = int(np.clip(mood.velocity + by + rng.normal(0, 5), 8, 127))
        if at < end - 0.05:
            stop = min(end, at + max(0.06, hold))
            player.notes.append(pretty_midi.Note(touch, int(np.clip(pitch, 24, 103)), at, stop))

    for number in range(int((end - start) / beat) + 1):
        at = start + number * beat
        root = pattern[number // 4 % len(pattern)]
        chord = [band.key + scale[(root + s) % 7] for s in (0, 2, 4)]
        if number % 4 == 0 or mood.density > 1.4:
            hold = (4 if mood.density <= 1.4 else 1) * beat * length
            for tone in chord:
                play(players[1], 52 + (tone - 52) % 12, at, hold, -12)
        if number % 2 == 0 or mood.density > 2:
            play(players[2], 33 + (chord[0] - 33) % 12, at, 2 * beat * length, 0)
        notes = max(1, round(mood.density)) if rng.random() < min(1, mood.density) else 0
        for k in range(notes):
            degree = int(np.clip(degree + rng.integers(-2, 3), -5, 9))
            if k == 0 and number % 2 == 0:
                degree = root + int(rng.choice([0, 2, 4]))
            pitch = 60 + band.key - 6 + round(12 * mood.register) + 12 * (degree // 7)
            play(
                players[0],
                pitch + scale[degree % 7],
                at + k * beat / notes,
                beat / notes * length,
                6,
            )
        if band.drums and mood.drums > 0.15:
            by = 30 * (mood.drums - 0.6)
            play(kit, 36 if number % 2 == 0 else 38, at, 0.1, by)
            for k in range(2 if mood.drums > 0.4 else 1):
                play(kit, 42, at + k * beat / 2, 0.1, by - 20)
