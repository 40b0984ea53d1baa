"""Fit the confidence of `avsync.align_recordings` to recordings whose truth is known.

    python scripts/calibrate_recordings.py BANK --pairs 90

`BANK` is what `make_voices.py` wrote. Pairs are of its training split: two recordings of one film
or song by random devices (noise from -6 to 20 dB, rooms, codecs, clocks), which share 6 to 60 s;
and what lies on other lines of one film, which uses takes twice, and
pairs that share no event, as in `bench_offset_recordings.py`, but for halves of one song,
since what comes again there is the same sound. What is printed is the logistic regression (ridge,
all pairs of either kind together of the same weight) of "these are of one event" on what the best
line's fit says of itself: its constants belong into `avsync/offset/recordings.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench_offset_recordings import HALVES, NEAR_S, Bench, strangers
from make_films import RATE_HZ, Bank
from make_recordings import Device, record, write

from avsync.offset.fitting import Fit
from avsync.offset.listening import listen
from avsync.offset.phase import Pair
from avsync.offset.recordings import features, fits_of

SECONDS = 100.0
FAR_S = 0.3  # seconds off the truth from which on a line is another
_RIDGE = 0.05
_STEPS = 60  # of Newton's method


def random_device(rng: np.random.Generator) -> Device:
    """A device as it may be."""
    return Device(
        drift_ppm=float(rng.choice([0.0, rng.uniform(-250, 250)])),
        snr_db=float(rng.uniform(-6, 20)),
        reverb_s=float(rng.choice([0.0, rng.uniform(0.2, 1.0)])),
        tail_db=float(rng.uniform(-6, 1)),
        coloured=True,
        codec=str(rng.choice(["wav", "mp3", "m4a", "opus"])),
        bits_per_second=int(rng.choice([24_000, 48_000, 64_000])),
    )


def examples(bench: Bench) -> tuple[list[Fit], list[Fit]]:
    """What the likeliest fits of pairs of one event are like, and those of strangers."""
    together: list[Fit] = []
    apart: list[Fit] = []
    for number in range(bench.pairs):
        rng = np.random.default_rng([bench.seed + 5, number])
        overlap = float(np.exp(rng.uniform(np.log(6), np.log(60))))
        pair = bench.pair(number, random_device(rng), overlap, seconds=SECONDS)
        fits = fits_of(Pair(listen(pair.second), listen(pair.first)))
        off = [pair.error_s(one.line.offset_s, one.line.drift * 1e6) for one in fits]
        right = [one for one, error in zip(fits, off, strict=True) if error < 2 * NEAR_S]
        if number % 3 != 2:  # films: a song may come again to the sample
            apart += [one for one, error in zip(fits, off, strict=True) if error > FAR_S]
        print(number, f"{overlap:.0f} s", len(right), len(fits), file=sys.stderr, flush=True)
        together += right[:1]
    for name, *sounds in strangers(replace(bench, pairs=bench.pairs // 3), bench.seed + 7):
        if name == HALVES:
            continue
        rng = np.random.default_rng([bench.seed + 6, len(apart)])
        device = replace(random_device(rng), codec="wav", snr_db=float(rng.uniform(0, 30)))
        paths = [
            write(
                bench.folder / f"{number}.wav",
                record(rng, sound, device, start_s=0.0, seconds=len(sound) / RATE_HZ),
            )
            for number, sound in enumerate(sounds)
        ]
        fits = fits_of(Pair(listen(paths[0]), listen(paths[1])))
        print(name, len(fits), file=sys.stderr, flush=True)
        apart += sorted(fits, key=lambda one: -one.weight)[:3]
    return together, apart


def regression(
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]], right: np.ndarray
) -> np.ndarray:
    """Weights of the columns, and the bias last, by Newton's method with a small ridge."""
    columns = np.column_stack([values, np.ones(len(values))])
    counts = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum()) * len(right)
    weights = np.zeros(columns.shape[1])
    ridge = _RIDGE * np.diag([*values.std(axis=0) ** 2, 0.0])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ weights, -40, 40)))
        slope = columns.T @ (counts * (right - chance)) - ridge @ weights
        bend = columns.T @ (columns * (counts * chance * (1 - chance))[:, None]) + ridge
        weights += np.linalg.solve(bend + 1e-9 * np.eye(len(weights)), slope)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--pairs", type=int, default=90)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--out", type=Path, help="keep the fits' features, as .npz")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Bank(args.bank, "train"), Path(folder), args.pairs, args.seed)
        together, apart = examples(bench)
    rows = np.array([features(one) for one in [*together, *apart]])
    right = np.arange(len(rows)) < len(together)
    if args.out:
        np.savez(args.out, rows=rows, right=right)
    weights = regression(rows, right)
    chance = 1 / (1 + np.exp(-(rows @ weights[:-1] + weights[-1])))
    print(f"{len(together)} fits of one event, {len(apart)} of strangers")
    print("weights", np.round(weights, 3).tolist())
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        some = (chance >= low) & (chance < high)
        print(f"{low} to {high}: {some.sum()} fits, {right[some].sum()} of one event")
    print("strangers' highest:", np.round(np.sort(chance[~right])[-8:], 3).tolist())
    print("lowest of one event:", np.round(np.sort(chance[right])[:8], 3).tolist())


if __name__ == "__main__":
    main()
