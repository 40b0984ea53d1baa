"""Generate films: dialogue in many voices over music and noise, with subtitles as people time them.

    python scripts/make_films.py BANK OUT --count 3 --minutes 30 --split test

A film is a soundtrack (16 kHz mono) with its true speech times, and cues that carry the habits
of human subtitlers: lead-in, linger, lines merged and split, lines missing, "[door slams]",
♪ lines, speech that nobody subtitled. :func:`break_film` then makes the faults that a retimer
must undo (inserted breaks, removed scenes) and keeps the truth as a :class:`TimeMap`.

``BANK`` is what ``make_voices.py`` wrote. Everything is drawn from one seed. How the subtitler of a
film works is in ``film_cues.py``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from film_cues import Recipe, Utterance, human_cues, srt_text
from scipy.signal import butter, fftconvolve, sosfilt

from avsync.subtitles import Cue
from avsync.timemap import Piece, Span, TimeMap

RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Bank:
    """The voices and songs of one split (``train`` or ``test``) of a bank in ``directory``."""

    directory: Path
    split: str

    @property
    def voices(self) -> list[list[Samples]]:
        return load_clips(self.directory, f"{self.split}-[!s]*.npz")

    @property
    def songs(self) -> list[list[Samples]]:
        return load_clips(self.directory, f"{self.split}-song-*.npz")

    def cast(self, rng: np.random.Generator, size: int) -> list[int]:
        """``size`` different voices, about half of them recorded people."""
        names = sorted(path.name for path in self.directory.glob(f"{self.split}-[!s]*.npz"))
        people = np.array(["-human-" in name for name in names])
        weights = np.where(people, 0.5 / people.sum(), 0.5 / (~people).sum())
        chosen = rng.choice(len(names), size=min(size, len(names)), replace=False, p=weights)
        return [int(voice) for voice in chosen]

    def music(self, rng: np.random.Generator, length: int) -> Samples:
        """``length`` samples of one song (unit RMS), from a random place, looped if short."""
        song = self.songs[rng.integers(len(self.songs))][0]
        start = int(rng.integers(max(1, len(song) - length)))
        return np.resize(song[start:], length)


@cache
def load_clips(directory: Path, pattern: str) -> list[list[Samples]]:
    """The clips of every bank file whose name fits ``pattern``, each at unit RMS."""
    found = []
    for path in sorted(directory.glob(pattern)):
        with np.load(path) as data:
            pcm, lengths = data["pcm"].astype(np.float32) / 32768, data["lengths"]
        clips = np.split(pcm, np.cumsum(lengths)[:-1])
        found.append([clip / (np.sqrt(np.mean(clip**2)) + 1e-6) for clip in clips])
    return found


@dataclass(frozen=True)
class Film:
    """A soundtrack, where speech really is, and the cues that fit it."""

    samples: Samples = field(repr=False)
    speech: tuple[Span, ...] = field(repr=False)
    cues: tuple[Cue, ...] = field(repr=False)
    translation: tuple[Cue, ...] = field(repr=False)
    """the same speech as another subtitler would cut and time it"""
    recipe: Recipe


def room(rng: np.random.Generator, reverb: float) -> Samples:
    """An impulse response: the direct sound, then noise that decays by 60 dB in ``reverb`` s."""
    length = max(1, int(reverb * RATE_HZ))
    tail = rng.normal(size=length) * 10 ** (-3 * np.arange(length) / length)
    tail *= 10 ** (rng.uniform(-14, -2) / 20) / (np.linalg.norm(tail) + 1e-9)
    tail[: int(0.004 * RATE_HZ)] = 0.0
    tail[0] = 1.0
    return tail.astype(np.float32)


def coloured_noise(rng: np.random.Generator, length: int) -> Samples:
    """Unit-RMS noise with a spectrum between white and brown, one period of a minute repeated."""
    period = min(length, 60 * RATE_HZ)
    spectrum = np.fft.rfft(rng.normal(size=period))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** rng.uniform(0.0, 1.0)
    noise = np.fft.irfft(spectrum, period)
    return np.resize(noise / (np.sqrt(np.mean(noise**2)) + 1e-12), length).astype(np.float32)


def add(track: Samples, clip: Samples, at: float, gain_db: float) -> None:
    """Mix ``clip`` into ``track`` from ``at`` seconds; what runs over the end is cut off."""
    start = round(at * RATE_HZ)
    part = clip[: max(0, len(track) - start)]
    track[start : start + len(part)] += part * np.float32(10 ** (gain_db / 20))


def shorten(rng: np.random.Generator, clip: Samples) -> Samples:
    """``clip`` cut off at its quietest 20 ms within some seconds, as short lines are."""
    frame = RATE_HZ // 50
    first, last = frame * 30, min(len(clip), int(rng.uniform(1.0, 4.0) * RATE_HZ))
    if last - first < 4 * frame:
        return clip
    usable = clip[first : first + (last - first) // frame * frame].reshape(-1, frame)
    return clip[: first + frame * int(np.argmin(np.mean(usable**2, axis=1)))]


def write_dialogue(
    rng: np.random.Generator, bank: Bank, recipe: Recipe, track: Samples
) -> list[Utterance]:
    """Fill ``track`` with scenes of dialogue; returns the utterances in order of time."""
    length = len(track) / RATE_HZ
    cast = bank.cast(rng, 9)
    utterances: list[Utterance] = []
    now = float(rng.exponential(recipe.scene_gap))
    while now < length - 8:
        speakers = rng.choice(cast, size=min(len(cast), int(rng.integers(1, 5))), replace=False)
        impulse = room(rng, recipe.reverb) if recipe.reverb else None
        cued = bool(rng.random() >= recipe.uncued)
        for _ in range(int(rng.integers(3, 40))):
            speaker = int(rng.choice(speakers))
            clips = bank.voices[speaker]
            clip = clips[rng.integers(len(clips))]
            clip = shorten(rng, clip) if rng.random() < 0.5 else clip
            end = now + len(clip) / RATE_HZ
            if end > length - 2:
                break
            wet = clip if impulse is None else fftconvolve(clip, impulse).astype(np.float32)
            add(track, wet, now, float(rng.normal(0, 3.5)))
            utterances.append(Utterance(Span(now, end), speaker, cued))
            now = end + recipe.talk * float(
                rng.choice(
                    [rng.lognormal(-1.1, 0.7), rng.exponential(2.5), -0.1], p=[0.68, 0.27, 0.05]
                )
            )
        now += float(rng.exponential(recipe.scene_gap)) + 0.5
    return utterances


def write_effects(
    rng: np.random.Generator, bank: Bank, recipe: Recipe, track: Samples
) -> list[Span]:
    """Add music, noise, murmur and bangs to ``track`` (speech at unit RMS); returns the music."""
    length = len(track) / RATE_HZ
    track += coloured_noise(rng, len(track)) * np.float32(10 ** (recipe.noise_db / 20))
    music, now = [], 0.0
    while now < length:
        span = Span(now, min(length, now + float(rng.uniform(15, 120))))
        if rng.random() < recipe.music_share:
            bed = bank.music(rng, int(span.duration * RATE_HZ))
            fade = min(len(bed) // 2, RATE_HZ)
            bed[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            bed[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
            add(track, bed, span.start, recipe.music_db + float(rng.uniform(-4, 0)))
            music.append(span)
        if rng.random() < 0.25:
            for _ in range(int(rng.integers(3, 7) * span.duration / 8)):
                clips = bank.voices[rng.integers(len(bank.voices))]
                at = float(rng.uniform(span.start, max(span.start, span.end - 3)))
                add(track, clips[rng.integers(len(clips))], at, recipe.walla_db)
        now = span.end
    for _ in range(rng.poisson(length / 12)):
        size = int(rng.uniform(0.05, 1.2) * RATE_HZ)
        bang = rng.normal(size=size) * np.exp(-np.arange(size) / size * rng.uniform(1, 8))
        low = sosfilt(butter(2, rng.uniform(300, 7000), fs=RATE_HZ, output="sos"), bang)
        add(
            track, low.astype(np.float32), float(rng.uniform(0, length)), float(rng.uniform(-18, 8))
        )
    return music


def make_film(bank: Bank, seed: list[int], *, minutes: float, recipe: Recipe | None = None) -> Film:
    """One film of ``minutes``, drawn from ``seed``; ``recipe`` fixes how it sounds."""
    rng = np.random.default_rng(seed)
    recipe = recipe or Recipe.draw(rng)
    track = np.zeros(int(minutes * 60 * RATE_HZ), np.float32)
    utterances = write_dialogue(rng, bank, recipe, track)
    if rng.random() < 0.2:
        track = sosfilt(butter(4, 3700, fs=RATE_HZ, output="sos"), track).astype(np.float32)
    music = write_effects(rng, bank, recipe, track)
    cues = human_cues(rng, recipe, utterances, music)
    other = replace(Recipe.draw(rng), sparse="", missing=recipe.missing)
    translation = human_cues(rng, other, utterances, music)
    track *= np.float32(10 ** (rng.uniform(-30, -12) / 20))
    np.clip(track, -1.0, 1.0, out=track)
    return Film(track, tuple(u.span for u in utterances), cues, translation, recipe)


def break_film(
    film: Film,
    rng: np.random.Generator,
    other: Samples,
    *,
    breaks: int = 0,
    recuts: int = 0,
    longest: float = 60.0,
) -> tuple[Samples, TimeMap]:
    """Insert ``breaks`` stretches of ``other``, remove ``recuts`` scenes; 1 to ``longest`` s each.

    Returns the new soundtrack and the map from the clock of ``film`` to the clock of the result.
    """
    length, count = len(film.samples) / RATE_HZ, breaks + recuts
    places = np.sort(rng.uniform(0.06, 0.94, count)) * length
    while count > 1 and np.diff(places).min() < 0.5 * length / (count + 1):
        places = np.sort(rng.uniform(0.06, 0.94, count)) * length
    kinds = rng.permutation([True] * breaks + [False] * recuts)
    parts, pieces, source, target = [], [], 0.0, 0.0
    for place, inserted in zip(places.tolist(), kinds, strict=True):
        size = float(rng.uniform(1.0, longest))
        place = max(quiet_place(film, place), source + 1.0)
        parts.append(film.samples[round(source * RATE_HZ) : round(place * RATE_HZ)])
        pieces.append(Piece(Span(source if source else -np.inf, place), _ONE, target - source))
        target += place - source
        if inserted:
            start = int(rng.uniform(0, max(1, len(other) - size * RATE_HZ)))
            parts.append(other[start : start + round(size * RATE_HZ)])
            target += len(parts[-1]) / RATE_HZ
            source = place
        else:
            source = place + size
    parts.append(film.samples[round(source * RATE_HZ) :])
    pieces.append(Piece(Span(source if source else -np.inf, np.inf), _ONE, target - source))
    return np.concatenate(parts), TimeMap(tuple(pieces))


def quiet_place(film: Film, near: float) -> float:
    """The middle of the pause between cues that lies closest to ``near``, as editors cut."""
    gaps = [(a.end + b.start) / 2 for a, b in pairwise(film.cues)]
    return min(gaps, key=lambda gap: abs(gap - near)) if gaps else near


_ONE = TimeMap.identity().pieces[0].rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--split", default="test", choices=["train", "test"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bank = Bank(args.bank, args.split)
    for number in range(args.count):
        film = make_film(bank, [args.seed, number], minutes=args.minutes)
        stem = args.out / f"film{number:03d}"
        soundfile.write(stem.with_suffix(".wav"), film.samples, RATE_HZ)
        stem.with_suffix(".srt").write_text(srt_text(film.cues), encoding="utf-8")
        truth = [[span.start, span.end] for span in film.speech]
        stem.with_suffix(".json").write_text(json.dumps({"speech": truth}))


if __name__ == "__main__":
    main()
