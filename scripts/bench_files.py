"""Files in sync, subtitles as the reference, and refined edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from bench_faults import CONDITIONS, cut_film, mistime, moved_cues
from bench_ffsubsync import Ffsubsync, reach_option
from bench_films import (
    Case,
    FloatArray,
    Settings,
    bench_film,
    hear,
    is_loud,
    loaded,
    make_case,
    share_within,
    try_retime,
)
from bench_report import Goal, Report, in_parallel, lowest_highest, percent, table
from film_cues import srt_text
from make_films import Film, make_film

from avsync.refine import Refine
from avsync.retime import FEWEST_CUES
from avsync.subtitles import Cue, parse_subtitles, read_subtitles

FRAME = 1 / 24  # seconds
SYNC_MINUTES = 10.0
SUBTITLE_TOLERANCE = 0.3  # seconds by which two subtitlers may differ
JITTER = 0.25  # seconds
NEAREST = 0.5  # seconds around a cue's edge in which its speech must have its own
SYNC, SUBTITLES, REFINE = 3, 4, 5  # set the sections' films apart


@dataclass(frozen=True)
class InSync:
    """What happened to a file that was in sync."""

    film: int
    sparse: str
    cues: int
    accepted: bool
    unchanged: bool
    moved: float
    """seconds by which an edge was moved, at most"""
    rate: str
    confidence: float


def film_with_subtitles(settings: Settings, number: int) -> Film:
    """A film by any recipe, also with sparse subtitles, but with enough of them for a file."""
    minutes = min(SYNC_MINUTES, settings.minutes)
    for attempt in count():
        seed = [settings.seed, SYNC, number, attempt]
        film = make_film(settings.voices(), seed, minutes=minutes)
        if sum(not cue.is_sound for cue in film.cues) >= FEWEST_CUES:
            return film
    raise AssertionError("unreachable")


def keep_in_sync(settings: Settings, number: int) -> InSync | None:
    """A film with the subtitles that some subtitler made for it; None where retiming failed."""
    film = film_with_subtitles(settings, number)
    case, model = make_case(film.cues), loaded(settings.model)
    result = try_retime(settings, case, hear(model, film.samples))
    if result is None:
        return None
    before, after = (
        np.array([(cue.start, cue.end) for cue in subtitles.cues])
        for subtitles in (case.subtitles, result.subtitles)
    )
    return InSync(
        film=number,
        sparse=film.recipe.sparse,
        cues=len(before),
        accepted=result.accepted,
        unchanged=result.unchanged,
        moved=float(np.abs(after - before).max()),
        rate=str(result.segments[0].rate),
        confidence=result.confidence,
    )


def run_in_sync(settings: Settings, *, files: int) -> Report:
    """``files`` films whose subtitles fit."""
    found = in_parallel(
        partial(keep_in_sync, settings), range(files), jobs=settings.jobs, label="in sync"
    )
    done = [one for one in found if one]
    written = [one for one in done if one.accepted]
    moved, forced = (sum(one.moved > FRAME for one in some) for some in (written, done))
    stretched = sum(one.rate != "1" for one in written)
    counts = [
        len(found),
        sum(one.unchanged for one in done),
        moved,
        stretched,
        len(found) - len(written),
        forced,
    ]
    head = [
        "files in sync",
        "left as they are",
        "moved by more than a frame",
        "stretched",
        "refused or failed",
        "moved with `--force`",
    ]
    goals = (
        Goal("in sync: none moved by more than one frame", f"{moved}/{len(found)}", moved == 0),
        Goal("in sync: no false stretch", f"{stretched}/{len(found)}", stretched == 0),
    )
    rows = [asdict(one) for one in done]
    return Report("Already in sync", table(head, [[str(n) for n in counts]]), rows, goals)


@dataclass(frozen=True)
class BySubtitles:
    """One file retimed to another subtitler's file."""

    film: str
    condition: str
    cues: int
    within: float
    """share of starts within ``SUBTITLE_TOLERANCE``"""
    accepted: bool
    confidence: float
    ffsubsync: float | None


def retime_by_subtitles(
    settings: Settings,
    rival: Ffsubsync | None,
    names: tuple[str, str],
    case: Case,
    reference: Sequence[Cue],
) -> BySubtitles:
    """``names``: of the film and of the fault."""
    data, theirs = srt_text(tuple(reference)).encode(), None
    if rival:
        path = settings.work / f"{names[0]}.srt"
        path.write_bytes(data)
        retimed = rival.retime(case.data, path, *reach_option(case.largest_shift))
        theirs = share_within(case.errors(retimed), SUBTITLE_TOLERANCE)
    result = try_retime(settings, case, parse_subtitles(data, format="srt"))
    errors = case.errors(result.subtitles if result else None)
    return BySubtitles(
        *names,
        cues=len(errors),
        within=share_within(errors, SUBTITLE_TOLERANCE),
        accepted=result.accepted if result else False,
        confidence=result.confidence if result else 0.0,
        ffsubsync=theirs,
    )


def retime_translation(
    settings: Settings, rival: Ffsubsync | None, number: int
) -> list[BySubtitles]:
    """One film, every fault: its subtitles follow another subtitler's, who cut other lines."""
    bank, seed = settings.voices(), [settings.seed, SUBTITLES, number]
    film = bench_film(bank, seed, minutes=settings.minutes, loud=False)
    found = []
    for condition in CONDITIONS:
        _, time_map = cut_film(bank, film, seed, condition)
        case = mistime(condition, film, time_map, seed).case
        reference = moved_cues(film.translation, time_map)
        names = (f"film {number}", condition.name)
        found.append(retime_by_subtitles(settings, rival, names, case, reference))
    return found


