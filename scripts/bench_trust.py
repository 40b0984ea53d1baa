"""Trust: does the confidence tell right from wrong? All pairs of films, and tracks without speech.

Trials go through the same two steps as ``retime``, :func:`align` and :func:`judge`, because what is
judged by (``Confidence.statistics``) is wanted too: the JSON is what the calibration is checked on.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from bench_faults import CONDITIONS, cut_film, mistime
from bench_films import (
    Case,
    Settings,
    bench_film,
    hear,
    is_loud,
    loaded,
    make_case,
    share_within,
)
from bench_report import Goal, Report, in_parallel, percent, table
from film_cues import Recipe
from make_films import RATE_HZ, Bank, Film, Samples, add, coloured_noise, write_dialogue
from scipy.stats import mannwhitneyu

from avsync.aligner.alignment import align
from avsync.aligner.confidence import judge
from avsync.encoders.audio import TOKEN_RATE_HZ
from avsync.encoders.cues import cue_timing
from avsync.retime import retime
from avsync.subtitles import Cue
from avsync.tokens import TokenSequence

THRESHOLD = float(inspect.signature(retime).parameters["min_confidence"].default)
RIGHT = 0.95  # share of cues within 100 ms from which on an alignment counts as right
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
SECTION = 2  # sets this section's films apart from the others'
WRONG_FAULTS = (
    ("shift", Fraction(1), 1),
    ("every ninth cue", Fraction(1), 9),
    ("frame rate", Fraction(25, 24), 1),
    ("frame rate", Fraction(24, 25), 1),
)
KINDS = ("right film", "wrong film", "silence", "songs", "commentary")


@dataclass(frozen=True)
class Trial:
    """One file of subtitles, one soundtrack, and what was made of the two."""

    kind: str
    """one of ``KINDS``"""
    subtitles: int
    reference: int
    fault: str
    cues: int
    within: float
    """share of cues within 100 ms of the truth; 0 where there is none"""
    right: bool
    confidence: float
    segment_confidences: tuple[float, ...]
    statistics: dict[str, float]

    @property
    def accepted(self) -> bool:
        return self.confidence >= THRESHOLD


@dataclass(frozen=True)
class Heard:
    """One film after its own trials: its cues, and a file with the tokens of its sound."""

    number: int
    cues: tuple[Cue, ...]
    tokens: Path
    trials: tuple[Trial, ...]


def attempt(
    settings: Settings,
    kind: str,
    pair: tuple[int, int],
    fault: str,
    case: Case,
    tokens: TokenSequence,
) -> Trial:
    """Align the subtitles of ``pair[0]`` with the sound of ``pair[1]``, and judge that."""
    model = loaded(settings.model)
    timings = [cue_timing(cue) for cue in case.subtitles.cues]
    alignment = align(model, timings, tokens, attention=model.lag)
    confidence = judge(alignment, model.calibration.numpy())
    starts = np.array([cue.start for cue in timings]) * float(alignment.rate)
    for segment in alignment.segments:
        starts[segment.first : segment.last] += segment.shift
    known = ~np.isnan(case.truth[:, 0])
    errors = np.abs(starts - case.truth[:, 0])[known]
    true_film = kind in ("right film", "commentary")
    within = share_within(errors) if true_film else 0.0
    return Trial(
        kind=kind,
        subtitles=pair[0],
        reference=pair[1],
        fault=fault,
        cues=len(timings),
        within=within,
        right=within >= RIGHT,
        confidence=confidence.overall,
        segment_confidences=confidence.segments,
        statistics={name: float(x) for name, x in asdict(confidence.statistics).items()},
    )


def hear_film(settings: Settings, number: int) -> Heard:
    """Film ``number`` with its own subtitles: every fault, and tracks that are not its sound."""
    bank, seed = settings.voices(), [settings.seed, SECTION, number]
    film = bench_film(bank, seed, minutes=settings.minutes, loud=is_loud(number))
    model, pair = loaded(settings.model), (number, number)
    tokens = hear(model, film.samples)
    path = settings.work / f"trust-{number}.npy"
    np.save(path, tokens.values)
    trials = []
    for condition in CONDITIONS:
        samples, time_map = cut_film(bank, film, seed, condition)
        heard = hear(model, samples) if condition.is_cut else tokens
        case = mistime(condition, film, time_map, seed).case
        trials.append(attempt(settings, "right film", pair, condition.name, case, heard))
    rng = np.random.default_rng([*seed, 5])
    for kind, samples in other_tracks(bank, film, rng, seed).items():
        case = make_case(film.cues, shift=float(rng.uniform(-60, 60)))
        trials.append(attempt(settings, kind, pair, "shift", case, hear(model, samples)))
    return Heard(number, film.cues, path, tuple(trials))


def other_tracks(
    bank: Bank, film: Film, rng: np.random.Generator, seed: list[int]
) -> dict[str, Samples]:
    """Tracks as long as ``film`` that its subtitles must not be retimed to."""
    length = len(film.samples)
    hiss = coloured_noise(rng, length) * np.float32(10 ** (-60 / 20))
    silence = hiss if seed[-1] % 2 else np.zeros(length, np.float32)
    songs = np.concatenate(
        [bank.music(rng, 180 * RATE_HZ) for _ in range(-(-length // (180 * RATE_HZ)))]
    )[:length]
    commentary = np.zeros(length, np.float32)
    talkative = replace(Recipe.draw(rng), talk=0.5, scene_gap=2.0, reverb=0.0)
    write_dialogue(rng, bank, talkative, commentary)
    level = float(np.sqrt(np.mean(film.samples**2))) + 1e-9
    ducked = film.samples / np.float32(level)
    add(commentary, ducked, 0.0, float(rng.uniform(-20, -12)))
    quiet = np.float32(0.1)
    return {"silence": silence, "songs": songs * quiet, "commentary": commentary * quiet}


def hear_others(settings: Settings, cues: Sequence[tuple[Cue, ...]], heard: Heard) -> list[Trial]:
    """The sound of one film with the subtitles of all others."""
    tokens = TokenSequence(np.load(heard.tokens), TOKEN_RATE_HZ)
    trials = []
    for number, others in enumerate(cues):
        if number == heard.number:
            continue
        rng = np.random.default_rng([settings.seed, SECTION, number, heard.number])
        name, rate, every = WRONG_FAULTS[int(rng.integers(len(WRONG_FAULTS)))]
        shift = float(rng.uniform(-300, 300))
        case = make_case(others, rate=float(rate), shift=shift, every=every)
        pair = (number, heard.number)
        trials.append(attempt(settings, "wrong film", pair, name, case, tokens))
    return trials


def run_trust(settings: Settings, *, films: int) -> Report:
    """``films`` films with their own subtitles and with all others'."""
    heard = in_parallel(
        partial(hear_film, settings), range(films), jobs=settings.jobs, label="trust, right"
    )
    others = in_parallel(
        partial(hear_others, settings, [film.cues for film in heard]),
        heard,
        jobs=settings.jobs,
        label="trust, wrong",
    )
    trials = [trial for film in heard for trial in film.trials]
    trials += [trial for row in others for trial in row]
    ranks = auroc(trials)
    text = "\n\n".join(
        [
            kinds_table(trials),
            f"Area under the ROC curve, right alignments against wrong ones: {ranks:.5f}.",
            f"Reliability (right: {percent(RIGHT)} of the cues within 100 ms):",
            reliability_table(trials),
        ]
    )
    rows = [asdict(trial) for trial in trials]
    return Report("Trust", text, rows, tuple(goals_of(trials)))


