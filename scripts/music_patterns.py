"""Write songs of our own: drums, bass, chords and melody over a bar line that is known.

A :class:`Bars` says when each beat falls and what place it has in its bar; the players write notes
against it, in beats, and never in seconds, so whatever the tempo does they do. Everything is drawn
from one generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pretty_midi

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

KEYS = [0, 1, 4, 5, 6, 7, 16, 18]  # General MIDI programs: pianos, harpsichord, organs
GUITARS = [24, 25, 26, 27, 28, 29, 30, 46]
PADS = [48, 49, 50, 51, 52, 54, 88, 89, 90, 91, 94, 95]
BASSES = [32, 33, 34, 35, 36, 37, 38, 39, 43]
LEADS = [0, 11, 12, 22, 40, 41, 52, 56, 57, 61, 64, 65, 66, 68, 71, 73, 75, 80, 81, 85]
ORCHESTRA = [40, 41, 42, 44, 45, 46, 48, 49, 56, 57, 60, 68, 70, 71, 72, 73, 19, 52]
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = ["1564", "1645", "6415", "1425", "1465", "2514", "1345", "1111", "1515", "6754"]


@dataclass(frozen=True)
class Bars:
    """The bar line of a song."""

    beats: FloatArray
    """float64 [beats + 1] in seconds; the last one is the end"""
    positions: IntArray
    """int64 [beats]: place in the bar, 1 on the downbeat"""
    meter: int
    compound: bool = False
    """beats that divide in three: 6/8, 12/8"""
    swing: float = 0.5
    """where the off-beat falls in a beat: 1/2 straight, 2/3 swung"""

    def at(self, beat: float) -> float:
        """The second at which a (fractional) beat falls."""
        whole, part = int(np.floor(beat)), beat - np.floor(beat)
        if not self.compound and self.swing != 0.5:
            s = self.swing
            part = part * 2 * s if part < 0.5 else s + (part - 0.5) * 2 * (1 - s)
        return float(np.interp(whole + part, np.arange(len(self.beats)), self.beats))

    @property
    def starts(self) -> IntArray:
        """int64 [bars]: the beat at which each bar begins."""
        found: IntArray = np.flatnonzero(self.positions == 1)
        return found


def tempo_curve(rng: np.random.Generator, bpm: float, beats: int, kind: str) -> FloatArray:
    """Beat times (``beats`` + 1 of them) at about ``bpm``: steady, human, changing or rubato."""
    log_period = np.full(beats, np.log(60 / bpm))
    if kind == "human":
        log_period += np.cumsum(rng.normal(0, 0.004, beats)) + rng.normal(0, 0.006, beats)
    elif kind == "ramp":
        log_period += np.linspace(0, rng.uniform(-0.25, 0.25), beats)
    elif kind == "jump":
        log_period[int(rng.uniform(0.3, 0.7) * beats) :] += rng.uniform(-0.35, 0.35)
    elif kind == "rubato":
        period = rng.uniform(8, 32)
        wave = np.sin(2 * np.pi * (np.arange(beats) / period + rng.random()))
        log_period += rng.uniform(0.03, 0.12) * wave + rng.normal(0, 0.02, beats)
        for end in range(int(rng.integers(7, 17)), beats, int(rng.choice([8, 16]))):
            log_period[end] += rng.uniform(0.0, 0.5)  # a fermata at the end of a phrase
            log_period[max(0, end - 2) : end] += rng.uniform(0.0, 0.15)
    periods = np.clip(np.exp(log_period), 60 / 230, 60 / 48)
    return np.concatenate([[0.0], np.cumsum(periods)])


def draw_bars(rng: np.random.Generator, seconds: float) -> Bars:
    """A bar line about as long as ``seconds``, in one of the usual metres."""
    names = ["4", "3", "2", "6/8", "12/8"]
    name = rng.choice(names, p=[0.56, 0.17, 0.08, 0.14, 0.05])
    meter = {"4": 4, "3": 3, "2": 2, "6/8": 2, "12/8": 4}[name]
    compound = "/" in name
    low, high = (48, 130) if compound else (56, 210)
    if not compound and rng.random() < 0.35:
        low, high = 58, 92  # where trackers fall into the octave above
    bpm = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    kinds = ["steady", "human", "ramp", "jump", "rubato"]
    kind = str(rng.choice(kinds, p=[0.45, 0.25, 0.06, 0.06, 0.18]))
    count = max(2 * meter, int(seconds * bpm / 60))
    pickup = int(rng.integers(1, meter)) if meter > 1 and rng.random() < 0.2 else 0
    positions = (np.arange(count) - pickup) % meter + 1
    swing = float(rng.uniform(0.58, 0.68)) if rng.random() < 0.18 else 0.5
    return Bars(tempo_curve(rng, bpm, count, kind), positions, meter, compound, swing)


class Player:
    """Adds notes in beats to one instrument, with a person's timing and touch."""

    def __init__(
        self, rng: np.random.Generator, bars: Bars, program: int, *, drums: bool = False
    ) -> None:
        self.instrument = pretty_midi.Instrument(program=int(program), is_drum=drums)
        self._rng, self._bars = rng, bars
        self._spread = float(rng.choice([0.0, 0.004, 0.009]))
        self._level = float(rng.uniform(0.75, 1.1))

    def play(self, pitch: int, beat: float, length: float, velocity: float) -> None:
        """One note: ``beat`` and ``length`` in beats, ``velocity`` about 1 to 127."""
        start = self._bars.at(beat) + self._rng.normal(0, self._spread)
        end = max(self._bars.at(beat + length), start + 0.04)
        touch = int(np.clip(velocity * self._level + self._rng.normal(0, 6), 1, 127))
        pitch = int(np.clip(pitch, 12, 108))
        self.instrument.notes.append(pretty_midi.Note(touch, pitch, max(0.0, start), end))


