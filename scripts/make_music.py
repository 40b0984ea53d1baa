"""Render music whose beats are known, and keep it as log-mel frames: what ``train_beats.py`` reads.

    python scripts/make_music.py OUT --pop909 DIR --groove DIR --voices BANK \\
        --soundfont FluidR3_GM.sf2 --soundfont MuseScore_General.sf3 --count 2000 --split train

Three kinds of songs: POP909 arrangements (with programs drawn anew and, mostly, drums added),
Groove performances (with, sometimes, a band added), and our own (``music_patterns.py``). Each is
played by one soundfont through FluidSynth and then by a room, an equaliser, a loud master, noise
and voices. Besides them negatives without a pulse: speech, noise, held chords. Split by song, by
performance as Groove's own table says, and by soundfont: give other soundfonts for ``test``.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pretty_midi
from joblib import Parallel, delayed
from make_films import Bank, coloured_noise, room
from music_patterns import (
    KEYS,
    LEADS,
    PADS,
    Bars,
    bass,
    chords,
    compose,
    draw_bars,
    drums,
    harmony,
)
from scipy.signal import fftconvolve, resample_poly, sosfilt

from avsync.encoders.audio import LogMel

RATE_HZ = 16_000
SECONDS = 40.0
Samples = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sources:
    """Where songs and sounds come from, for one split."""

    pop909: Path
    groove: Path
    voices: Path
    soundfonts: tuple[Path, ...]
    split: str

    @property
    def songs(self) -> list[Path]:
        """POP909's songs of this split: every tenth is for testing, the next for validation."""
        wanted = {"train": range(2, 10), "validation": (1,), "test": (0,)}[self.split]
        return sorted(
            path
            for path in self.pop909.iterdir()
            if path.name.isdigit() and int(path.name) % 10 in wanted
        )

    @property
    def performances(self) -> list[tuple[Path, float]]:
        """Groove's performances in 4/4 of this split that last, with their tempo in BPM."""
        with (self.groove / "info.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            (self.groove / row["midi_filename"], float(row["bpm"]))
            for row in rows
            if row["split"] == self.split
            and row["time_signature"] == "4-4"
            and float(row["duration"]) >= (8.0 if self.split == "train" else 12.0)
        ]


@dataclass(frozen=True)
class Take:
    """A song before it is played: notes, and where its beats are."""

    instruments: list[pretty_midi.Instrument]
    beats: FloatArray
    """float64 [beats] in seconds"""
    positions: npt.NDArray[np.int64]
    """int64 [beats]: 1 on the downbeat; 0 where bars are not known"""


def pop909_take(rng: np.random.Generator, song: Path, *, drums_too: bool, plain: bool) -> Take:
    """A POP909 song; ``plain`` leaves its piano as it is."""
    midi = pretty_midi.PrettyMIDI(str(song / f"{song.name}.mid"))
    marks = np.loadtxt(song / "beat_midi.txt")
    beats, down = marks[:, 0], np.flatnonzero(marks[:, 2] > 0)
    meter = int(np.median(np.diff(down))) if len(down) > 1 else 4
    positions = np.zeros(len(beats), np.int64)
    for first, last in zip(down, [*down[1:], len(beats)], strict=True):
        positions[first:last] = np.arange(last - first) % meter + 1
    if len(down):
        positions[: down[0]] = (np.arange(-down[0], 0) % meter) + 1
    instruments = [player for player in midi.instruments if not player.is_drum]
    scale = 1.0 if plain else float(rng.uniform(0.85, 1.25))
    for player in instruments:
        if not plain and rng.random() < 0.6:
            kind = LEADS if player.name == "MELODY" else KEYS + PADS
            player.program = int(rng.choice(kind))
        for note in player.notes:
            note.start, note.end = note.start * scale, max(note.end, note.start + 0.03) * scale
    beats = beats * scale
    if drums_too and len(beats) > 4:
        bars = Bars(np.append(beats, 2 * beats[-1] - beats[-2]), positions, meter)
        instruments.append(drums(rng, bars))
    return Take(instruments, beats, positions)


def groove_take(rng: np.random.Generator, path: Path, bpm: float, *, band: bool) -> Take:
    """A drummer's performance, played to a click from second 0 at ``bpm``."""
    midi = pretty_midi.PrettyMIDI(str(path))
    end = midi.get_end_time()
    count = int(end * bpm / 60) + 1
    beats = np.arange(count + 1) * 60 / bpm
    positions = np.arange(count) % 4 + 1
    instruments = midi.instruments
    for player in instruments:
        player.program = int(rng.choice([0, 0, 8, 16, 24, 25, 32, 40]))
    if band:
        bars = Bars(beats, positions, 4)
        song = harmony(rng, bars)
        instruments.append(bass(rng, bars, song))
        if rng.random() < 0.7:
            instruments.append(chords(rng, bars, song, KEYS + PADS))
    return Take(instruments, beats[:-1], positions)