def auroc(trials: Sequence[Trial]) -> float:
    """How often a right alignment has a higher confidence than a wrong one (ties count half)."""
    right = [trial.confidence for trial in trials if trial.right]
    wrong = [trial.confidence for trial in trials if not trial.right]
    if not right or not wrong:
        return float("nan")
    return float(mannwhitneyu(right, wrong).statistic) / (len(right) * len(wrong))


def kinds_table(trials: Sequence[Trial]) -> str:
    """One row per kind of pair."""
    rows = []
    for kind in KINDS:
        chosen = [trial for trial in trials if trial.kind == kind]
        accepted = [trial for trial in chosen if trial.accepted]
        values = [trial.confidence for trial in chosen]
        rows.append(
            [
                kind,
                str(len(chosen)),
                str(len(chosen) - len(accepted)),
                str(len(accepted)),
                str(sum(trial.right for trial in accepted)),
                f"{min(values):.3f}–{max(values):.3f}",
            ]
        )
    return table(["pair", "pairs", "refused", "accepted", "of these right", "confidence"], rows)


def reliability_table(trials: Sequence[Trial]) -> str:
    """How many of the alignments with about one confidence are right."""
    rows = []
    for low, high in pairwise(BINS):
        last = high == BINS[-1]
        chosen = [t for t in trials if low <= t.confidence < high or (last and t.confidence == 1)]
        if chosen:
            mean = float(np.mean([trial.confidence for trial in chosen]))
            right = float(np.mean([trial.right for trial in chosen]))
            rows.append([f"{low:g}–{high:g}", str(len(chosen)), f"{mean:.3f}", f"{right:.3f}"])
    return table(["confidence", "alignments", "mean confidence", "share right"], rows)


def goals_of(trials: Sequence[Trial]) -> list[Goal]:
    """All that is wrong refused, and hardly anything that is right."""
    goals = []
    for kind in KINDS:
        chosen = [trial for trial in trials if trial.kind == kind]
        refused = sum(not trial.accepted for trial in chosen)
        found = f"{refused}/{len(chosen)} refused"
        if kind == "right film":
            most = refused <= 0.005 * len(chosen)
            goals.append(Goal("right film, all faults: at most 0.5% refused", found, most))
        else:
            goals.append(Goal(f"{kind}: all refused", found, refused == len(chosen)))
    return goals
