"""What the cross-attention of ``avsync retime`` adds: the same search with less to search by.

    python scripts/ablate_retime.py BANK --models seed0.safetensors seed1.safetensors

Three methods meet the same films, faults and search. *Cross-attention* is ``model.lag``. *Speech
head* is the trained audio encoder without it: the probability that a token lies in speech, times
whether a cue is on. *Sound level* is not trained: the log energy, times the same. Such a product
is attention of one dimension, whose one weight turns it into nats; the weight is taken that makes
the true lag of two other films most likely. Cues linger after the voice, which biases any lag;
``retime`` corrects that by another attention, so all is shown without and with this correction.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt
import torch
from bench_faults import CONDITIONS, Trial, cut_film, mistime
from bench_films import FloatArray, bench_film, is_loud, loaded, share_within
from bench_report import percent, table
from make_films import Bank

from avsync.aligner.alignment import TEMPERATURE, align, make_queries, stretch
from avsync.aligner.attention import CrossAttention
from avsync.aligner.edges import habit_correction
from avsync.aligner.model import RetimeModel
from avsync.aligner.search import coarse_scores, group_cues, mask_outside, pool_keys
from avsync.encoders.audio import TOKEN_RATE_HZ, LogMel
from avsync.encoders.cues import CueEncoder, CueTiming, cue_features, cue_timing, territories
from avsync.tokens import TokenSequence

NAMES = ("shift", "frame rate", "3 breaks", "every ninth cue, shift")
FAULTS = tuple(c for c in CONDITIONS if c.name.split(" up to")[0] in NAMES)
SCALES = 2.0 ** np.arange(-8.0, 3.0, 0.5)
SEED, MINUTES = 2002, 30.0  # the films are those of bench_retime.py
NEAR = 0.2  # seconds around the true lag in which habits move it
NOTE = "Share of cues within 100 ms; corrected: with the trained onset correction, for all three."
LogMelFrames = npt.NDArray[np.float16]
Numbers = npt.NDArray[np.float32]
Heard = tuple[Sequence[CueTiming], LogMelFrames]


class InCue(CueEncoder):
    """One channel: whether a cue is on, less its mean over the time that the cues speak for."""

    def encode(
        self, cues: Sequence[CueTiming], *, start: float | None = None, margin: float = 10.0
    ) -> TokenSequence:
        start = float(np.floor(min(cue.start for cue in cues) - margin)) if start is None else start
        count = int((max(cue.end for cue in cues) + margin - start) * TOKEN_RATE_HZ) + 1
        on = cue_features(cues, start=start, tokens=count)[:, :1]
        owned = mask_outside(torch.ones(count), start, territories(cues)).numpy() > 0
        return TokenSequence(on - on[owned].mean(), TOKEN_RATE_HZ, start)


@dataclass(frozen=True)
class Method:
    """What the search gets to see."""

    name: str
    model: RetimeModel
    attention: CrossAttention
    hear: Callable[[LogMelFrames], TokenSequence]


def scaled(scale: float) -> CrossAttention:
    """Attention whose scores are products of two numbers and ``scale``."""
    attention = CrossAttention(1, 1, heads=1, head_dim=1)
    torch.nn.init.constant_(attention.query.weight, scale)
    torch.nn.init.constant_(attention.key.weight, 1.0)
    return attention


@torch.inference_mode()
def correlation(
    name: str, of_sound: Callable[[LogMelFrames], Numbers], films: Sequence[Heard]
) -> Method:
    """Correlate ``of_sound`` with cues, at the scale whose nats at the true lag are the most."""
    model, nats = RetimeModel(), np.zeros(len(SCALES))
    model.cues = InCue()

    def hear(log_mel: LogMelFrames) -> TokenSequence:
        values = of_sound(log_mel)
        return TokenSequence((values - values.mean())[:, None], TOKEN_RATE_HZ, 0.0)

    for cues, log_mel in films:
        queries = make_queries(scaled(1.0), model.cues.encode(cues), territories(cues))
        keys, spans = pool_keys(torch.from_numpy(hear(log_mel).values)), group_cues(cues).spans
        for n, scale in enumerate(SCALES.tolist()):
            coarse = coarse_scores(queries, spans, keys, 1.0, TEMPERATURE / scale)
            nats[n] += coarse.scores[:, np.abs(coarse.lags) <= NEAR].mean(axis=0).max()
    return Method(name, model, scaled(float(SCALES[nats.argmax()])), hear)


def methods_of(model: RetimeModel, films: Sequence[Heard]) -> list[Method]:
    """All three; a copy of the lag attention, since ``align`` corrects that of its model."""
    audio = model.audio
    return [
        Method("cross-attention", model, copy.deepcopy(model.lag), audio.encode),
        correlation("speech head", lambda x: audio.speech_probability(audio.encode(x)), films),
        correlation("sound level", lambda x: x.mean(axis=1, dtype=np.float32), films),
    ]


@dataclass(frozen=True)
class Outcome:
    """One file under one method, with the weights of number ``model``."""

    fault: str
    method: str
    model: int
    errors: tuple[FloatArray, FloatArray]
    """seconds, for each cue whose scene was not cut; without and with the onset correction"""
    exact: bool


def measure_film(bank: Bank, film_number: int, variants: Sequence[list[Method]]) -> list[Outcome]:
    """Every fault, set of weights and method on one film."""
    found, seed = [], [SEED, 0, film_number]
    film = bench_film(bank, seed, minutes=MINUTES, loud=is_loud(film_number))
    for fault in FAULTS:
        samples, time_map = cut_film(bank, film, seed, fault)
        log_mel, trial = LogMel()([samples]), mistime(fault, film, time_map, seed)
        for number, methods in enumerate(variants):
            trained, sound = methods[0].model, methods[0].hear(log_mel)
            for method in methods:
                errors, exact = measure(method, method.hear(log_mel), trained, sound, trial)
                found.append(Outcome(fault.name, method.name, number, errors, exact))
    return found


def measure(
    method: Method, heard: TokenSequence, trained: RetimeModel, sound: TokenSequence, trial: Trial
) -> tuple[tuple[FloatArray, FloatArray], bool]:
    """The last two fields of the outcome; ``trained`` corrects onsets by its tokens ``sound``."""
    cues = [cue_timing(cue) for cue in trial.case.subtitles.cues]  # in order of start
    found = align(method.model, cues, heard, attention=method.attention)
    moved = stretch(cues, float(found.rate))
    shifts = np.concatenate([np.full(s.last - s.first, s.shift) for s in found.segments])
    habit = habit_correction(trained, moved, shifts, trained.cues.encode(moved), sound)
    off = np.array([cue.start for cue in moved]) + shifts - trial.case.truth[:, 0]
    off = off[~np.isnan(off)]
    return (np.abs(off), np.abs(off + habit)), len(found.segments) == trial.case.segments


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    """One row per fault and method; the mean over sets of weights, and their range if several."""

    def cell(values: Sequence[float], show: Callable[[float], str]) -> str:
        mean, low, high = (show(float(f(values))) for f in (np.mean, min, max))
        return mean if len(values) == 1 else f"{mean} ({low} to {high})"

    rows = []
    for fault, method in dict.fromkeys((o.fault, o.method) for o in outcomes):
        chosen = [o for o in outcomes if (o.fault, o.method) == (fault, method)]
        files = [[o for o in chosen if o.model == n] for n in range(1 + chosen[-1].model)]
        row = [fault, method]
        for k in (0, 1):
            shares = [[share_within(o.errors[k]) for o in some] for some in files]
            medians = [np.median([1e3 * np.median(o.errors[k]) for o in some]) for some in files]
            row += [cell([f(s) for s in shares], percent) for f in (min, fmean)]
            row.append(cell([float(m) for m in medians], "{:.0f} ms".format))
        exact = cell([sum(o.exact for o in some) for some in files], "{:.3g}".format)
        rows.append([*row, f"{exact} of {len(files[0])}"])
    head = ["lowest film", "mean film", "median error"]
    head += [f"{title}, corrected" for title in head]
    return table(["fault", "method", *head, "segments right"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path, help="what make_voices.py wrote")
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--models", type=Path, nargs="+", default=[None], help="one per seed")
    parser.add_argument("--out", type=Path, default=Path("ablation.md"), help="(%(default)s)")
    args = parser.parse_args()
    bank = Bank(args.bank, "test")
    others = [bench_film(bank, [SEED + 1, 0, n], minutes=MINUTES, loud=n > 0) for n in range(2)]
    heard = [([cue_timing(c) for c in film.cues], LogMel()([film.samples])) for film in others]
    variants = [methods_of(loaded(path), heard) for path in args.models]
    outcomes: list[Outcome] = []
    for n in range(args.films):
        outcomes += measure_film(bank, n, variants)
        versions = ", ".join(f"`{methods[0].model.version}`" for methods in variants)
        text = f"{n + 1} films, weights {versions}. {NOTE}\n\n{outcome_table(outcomes)}\n"
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