def drums(rng: np.random.Generator, bars: Bars) -> pretty_midi.Instrument:
    """A drummer: kick and snare by style, cymbals on a subdivision, fills at the end of phrases."""
    kit = int(rng.choice([0, 8, 16, 24, 25, 32, 40]))
    player = Player(rng, bars, kit, drums=True)
    styles = ["rock", "four", "half", "march", "brushes", "busy"]
    style = str(rng.choice(styles, p=[0.42, 0.15, 0.06, 0.09, 0.1, 0.18]))
    kick, snare = (
        int(rng.choice([35, 36])),
        int(rng.choice([38, 40, 37, 39], p=[0.5, 0.3, 0.1, 0.1])),
    )
    cymbal = int(
        rng.choice([42, 44, 51, 53, 70, 54, 82], p=[0.5, 0.08, 0.2, 0.04, 0.06, 0.08, 0.04])
    )
    steps = 3 if bars.compound else int(rng.choice([1, 2, 4], p=[0.15, 0.55, 0.3]))
    offbeat_only = steps == 2 and rng.random() < 0.12
    cymbal_level = 0.0 if rng.random() < 0.1 else rng.uniform(45, 85)
    ghost, pushed = rng.uniform(0, 0.25), rng.uniform(0, 0.4)
    grid = 3 if bars.compound else 4
    kicks = _kick_pattern(rng, bars, style, grid, pushed)
    phrase = int(rng.choice([4, 8]))
    for number, start in enumerate(bars.starts):
        fill = (number + 1) % phrase == 0 and rng.random() < 0.6
        for b in range(bars.meter):
            if start + b >= len(bars.positions):
                break
            beat = float(start + b)
            if fill and b == bars.meter - 1:
                for k in range(grid):
                    player.play(int(rng.choice([41, 45, 47, 48, snare])), beat + k / grid, 0.2, 95)
                continue
            for k in range(grid):
                if kicks[b, k] and (k == 0 or rng.random() < 0.9):
                    player.play(kick, beat + k / grid, 0.3, 105)
                elif k and rng.random() < ghost * 0.4:
                    player.play(snare, beat + k / grid, 0.2, 38)
            if _has_snare(style, b, bars):
                player.play(snare, beat, 0.3, 108)
            if style == "march":
                for k in range(1, grid):
                    player.play(snare, beat + k / grid, 0.2, 60 if k % 2 else 75)
            for k in range(steps):
                if cymbal_level and not (offbeat_only and k == 0):
                    accent = 12 if k == 0 else 0
                    player.play(cymbal, beat + k / steps, 0.2, cymbal_level + accent)
        if number % phrase == 0 and rng.random() < 0.6:
            player.play(49, float(start), 1.0, 105)
    return player.instrument