def draw_take(rng: np.random.Generator, sources: Sources, kind: str) -> Take:
    """One song of a kind: ``pop909``, ``groove``, ``own`` or ``drone`` (no pulse)."""
    if kind == "pop909":
        song = sources.songs[rng.integers(len(sources.songs))]
        return pop909_take(rng, song, drums_too=bool(rng.random() < 0.6), plain=False)
    if kind == "groove":
        path, bpm = sources.performances[rng.integers(len(sources.performances))]
        return groove_take(rng, path, bpm, band=bool(rng.random() < 0.45))
    if kind == "drone":
        pad = pretty_midi.Instrument(program=int(rng.choice(PADS)))
        for _ in range(int(rng.integers(4, 12))):
            start = float(rng.uniform(0, SECONDS - 5))
            note = pretty_midi.Note(
                80, int(rng.integers(36, 80)), start, start + rng.uniform(4, 25)
            )
            pad.notes.append(note)
        return Take([pad], np.zeros(0), np.zeros(0, np.int64))
    bars = draw_bars(rng, SECONDS + 4)
    return Take(compose(rng, bars), bars.beats[:-1], bars.positions)


def play(
    instruments: list[pretty_midi.Instrument],
    soundfont: Path,
    *,
    wet: bool,
    rate_hz: int = RATE_HZ,
) -> Samples:
    """FluidSynth's sound of the notes, mono; played at twice the rate, then band-limited."""
    midi = pretty_midi.PrettyMIDI(resolution=960)
    midi.instruments = instruments
    frames = int((midi.get_end_time() + 2.0) * 2 * rate_hz)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.mid"
        midi.write(str(path))
        command = ["fluidsynth", "-ni", "-q", "-r", str(2 * rate_hz), "-g", "0.5"]
        command += ["-T", "raw", "-O", "s16", "-F", "/dev/stdout"]
        command += ["-o", "synth.dynamic-sample-loading=1"]
        command += [
            "-o",
            f"synth.reverb.active={int(wet)}",
            "-o",
            f"synth.chorus.active={int(wet)}",
        ]
        # Some sounds never end, and the player waits for them: so only what is needed is read.
        with subprocess.Popen(
            [*command, str(soundfont), str(path)], stdout=subprocess.PIPE
        ) as player:
            assert player.stdout is not None
            data = player.stdout.read(4 * frames)
            player.kill()
    stereo = np.frombuffer(data[: len(data) // 4 * 4], np.int16).reshape(-1, 2)
    mono = stereo.mean(axis=1, dtype=np.float32) / 32768
    sound: Samples = resample_poly(mono, 1, 2).astype(np.float32)
    return sound


def equalise(rng: np.random.Generator, sound: Samples) -> Samples:
    """Three peaking filters (Bristow-Johnson's cookbook) at random places, ±9 dB."""
    sections = []
    for _ in range(3):
        gain, q = 10 ** (rng.uniform(-9, 9) / 40), rng.uniform(0.4, 1.5)
        w = 2 * np.pi * np.exp(rng.uniform(np.log(60), np.log(6000))) / RATE_HZ
        alpha = np.sin(w) / (2 * q)
        b = np.array([1 + alpha * gain, -2 * np.cos(w), 1 - alpha * gain])
        a = np.array([1 + alpha / gain, -2 * np.cos(w), 1 - alpha / gain])
        sections.append(np.concatenate([b, a]) / a[0])
    filtered: Samples = sosfilt(np.array(sections), sound).astype(np.float32)
    return filtered


def degrade(rng: np.random.Generator, sound: Samples, bank: Bank) -> Samples:
    """What happens to a recording: a room, an equaliser, voices, noise, a loud master."""
    sound = sound / (np.sqrt(np.mean(sound**2)) + 1e-6)
    if rng.random() < 0.3:
        sound = fftconvolve(sound, room(rng, float(rng.uniform(0.1, 0.9))))[: len(sound)]
    if rng.random() < 0.7:
        sound = equalise(rng, sound.astype(np.float32))
    if rng.random() < 0.15:
        sound = sound + voice_over(rng, bank, len(sound)) * 10 ** (rng.uniform(-12, 2) / 20)
    if rng.random() < 0.5:
        noise = coloured_noise(rng, len(sound))
        sound = sound + noise * 10 ** (rng.uniform(-50, -8) / 20)
    if rng.random() < 0.4:
        drive = rng.uniform(0.5, 3.0)
        sound = np.tanh(sound * drive) / drive
    peak = float(np.max(np.abs(sound))) + 1e-9
    scaled: Samples = (sound / peak * 10 ** (rng.uniform(-20, -0.5) / 20)).astype(np.float32)
    return scaled


def voice_over(rng: np.random.Generator, bank: Bank, length: int) -> Samples:
    """People talking, one after the other, unit RMS while they do."""
    track = np.zeros(length, np.float32)
    now = int(rng.integers(RATE_HZ))
    while now < length:
        clips = bank.voices[rng.integers(len(bank.voices))]
        clip = clips[rng.integers(len(clips))][: length - now]
        track[now : now + len(clip)] += clip
        now += len(clip) + int(rng.exponential(0.5) * RATE_HZ)
    return track


def excerpt(rng: np.random.Generator, take: Take, sound: Samples) -> tuple[Samples, Take]:
    """At most ``SECONDS`` of it from a random place; sometimes with silence before."""
    length = int(SECONDS * RATE_HZ)
    start = int(rng.integers(max(1, len(sound) - length + RATE_HZ)))
    sound = sound[start : start + length]
    lead = int(rng.uniform(0, 3) * RATE_HZ) if rng.random() < 0.15 else 0
    sound = np.concatenate([np.zeros(lead, np.float32), sound])[:length]
    shift = (lead - start) / RATE_HZ
    kept = (take.beats + shift >= lead / RATE_HZ) & (take.beats + shift < len(sound) / RATE_HZ)
    return sound, Take([], take.beats[kept] + shift, take.positions[kept])


def make(sources: Sources, seed: list[int], out: Path) -> None:
    """One excerpt, as ``out``: mel float16 [frames, bands], beats, positions, kind."""
    if out.exists():  # a run that was broken off goes on where it was
        return
    rng = np.random.default_rng(seed)
    kinds = ["pop909", "groove", "own", "drone", "speech", "noise"]
    kind = str(rng.choice(kinds, p=[0.33, 0.23, 0.37, 0.02, 0.04, 0.01]))
    bank = Bank(sources.voices, "test" if sources.split == "test" else "train")
    if kind in ("speech", "noise"):
        length = int(SECONDS * RATE_HZ)
        sound = voice_over(rng, bank, length) if kind == "speech" else coloured_noise(rng, length)
        take = Take([], np.zeros(0), np.zeros(0, np.int64))
    else:
        take = draw_take(rng, sources, kind)
        soundfont = sources.soundfonts[rng.integers(len(sources.soundfonts))]
        if len(take.beats):  # only what is heard need be played
            take = trim(take, float(rng.uniform(0, max(1.0, take.beats[-1] - SECONDS - 6))))
        sound = play(take.instruments, soundfont, wet=bool(rng.random() < 0.3))
        sound, take = excerpt(rng, take, sound)
    if len(sound) < 6 * RATE_HZ or not np.any(sound):
        return
    mel = LogMel()([degrade(rng, sound, bank)])
    np.savez(out, mel=mel, beats=take.beats, positions=take.positions, kind=kind)


def trim(take: Take, start: float) -> Take:
    """The part of a song from ``start`` on that an excerpt can be taken from."""
    end = start + SECONDS + 5
    for player in take.instruments:
        player.notes = [note for note in player.notes if start <= note.start < end]
        for note in player.notes:
            note.start, note.end = note.start - start, min(note.end, end) - start
        for changes in (player.control_changes, player.pitch_bends):
            changes[:] = [change for change in changes if start <= change.time < end]
            for change in changes:
                change.time -= start
    kept = (take.beats >= start) & (take.beats < end)
    return Take(take.instruments, take.beats[kept] - start, take.positions[kept])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pop909", type=Path, required=True)
    parser.add_argument("--groove", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True, help="what make_voices.py wrote")
    parser.add_argument("--soundfont", type=Path, action="append", required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--split", choices=["train", "validation", "test"], default="train")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sources = Sources(args.pop909, args.groove, args.voices, tuple(args.soundfont), args.split)
    Parallel(n_jobs=2, verbose=1)(
        delayed(make)(sources, [args.seed, n], args.out / f"{n:05}.npz") for n in range(args.count)
    )


if __name__ == "__main__":
    main()