def retime_real(
    settings: Settings, rival: Ffsubsync | None, paths: tuple[Path, Path]
) -> list[BySubtitles]:
    """A real file, shifted or at another frame rate, follows another language's of the film."""
    cues, reference = (read_subtitles(path).cues for path in paths)
    found = []
    for condition in CONDITIONS[:2]:
        seed = [settings.seed, SUBTITLES, *"".join(p.stem for p in paths).encode()]
        rng = np.random.default_rng(seed)
        shift = float(rng.uniform(-60.0, 0.0))
        case = make_case(cues, rate=float(condition.rates[0]), shift=shift)
        names = (f"{paths[0].stem} to {paths[1].stem}", f"real files: {condition.name}")
        found.append(retime_by_subtitles(settings, rival, names, case, reference))
    return found


def run_subtitles(settings: Settings, *, films: int, directory: Path | None) -> Report:
    """``films`` films, and all pairs of the SRTs in ``directory``."""
    rival = Ffsubsync.installed(settings.work) if settings.rival else None
    found = in_parallel(
        partial(retime_translation, settings, rival),
        range(films),
        jobs=settings.jobs,
        label="subtitles",
    )
    if directory:
        files = sorted(directory.glob("*.srt"))
        pairs = [(a, b) for a in files for b in files if a != b]
        found += in_parallel(
            partial(retime_real, settings, rival), pairs, jobs=settings.jobs, label="real files"
        )
    results = [result for row in found for result in row]
    rows, goals = [], []
    for name in dict.fromkeys(result.condition for result in results):
        chosen = [result for result in results if result.condition == name]
        theirs = [r.ffsubsync for r in chosen if r.ffsubsync is not None]
        within = lowest_highest([result.within for result in chosen])
        refused = sum(not result.accepted for result in chosen)
        rival_cell = lowest_highest(theirs) if theirs else ""
        rows.append([name, str(len(chosen)), within, str(refused), rival_cell])
        worst = min(result.within for result in chosen)
        goals.append(Goal(f"to subtitles, {name}: ≥ 95% within 300 ms", within, worst >= 0.95))
    head = ["fault", "files", "starts within 300 ms", "refused", "ffsubsync"]
    rows_json = [asdict(result) for result in results]
    return Report("Subtitles to subtitles", table(head, rows), rows_json, tuple(goals))


@dataclass(frozen=True)
class Edges:
    """Errors of one film's cue edges, in seconds, before and after."""

    film: int
    loud: bool
    edge: str
    before: list[float]
    after: list[float]


def true_edges(cues: Sequence[Cue], film: Film, column: int) -> FloatArray:
    """Where the speech under each cue starts (``column`` 0) or ends (1); NaN where that is unclear.

    Clear is an edge with exactly one utterance's own within ``NEAREST``.
    """
    speech = np.array([(span.start, span.end) for span in film.speech])[:, column]
    edges = np.full(len(cues), np.nan)
    for n, cue in enumerate(cues):
        near = speech[np.abs(speech - (cue.start, cue.end)[column]) < NEAREST]
        if len(near) == 1 and not cue.is_sound:
            edges[n] = near[0]
    return edges


def refine_film(settings: Settings, number: int) -> list[Edges]:
    """Put every edge at its speech, move it at random, and have it refined."""
    bank, seed = settings.voices(), [settings.seed, REFINE, number]
    film = bench_film(bank, seed, minutes=settings.minutes, loud=is_loud(number))
    rng = np.random.default_rng([*seed, 1])
    truth = [true_edges(film.cues, film, column) for column in (0, 1)]
    jittered: list[Cue] = []
    previous = 0.0
    for n, cue in enumerate(film.cues):
        habitual = np.array([cue.start, cue.end])
        spoken = np.array([truth[0][n], truth[1][n]])
        edges = np.where(np.isnan(spoken), habitual, spoken) + rng.uniform(-JITTER, JITTER, 2)
        start, end = edges.tolist()
        start = max(start, previous)
        previous = max(end, start + 0.2)
        jittered.append(Cue(start=start, end=previous, text=cue.text))
    case = make_case(jittered)
    tokens = hear(loaded(settings.model), film.samples)
    result = try_retime(settings, case, tokens, refine=Refine(lead_in=0.0, linger=0.0))
    if result is None:
        return []
    after = np.array([(cue.start, cue.end) for cue in result.subtitles.cues])
    before = np.array([(cue.start, cue.end) for cue in jittered])
    found = []
    for column, name in enumerate(("start", "end")):
        known = ~np.isnan(truth[column])
        errors = (np.abs(times[:, column] - truth[column])[known] for times in (before, after))
        found.append(Edges(number, is_loud(number), name, *(e.tolist() for e in errors)))
    return found


def run_refine(settings: Settings, *, films: int) -> Report:
    """``films`` films, half of them loud."""
    found = in_parallel(
        partial(refine_film, settings), range(films), jobs=settings.jobs, label="refine"
    )
    results = [edges for row in found for edges in row]
    rows = []
    for loud in (False, True):
        for name in ("start", "end"):
            chosen = [e for e in results if e.loud == loud and e.edge == name]
            if not chosen:
                continue
            before, after = (
                np.concatenate([getattr(e, field) for e in chosen]) for field in ("before", "after")
            )
            rows.append(
                [
                    f"{name}, {'loud' if loud else 'soft'} music",
                    str(len(before)),
                    f"{np.median(before) * 1000:.0f} ms",
                    f"{np.median(after) * 1000:.0f} ms",
                    percent(share_within(before)),
                    percent(share_within(after)),
                ]
            )
    head = ["edge", "edges", "median before", "median after", "≤ 100 ms before", "≤ 100 ms after"]
    return Report("Refined edges", table(head, rows), [asdict(e) for e in results])