def _kick_pattern(
    rng: np.random.Generator, bars: Bars, style: str, grid: int, pushed: float
) -> npt.NDArray[np.bool_]:
    """bool [meter, grid]: where the bass drum plays in every bar."""
    kicks = rng.random((bars.meter, grid)) < pushed * 0.35
    kicks[:, 0] = rng.random(bars.meter) < 0.2
    if style == "four":
        kicks[:, 0] = True
    if bars.meter == 4 and style != "half":
        kicks[2, 0] = rng.random() < 0.75
    for b in range(bars.meter):
        if _has_snare(style, b, bars):
            kicks[b, 0] = style == "four"
    kicks[0, 0] = True
    return kicks


def _has_snare(style: str, beat: int, bars: Bars) -> bool:
    if style in ("brushes", "march"):
        return beat > 0 and style == "brushes" and beat % 2 == 1
    if bars.meter == 4:
        return beat == 2 if style == "half" else beat % 2 == 1
    if bars.meter == 3:
        return beat > 0 if style in ("rock", "four") else beat == 2
    return beat == bars.meter - 1


@dataclass(frozen=True)
class Harmony:
    """Key, mode and one chord (a list of pitch classes) per half bar."""

    scale: tuple[int, ...]
    roots: IntArray
    """int64 [bars, 2]: scale degree of the chord in each half of each bar, from 0"""
    key: int

    def chord(self, bar: int, half: int) -> list[int]:
        degree = int(self.roots[bar, half])
        return [self.key + self.scale[(degree + s) % 7] for s in (0, 2, 4)]


def harmony(rng: np.random.Generator, bars: Bars) -> Harmony:
    """A progression that repeats, with one chord a bar, two, or one for two bars."""
    pattern = [int(c) - 1 for c in str(rng.choice(PROGRESSIONS))]
    rate = float(rng.choice([0.5, 1.0, 2.0], p=[0.2, 0.62, 0.18]))
    halves = np.arange(2 * len(bars.starts)) / 2
    roots = np.array([pattern[int(h * rate) % len(pattern)] for h in halves]).reshape(-1, 2)
    return Harmony(MAJOR if rng.random() < 0.6 else MINOR, roots, int(rng.integers(12)))


def bass(rng: np.random.Generator, bars: Bars, song: Harmony) -> pretty_midi.Instrument:
    """Roots and fifths: whole bars, beats, eighths, or on the first beat with a pickup."""
    player = Player(rng, bars, rng.choice(BASSES))
    style = str(rng.choice(["bar", "beat", "eighths", "pickup", "walk"]))
    steps = {"eighths": 3 if bars.compound else 2}.get(style, 1)
    for number, start in enumerate(bars.starts):
        for b in range(bars.meter):
            chord = song.chord(number, int(2 * b >= bars.meter))
            changed = b == 0 or (2 * b == bars.meter and chord != song.chord(number, 0))
            if style in ("bar", "pickup") and not changed:
                if style == "pickup" and b == bars.meter - 1:
                    player.play(36 + chord[2] % 12, start + b + 0.5, 0.45, 85)
                continue
            for k in range(steps):
                tone = chord[0] if style != "walk" or b == 0 else int(rng.choice(chord))
                length = bars.meter * 0.9 if style in ("bar", "pickup") else 0.9 / steps
                level = 100 if b == 0 and k == 0 else 86
                player.play(33 + (tone - 9) % 12, start + b + k / steps, length, level)
    return player.instrument


