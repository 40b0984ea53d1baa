"""Measure `avsync.align_recordings`: accuracy, drift, refusals, time, beside plain correlation.

    python scripts/bench_offset_recordings.py BANK [--pairs 8] [--part accuracy ...]

`BANK` is what `make_voices.py` wrote. Events are its films and songs of the test split; what the
devices do to them is in `make_recordings.py`. The baseline is the correlation of both waveforms by
FFT, whose highest peak is the lag.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from bench_report import table
from film_cues import Recipe
from make_films import RATE_HZ, Bank, Samples, coloured_noise, make_film
from make_recordings import Device, compressed, record, write
from scipy.fft import irfft, next_fast_len, rfft

import avsync
from avsync.media import read_audio

NEAR_S = 0.005
HALVES = "two halves of one song, whose passages come again to the sample"
PLAIN = Device()
NOISY = Device(snr_db=0.0, coloured=True)
WET = replace(NOISY, reverb_s=0.6, tail_db=0.0)
CONDITIONS = {
    "another gain": PLAIN,
    "filtered, noise at 0 dB": NOISY,
    "filtered, reverberant, noise at 0 dB": WET,
    "filtered, noise at 10 dB, Opus at 24 kbit/s": replace(
        NOISY, snr_db=10.0, codec="opus", bits_per_second=24_000
    ),
    "all of it, MP3 at 64 kbit/s, clocks 200 ppm apart": replace(WET, codec="mp3", drift_ppm=200.0),
}


def film(bank: Bank, seed: list[int], *, minutes: float, music: bool = True) -> Samples:
    """The sound of a film, without the noise that its maker repeats every minute."""
    recipe = replace(Recipe.draw(np.random.default_rng(seed)), noise_db=-120.0)
    if not music:  # two films may play the same song
        recipe = replace(recipe, music_share=0.0)
    return make_film(bank, seed, minutes=minutes, recipe=recipe).samples


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recordings of one event, and the truth."""

    first: Path
    second: Path
    offset_s: float
    drift_ppm: float
    overlap: tuple[float, float]
    """seconds on the second one's clock"""

    def error_s(self, offset_s: float, drift_ppm: float) -> float:
        """The largest error within the overlap."""
        own = np.array(self.overlap)
        truth = self.offset_s + (1 + self.drift_ppm / 1e6) * own
        return float(np.abs(offset_s + (1 + drift_ppm / 1e6) * own - truth).max())


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements need."""

    bank: Bank
    folder: Path
    pairs: int
    seed: int = 78
    told: list[tuple[float, bool]] = field(default_factory=list)
    """of each answer: its confidence, and whether it is within 5 ms"""

    def event(self, number: int, seconds: float) -> Samples:
        """Every third one is a song, the others are films."""
        if number % 3 == 2:
            songs = self.bank.songs
            song = songs[number % len(songs)][0]
            if len(song) >= seconds * RATE_HZ:
                return song[: round(seconds * RATE_HZ)]
        return film(self.bank, [self.seed, number], minutes=seconds / 60 + 0.1)

    def pair(self, number: int, device: Device, overlap_s: float, *, seconds: float) -> Pair:
        """Two recordings of `seconds` that share `overlap_s`, in turn at either end."""
        rng = np.random.default_rng([self.seed + 1, number])
        start = seconds - overlap_s
        event = self.event(number, start + seconds + 1)
        drift = device.drift_ppm * (-1) ** number
        early, late = replace(device, drift_ppm=0.0), replace(device, drift_ppm=drift)
        sounds = [
            record(rng, event, early, start_s=0.0, seconds=seconds),
            record(rng, event, late, start_s=start, seconds=seconds),
        ]
        paths = []
        for name, sound in zip(("first", "second"), sounds, strict=True):
            heard = compressed(sound, device, self.folder)
            paths.append(write(self.folder / f"{name}.wav", heard))
        if number % 2:
            inverse = -drift / (1 + drift / 1e6)
            shift = -start * (1 + inverse / 1e6)
            return Pair(paths[1], paths[0], shift, inverse, (start, seconds))
        return Pair(paths[0], paths[1], start, drift, (0.0, overlap_s))


def correlate(pair: Pair) -> float:
    """The lag by plain correlation of the waveforms."""
    first, second = (read_audio(p, rate_hz=RATE_HZ).samples for p in (pair.first, pair.second))
    size = next_fast_len(len(first) + len(second), real=True)
    values = irfft(rfft(first, size) * np.conj(rfft(second, size)), size)
    top = int(np.argmax(values))
    return (top if top < len(first) else top - size) / RATE_HZ


def measure(pair: Pair) -> tuple[float, float, avsync.Recording]:
    """The errors of avsync (infinite if nothing is shared) and of plain correlation, in seconds."""
    (one,) = avsync.align_recordings(pair.first, [pair.second]).others
    ours = float("inf")
    if one.offset_s is not None:
        ours = pair.error_s(one.offset_s, one.drift_ppm)
    return ours, pair.error_s(correlate(pair), 0.0), one


def row(name: str, bench: Bench, device: Device, overlap_s: float, *, seconds: float) -> list[str]:
    ours, plain, wrong = [], [], 0
    for number in range(bench.pairs):
        off, baseline, one = measure(bench.pair(number, device, overlap_s, seconds=seconds))
        error = off if one.accepted else float("inf")
        ours.append(error)
        plain.append(baseline)
        wrong += one.accepted and error > NEAR_S
        bench.told.append((one.confidence, off <= NEAR_S))
    found = np.array(ours)[np.isfinite(ours)]
    worst = f"{found.max() * 1000:.2f} ms" if len(found) else "-"
    middle = f"{np.median(found) * 1000:.2f} ms" if len(found) else "-"
    print(name, [f"{error * 1000:.2f}" for error in ours], file=sys.stderr, flush=True)
    near = [sum(error <= NEAR_S for error in errors) for errors in (ours, plain)]
    count = len(ours)
    return [
        name, f"{near[0]}/{count}", str(wrong), middle, worst, f"{near[1]}/{count}",
    ]  # fmt: skip


def accuracy(bench: Bench) -> str:
    head = ["", "within 5 ms", "sure but wrong", "median", "worst", "plain correlation"]
    rows = [
        row(f"30 s: {name}", bench, device, 30.0, seconds=120.0)
        for name, device in CONDITIONS.items()
    ]
    hardest = list(CONDITIONS.values())[-1]
    rows += [
        row(f"{overlap:g} s: the last again", bench, hardest, overlap, seconds=120.0)
        for overlap in (10.0, 20.0, 60.0)
    ]
    return table(head, rows)


def drift(bench: Bench) -> str:
    rows = []
    for number, ppm in enumerate((-200.0, 13.0, 150.0)):
        rng = np.random.default_rng([80, number])
        event = film(bench.bank, [81, number], minutes=31)
        pair = Pair(
            write(bench.folder / "first.wav", record(rng, event, WET, start_s=0, seconds=1820)),
            write(
                bench.folder / "second.wav",
                record(rng, event, replace(WET, drift_ppm=ppm), start_s=20, seconds=1800),
            ),
            20.0,
            ppm,
            (0.0, 1799.0),
        )
        error, _, one = measure(pair)
        rows.append([f"{ppm:+g}", f"{one.drift_ppm - ppm:+.3f}", f"{error * 1000:.2f} ms"])
    return table(["true drift, ppm", "error, ppm", "worst error within 30 min"], rows)


def one_voice(bank: Bank, rng: np.random.Generator, length: int) -> tuple[Samples, Samples]:
    """One person twice, never in the same words: two recordings of `length` samples or less."""
    clips = bank.voices[rng.integers(len(bank.voices))]
    order = rng.permutation(len(clips))
    spoken = []
    for half in (order[::2], order[1::2]):
        parts = []
        for number in half:
            parts += [clips[number], np.zeros(int(rng.uniform(0.1, 1.5) * RATE_HZ), np.float32)]
        spoken.append(np.concatenate(parts)[:length])
    return spoken[0], spoken[1]


def strangers(bench: Bench, seed: int = 83) -> Iterator[tuple[str, Samples, Samples]]:
    """Pairs that share no stretch of an event (though voices, sounds and styles)."""
    length = 120 * RATE_HZ
    films = [film(bench.bank, [seed - 1, n], minutes=2, music=False) for n in range(bench.pairs)]
    songs = [song[0][:length] for song in bench.bank.songs]
    rng = np.random.default_rng(seed)
    for number in range(bench.pairs):
        yield "two films with voices in common", films[number], films[number - 1]
        yield "one voice, other words", *one_voice(bench.bank, rng, length)
    for _ in range(2 * bench.pairs):
        a, b = rng.choice(len(songs), 2, replace=False)
        yield "two pieces of one game's music, which share loops", songs[a], songs[b]
    for number in range(bench.pairs):
        song = bench.bank.songs[number % len(songs)][0]
        if len(song) >= 1.5 * length:
            yield HALVES, song[:length], song[length : 2 * length]
    for number in range(bench.pairs):
        noise = coloured_noise(rng, length)
        yield "noise", films[number], 0.1 * noise
        yield "a film and a song", films[number], songs[number % len(songs)]


def refusals(bench: Bench) -> str:
    counts: dict[str, list[float]] = {}
    rng = np.random.default_rng(84)
    device = replace(NOISY, snr_db=15.0)
    for name, *sounds in strangers(bench):
        paths = [
            write(
                bench.folder / f"{number}.wav",
                record(rng, sound, device, start_s=0, seconds=len(sound) / RATE_HZ),
            )
            for number, sound in enumerate(sounds)
        ]
        (one,) = avsync.align_recordings(paths[0], [paths[1]]).others
        counts.setdefault(name, []).append(one.confidence)
        if name != HALVES:
            bench.told.append((one.confidence, False))
        print(name, one, file=sys.stderr, flush=True)
    rows = [
        [name, str(len(found)), str(sum(c < 0.5 for c in found)), f"{max(found):.3f}"]
        for name, found in counts.items()
    ]
    return table(["pair", "pairs", "refused", "highest confidence"], rows)


def speed(bench: Bench) -> str:
    hours = 3.0
    films = [film(bench.bank, [85, n], minutes=30) for n in range(6)]
    event = np.concatenate(films)
    rng = np.random.default_rng(86)
    device = replace(WET, reverb_s=0.0, snr_db=10.0)
    paths = [
        write(
            bench.folder / f"{number}.m4a",
            record(
                rng, event, replace(device, drift_ppm=80.0 * number), start_s=60.0 * number,
                seconds=hours * 3600 - 120,
            ),
        )
        for number in range(2)
    ]  # fmt: skip
    del films, event
    before, cpu = time.perf_counter(), time.process_time()
    (one,) = avsync.align_recordings(paths[0], [paths[1]]).others
    wall, used = time.perf_counter() - before, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    facts = [
        f"{wall:.1f} s", f"{used:.1f} s", f"{peak:.2f} GiB (of all of this script)",
        f"{(one.offset_s or 0) - 60:+.4f} s", f"{one.drift_ppm - 80:+.3f} ppm",
    ]  # fmt: skip
    return table(["3 h against 3 h: wall", "processor", "memory", "offset", "drift"], [facts])


def reliability(answers: list[tuple[float, bool]]) -> str:
    """How often answers of each confidence are right."""
    told = np.array(answers, float)
    rows = []
    for low, high in pairwise((0.0, 0.1, 0.5, 0.9, 0.99, 1.01)):
        some = told[(told[:, 0] >= low) & (told[:, 0] < high)]
        if len(some):
            mean, right = some.mean(axis=0)
            rows.append(
                [f"{low:g} to {min(high, 1):g}", str(len(some)), f"{mean:.3f}", f"{right:.3f}"]
            )
    return table(["confidence", "pairs", "mean", "share right"], rows)


PARTS: dict[str, Callable[[Bench], str]] = {
    "accuracy": accuracy,
    "refusals": refusals,
    "drift": drift,
    "speed": speed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=78)
    parser.add_argument("--part", action="append", choices=list(PARTS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    told: list[tuple[float, bool]] = []
    for name in args.part or list(PARTS):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Bank(args.bank, "test"), Path(folder), args.pairs, args.seed, told)
            print(f"\n{name}\n\n{PARTS[name](bench)}", flush=True)
    if told:
        print(f"\nreliability\n\n{reliability(told)}", flush=True)


if __name__ == "__main__":
    main()
