"""Accuracy: the share of cues that come out within 100 ms, fault by fault, beside ffsubsync."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile
from bench_faults import CONDITIONS, Trial, cut_film, mistime
from bench_ffsubsync import Ffsubsync, reach_option
from bench_films import (
    LOST,
    FloatArray,
    Settings,
    bench_film,
    hear,
    is_loud,
    loaded,
    share_within,
    try_retime,
)
from bench_report import Goal, Report, in_parallel, lowest_highest, table
from make_films import RATE_HZ

from avsync.tokens import TokenSequence

MEDIAN_MS = 30.0  # the largest median error where nothing was cut
NOTE = """\
Share of cues whose start comes out within 100 ms of the truth, lowest to highest film; refused
files count, as retimed with `--force`. ffsubsync is told the smallest `--max-offset-seconds` that
holds the shift; tuned, it also has `--gss` for drift and `--split-penalty 5` for breaks and recuts.
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one trial; shares are of the cues within 100 ms.

    Where ``retime`` failed, nothing is within, and ``rate_found`` is empty.
    """

    voices: str
    film: int
    loud: bool
    condition: str
    rate: str
    shift: float
    cues: int
    within: float
    median_ms: float
    segments: int
    true_segments: int
    rate_found: str
    accepted: bool
    confidence: float
    seconds: float
    ffsubsync: float | None = None
    ffsubsync_median_ms: float | None = None
    ffsubsync_tuned: float | None = None

    @property
    def exact(self) -> bool:
        """Whether the number of segments is right."""
        return self.segments == self.true_segments


def measure_film(
    settings: Settings, rival: Ffsubsync | None, film_of: tuple[str, int]
) -> list[Outcome]:
    """Every condition on film ``(voices, number)``."""
    voices, number = film_of
    people = voices == "people"
    bank, seed = settings.voices(people=people), [settings.seed, int(people), number]
    film = bench_film(bank, seed, minutes=settings.minutes, loud=is_loud(number))
    found: list[Outcome] = []
    for _, group in groupby(CONDITIONS, key=lambda condition: condition.cut):
        conditions = list(group)
        samples, time_map = cut_film(bank, film, seed, conditions[0])
        tokens = hear(loaded(settings.model), samples)
        with tempfile.TemporaryDirectory(dir=settings.work) as scratch:
            speech = None
            if rival:
                soundfile.write(Path(scratch) / "film.wav", samples, RATE_HZ)
                speech = rival.listen(Path(scratch) / "film.wav")
            for condition, rate in ((c, rate) for c in conditions for rate in c.rates):
                trial = mistime(condition, film, time_map, seed, rate=rate)
                outcome = measure_trial(settings, film_of, trial, tokens)
                if rival and speech:
                    outcome = with_rival(outcome, rival, trial, speech)
                found.append(outcome)
    return found


def with_rival(outcome: Outcome, rival: Ffsubsync, trial: Trial, speech: Path) -> Outcome:
    """``outcome`` with what ffsubsync makes of the same file, given the reach that it needs."""

    def errors(*options: str) -> FloatArray:
        reach = reach_option(trial.case.largest_shift)
        return trial.case.errors(rival.retime(trial.case.data, speech, *reach, *options))

    tuned = trial.condition.tuned
    plain = errors()
    return replace(
        outcome,
        ffsubsync=share_within(plain),
        ffsubsync_median_ms=median_ms(plain),
        ffsubsync_tuned=share_within(errors(*tuned)) if tuned else None,
    )


def median_ms(errors: FloatArray) -> float:
    return float(np.median(errors)) * 1000 if len(errors) else LOST


def measure_trial(
    settings: Settings,
    film_of: tuple[str, int],
    trial: Trial,
    tokens: TokenSequence,
) -> Outcome:
    """Retime one file and compare it with the truth; a refused one is compared all the same."""
    began = time.perf_counter()
    result = try_retime(settings, trial.case, tokens)
    seconds = time.perf_counter() - began
    errors = trial.case.errors(result.subtitles if result else None)
    return Outcome(
        voices=film_of[0],
        film=film_of[1],
        loud=is_loud(film_of[1]),
        condition=trial.condition.name,
        rate=str(trial.rate),
        shift=trial.shift,
        cues=len(errors),
        within=share_within(errors),
        median_ms=median_ms(errors),
        segments=len(result.segments) if result else 0,
        true_segments=trial.case.segments,
        rate_found=str(result.segments[0].rate) if result else "",
        accepted=result.accepted if result else False,
        confidence=result.confidence if result else 0.0,
        seconds=seconds,
    )


def run_accuracy(settings: Settings, *, films: int, people: int) -> Report:
    """``films`` films of all voices, and ``people`` with recorded voices only."""
    rival = Ffsubsync.installed(settings.work) if settings.rival else None
    keys = [("all", n) for n in range(films)] + [("people", n) for n in range(people)]
    rows = in_parallel(
        partial(measure_film, settings, rival), keys, jobs=settings.jobs, label="accuracy"
    )
    outcomes = [outcome for row in rows for outcome in row]
    parts = []
    for title, chosen in (
        ("Soft music (at least 6 dB under the speech)", [o for o in outcomes if not o.loud]),
        ("Loud music (up to 6 dB over the speech)", [o for o in outcomes if o.loud]),
        ("Recorded people only, soft and loud", [o for o in outcomes if o.voices == "people"]),
    ):
        if "people" not in title:
            chosen = [o for o in chosen if o.voices == "all"]
        if chosen:
            number = len({o.film for o in chosen})
            parts.append(f"{title}, {number} films:\n\n{accuracy_table(chosen)}")
    numbers = [asdict(outcome) for outcome in outcomes]
    return Report(
        "Accuracy", "\n\n".join([NOTE.rstrip(), *parts]), numbers, tuple(goals_of(outcomes))
    )


def accuracy_table(outcomes: Sequence[Outcome]) -> str:
    """One row per condition."""
    head = [
        "fault",
        "files",
        "within 100 ms",
        "median error",
        "segments right",
        "refused",
        "ffsubsync",
        "ffsubsync, tuned",
    ]
    rows = []
    for condition in CONDITIONS:
        chosen = [o for o in outcomes if o.condition == condition.name]
        medians = [o.median_ms for o in chosen]
        rows.append(
            [
                condition.name,
                str(len(chosen)),
                lowest_highest([o.within for o in chosen]),
                milliseconds(medians),
                f"{sum(o.exact for o in chosen)}/{len(chosen)}",
                str(sum(not o.accepted for o in chosen)),
                rival_cell([o.ffsubsync for o in chosen]),
                rival_cell([o.ffsubsync_tuned for o in chosen]),
            ]
        )
    return table(head, rows)


def milliseconds(values: Sequence[float]) -> str:
    """A range such as "12–30 ms"."""
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return f"{low} ms" if low == high else f"{low}–{high} ms"


def rival_cell(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return lowest_highest(known) if known else ""


def goals_of(outcomes: Sequence[Outcome]) -> list[Goal]:
    """Per condition: every film's share; the number of segments of cuts; the median of the rest."""
    goals = []
    for condition in CONDITIONS:
        chosen = [o for o in outcomes if o.condition == condition.name]
        worst, exact = min(o.within for o in chosen), sum(o.exact for o in chosen)
        median = max(o.median_ms for o in chosen)
        goals.append(
            Goal(
                f"{condition.name}: every film ≥ {condition.goal:.0%} within 100 ms",
                lowest_highest([o.within for o in chosen]),
                worst >= condition.goal,
            )
        )
        if condition.is_cut and condition.goal == 0.99:
            goals.append(
                Goal(
                    f"{condition.name}: exact number of segments",
                    f"{exact}/{len(chosen)}",
                    exact == len(chosen),
                )
            )
        elif not condition.is_cut and not condition.is_drift and condition.every == 1:
            goals.append(
                Goal(
                    f"{condition.name}: median ≤ {MEDIAN_MS:.0f} ms",
                    f"at most {median:.0f} ms",
                    median <= MEDIAN_MS,
                )
            )
    refused = sum(not outcome.accepted for outcome in outcomes)
    failed = sum(not outcome.rate_found for outcome in outcomes)
    goals.append(Goal("no failure", f"{failed}/{len(outcomes)} failed", failed == 0))
    goals.append(
        Goal(
            "right film, all faults: at most 0.5% refused",
            f"{refused}/{len(outcomes)}",
            refused <= 0.005 * len(outcomes),
        )
    )
    return goals
