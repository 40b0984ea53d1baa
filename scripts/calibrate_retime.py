"""Fit the confidence of ``avsync retime``: how many nats make an alignment trustworthy.

    python scripts/calibrate_retime.py BANK WEIGHTS

Films of the training split, with seeds that training did not use, are aligned with their own
subtitles (whole, sparse, broken, drifting) and with each other's. Two logistic curves are fitted
(Platt 1999): one for a whole file, one for a run of cues. They are written into ``WEIGHTS``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from film_cues import Recipe
from joblib import Parallel, delayed
from make_films import Bank, break_film, make_film

from avsync.aligner.alignment import Alignment, align
from avsync.aligner.confidence import path_statistics
from avsync.aligner.model import RetimeModel, load_model, save_model
from avsync.encoders.audio import LogMel
from avsync.encoders.cues import CueTiming, cue_timing
from avsync.timemap import TimeMap
from avsync.tokens import TokenSequence

SEED = 200  # training draws its films from seed 0
RIGHT = 0.3  # seconds: a cue closer than this to its place is right; habits differ by half of it
WRONG = "wrong film"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """An alignment whose truth is known."""

    nats: float
    right: bool
    kind: str
    runs: tuple[tuple[float, bool], ...]
    """nats and truth of each run of cues"""


def moved(cues: Sequence[CueTiming], rate: float, shift: float) -> list[CueTiming]:
    return [
        CueTiming(c.start * rate + shift, c.end * rate + shift, c.characters, c.sound) for c in cues
    ]


def judged(
    kind: str, alignment: Alignment, mistimed: Sequence[CueTiming], truth: FloatArray | None
) -> Judged:
    """Compare with ``truth`` [cues], true starts or NaN; None where nothing can be right."""
    nats = path_statistics(alignment).trusted
    runs, off = [], 0
    for segment in alignment.segments:
        rows = range(segment.first, segment.last)
        found = np.array([float(alignment.rate) * mistimed[n].start + segment.shift for n in rows])
        if truth is None:
            share = 0.0
        else:
            known = ~np.isnan(truth[rows.start : rows.stop])
            errors = np.abs(found - truth[rows.start : rows.stop])[known]
            share = float((errors < RIGHT).mean()) if len(errors) else 0.0
        off += round((1 - share) * len(rows))
        runs.append((float(segment.support.sum()), share > 0.5))
    return Judged(nats, truth is not None and off < 0.1 * len(mistimed), kind, tuple(runs))


def true_starts(cues: Sequence[CueTiming], time_map: TimeMap) -> FloatArray:
    """Where each cue of the unbroken film starts in the broken one; NaN if its scene was cut."""
    return np.array(
        [
            float(time_map.map(cue.start))
            if any(piece.source.contains(cue.start) for piece in time_map.pieces)
            else np.nan
            for cue in cues
        ]
    )


def judge_film(bank: Bank, weights: Path, number: int, films: int, minutes: float) -> list[Judged]:
    """One film with its own subtitles under every fault, and with those of all other films."""
    torch.set_num_threads(1)
    model, rng = load_model(weights), np.random.default_rng([SEED, number])
    recipe = replace(Recipe.draw(rng), sparse="", music_db=float(rng.uniform(-20, 6)))
    film = make_film(bank, [SEED, number], minutes=minutes, recipe=recipe)
    other = make_film(bank, [SEED + 1, number], minutes=4.0)
    cues = [cue_timing(cue) for cue in film.cues]
    found: list[Judged] = []

    def run(
        kind: str, tokens: TokenSequence, mistimed: list[CueTiming], truth: FloatArray | None
    ) -> None:
        alignment = align(model, mistimed, tokens, attention=model.lag)
        found.append(judged(kind, alignment, mistimed, truth))

    tokens = encode(model, film.samples)
    starts = np.array([cue.start for cue in cues])
    run("shift", tokens, moved(cues, 1.0, float(rng.uniform(-600, 600))), starts)
    run("drift", tokens, moved(cues, 1.0023, float(rng.uniform(-60, 60))), starts)
    for step in (5, 9, 14):
        shift = float(rng.uniform(-300, 300))
        run(f"sparse {step}", tokens, moved(cues[::step], 1.0, shift), starts[::step])
    for breaks, recuts, longest in ((3, 0, 60.0), (0, 3, 60.0), (8, 0, 150.0)):
        samples, time_map = break_film(
            film, rng, other.samples, breaks=breaks, recuts=recuts, longest=longest
        )
        broken, truth = encode(model, samples), true_starts(cues, time_map)
        run(f"{breaks} breaks, {recuts} recuts", broken, moved(cues, 1.0, 3.0), truth)
    for wrong in range(films):
        if wrong != number:
            foreign = make_film(bank, [SEED + 2, wrong], minutes=minutes)
            step = int(rng.choice([1, 1, 9]))
            mistimed = [cue_timing(cue) for cue in foreign.cues][::step]
            run(WRONG, tokens, mistimed, None)
    return found


def encode(model: RetimeModel, samples: npt.NDArray[np.float32]) -> TokenSequence:
    return model.audio.encode(LogMel()([samples]))


def fit_logistic(nats: FloatArray, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """(even, scale) of logistic((nats − even) / scale), to Platt's smoothed targets."""
    positive, negative = right.sum(), (~right).sum()
    target = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))
    spread = float(np.std(nats.clip(-100, 200)))
    x = np.column_stack([np.ones(len(nats)), nats.clip(-100, 200) / spread])
    weights = np.where(right, 0.5 / positive, 0.5 / negative)  # both kinds count the same
    beta = np.zeros(2)
    for _ in range(200):
        p = 1 / (1 + np.exp(-x @ beta))
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x + 1e-5 * np.eye(2)
        beta += np.linalg.solve(hessian, x.T @ (weights * (target - p)) - 1e-5 * beta).clip(-1, 1)
    scale = spread / beta[1]
    return float(-beta[0] * scale), float(scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--films", type=int, default=14)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    work = (
        delayed(judge_film)(Bank(args.bank, "train"), args.weights, n, args.films, args.minutes)
        for n in range(args.films)
    )
    found = [item for items in Parallel(n_jobs=args.jobs)(work) for item in items]
    # A run is judged given that its file is the right one, so wrong films say nothing of runs.
    runs = [run for item in found if item.kind != WRONG for run in item.runs]
    whole = fit_logistic(np.array([f.nats for f in found]), np.array([f.right for f in found]))
    parts = fit_logistic(np.array([r[0] for r in runs]), np.array([r[1] for r in runs]))
    model = load_model(args.weights)
    model.calibration = torch.tensor([whole, parts], dtype=torch.float32)
    save_model(model, args.weights)
    print(
        json.dumps(
            {
                "calibration": [whole, parts],
                "lowest right": sorted((f.nats, f.kind) for f in found if f.right)[:12],
                "highest wrong": sorted((f.nats, f.kind) for f in found if not f.right)[-12:],
            }
        )
    )


if __name__ == "__main__":
    main()