def chords(
    rng: np.random.Generator, bars: Bars, song: Harmony, programs: list[int]
) -> pretty_midi.Instrument:
    """Accompaniment: held chords, strums on beats or off-beats, eighths, or arpeggios."""
    player = Player(rng, bars, rng.choice(programs))
    styles = ["held", "beats", "offbeats", "eighths", "arpeggio", "oompah", "syncopated"]
    style = str(rng.choice(styles, p=[0.22, 0.18, 0.07, 0.16, 0.2, 0.09, 0.08]))
    sub = 3 if bars.compound else int(rng.choice([2, 4], p=[0.75, 0.25]))
    low = int(rng.integers(48, 62))
    rhythm = rng.random((bars.meter, 4)) < 0.3
    for number, start in enumerate(bars.starts):
        for b in range(bars.meter):
            beat = float(start + b)
            notes = sorted(
                low + (p - low) % 12 for p in song.chord(number, int(2 * b >= bars.meter))
            )
            hits: list[tuple[float, float, float]] = []
            if style == "held" and b in (0, bars.meter // 2):
                hits = [(0.0, bars.meter / 2 if bars.meter > 2 else 1.0, 80)]
            elif style == "beats":
                hits = [(0.0, 0.8, 92 if b == 0 else 78)]
            elif style == "offbeats":
                hits = [(0.5, 0.3, 82)]
            elif style == "eighths":
                hits = [(k / sub, 0.8 / sub, 90 if k == 0 else 70) for k in range(sub)]
            elif style == "syncopated":
                hits = [(k / 4, 0.3, 84) for k in range(4) if rhythm[b, k]]
            elif style == "oompah":
                if b == 0:
                    player.play(notes[0] - 12, beat, 0.8, 95)
                else:
                    hits = [(0.0, 0.5, 75)]
            else:
                for k in range(sub):
                    tone = notes[(b * sub + k) % len(notes)] + 12 * ((b * sub + k) // 3 % 2)
                    player.play(tone, beat + k / sub, 1.0 / sub, 88 if b == 0 and k == 0 else 74)
            for at, length, level in hits:
                for note in notes:
                    player.play(note, beat + at, length, level)
    return player.instrument


def melody(
    rng: np.random.Generator, bars: Bars, song: Harmony, programs: list[int]
) -> pretty_midi.Instrument:
    """A tune: a walk on the scale, longer notes and chord tones on strong beats, rests."""
    player = Player(rng, bars, rng.choice(programs))
    density, degree = rng.uniform(0.25, 0.8), int(rng.integers(7))
    sub = 3 if bars.compound else int(rng.choice([1, 2, 2, 4]))
    for number, start in enumerate(bars.starts):
        if rng.random() < 0.12:
            continue
        for b in range(bars.meter):
            for k in range(sub):
                strong = k == 0 and b in (0, bars.meter // 2)
                if rng.random() > (0.9 if strong else density * (1.0 if k == 0 else 0.6)):
                    continue
                degree = int(np.clip(degree + rng.integers(-2, 3), -4, 10))
                if strong:
                    degree += (int(song.roots[number, 0]) - degree) % 2
                pitch = 67 + song.key % 12 - 6 + 12 * (degree // 7) + song.scale[degree % 7]
                length = float(rng.choice([1, 1.5, 2])) / sub
                player.play(pitch, start + b + k / sub, length, 96 if strong else 84)
    return player.instrument


def compose(rng: np.random.Generator, bars: Bars) -> list[pretty_midi.Instrument]:
    """A whole band, a soft ensemble without drums, or one piano."""
    song = harmony(rng, bars)
    cast = str(rng.choice(["band", "soft", "solo", "beat"], p=[0.5, 0.27, 0.15, 0.08]))
    if cast == "solo":
        keys = [int(rng.choice([0, 0, 1, 4, 24, 46]))]
        return [chords(rng, bars, song, keys), melody(rng, bars, song, keys)]
    if cast == "soft":
        players = [chords(rng, bars, song, ORCHESTRA + PADS), melody(rng, bars, song, ORCHESTRA)]
        if rng.random() < 0.6:
            players.append(chords(rng, bars, song, ORCHESTRA + KEYS))
        if rng.random() < 0.5:
            players.append(bass(rng, bars, song))
        return players
    players = [drums(rng, bars)]
    if rng.random() < 0.85:
        players.append(bass(rng, bars, song))
    if cast == "band":
        players.append(chords(rng, bars, song, KEYS + GUITARS))
        if rng.random() < 0.6:
            players.append(melody(rng, bars, song, LEADS))
        if rng.random() < 0.4:
            players.append(chords(rng, bars, song, PADS))
    return players
