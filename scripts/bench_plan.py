"""Planning a montage of many clips, from what was seen in them before; and its exports."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import torch
from av.video.stream import VideoStream
from bench_report import Goal, Report, table
from tqdm import tqdm

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.beats.grid import BeatGrid
from avsync.cache import TokenCache
from avsync.clips import TOKEN_RATE_HZ, Clip, analyse_clip
from avsync.cutlist import CutList
from avsync.errors import ModelUnavailable
from avsync.montage import MontagePlan, Order, Weights, plan
from avsync.timeline import TIMELINE_EXTENSIONS, read_timeline, write_timeline
from avsync.timemap import FRAME_RATES, Span
from avsync.tokens import TokenSequence

CORES = 2
SIZE = 320, 180
RATES = (Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001))
MOST_SECONDS = 60.0
BPM = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class Planned:
    """One plan, and how long it took."""

    what: str
    slots: int
    clips_shown: int
    same_neighbours: int
    """slots that show the clip of the slot before them"""
    worst_frames: float
    """how far a cut is from its beat, in frames"""
    seconds: float


def run_planning(work: Path, *, clips: int, seconds: float, model: Path | None) -> Report:
    """Plan montages of `clips` clips of `seconds` each, the second time that they are seen."""
    torch.set_num_threads(CORES)
    trained, weights = _model(model)
    cache = TokenCache(work / "cache")
    paths = [write_clip(work / f"{k:04}.mp4", k, seconds) for k in tqdm(range(clips), "clips")]
    cold, _ = _timed(lambda: _watch(paths, trained, cache))
    cached, watched = _timed(lambda: _watch(paths, trained, cache))
    grid, song = _song(trained, length=seconds * clips / 18)

    def make(
        every: str = "beat", *, order: Order = "match", dissolve: float = 0.0
    ) -> Callable[[], MontagePlan]:
        return lambda: plan(
            watched, grid, every=every, order=order, dissolve=dissolve, model=trained, song=song
        )

    plans = [
        _planned("every beat", make()),
        _planned("every bar", make("bar")),
        _planned("energy", make("energy")),
        _planned("every beat, dissolves of 0.2 s", make(dissolve=0.2)),
        _planned("every beat, sequential", make(order="sequential")),
        _planned("every beat, shuffled", make(order="shuffled")),
    ]
    worst = max(each.seconds for each in plans) + cached
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    text = (
        f"{clips} clips of {seconds:g} s on {CORES} cores, {weights}. Watching them took "
        f"{cold:.0f} s the first time and {cached:.1f} s from the cache; memory peaked at "
        f"{peak:.0f} MiB.\n\n{_table(plans)}"
    )
    goals = (
        Goal(
            f"plan {clips} clips in under {MOST_SECONDS:g} s, tokens cached",
            f"{worst:.1f} s",
            worst < MOST_SECONDS,
        ),
        Goal(
            "every cut within half a frame of its beat",
            f"{max(each.worst_frames for each in plans):.3f} frames",
            all(each.worst_frames <= 0.5 for each in plans),
        ),
    )
    numbers = {
        "watching_s": cold,
        "cached_s": cached,
        "peak_mib": peak,
        "plans": [asdict(each) for each in plans],
    }
    return Report("Planning", text, numbers, goals)


def run_exports(work: Path, *, seconds: float = 600.0) -> Report:
    """Write ten minutes of montage in every format and at every rate, and read it back."""
    rows, wrong = [], 0
    for rate in FRAME_RATES:
        clips = [unseen_clip(work / f"{k}.mov", rate, 60.0, seed=k) for k in range(24)]
        grid = BeatGrid.regular(127.3, duration=seconds, start=0.2)
        cuts = plan(clips, grid, every=2, dissolve=0.1, weights=Weights(match=0)).cuts
        cells = [f"{float(rate):.6g}", str(len(cuts.shots))]
        for extension in sorted(TIMELINE_EXTENSIONS):
            target = work / f"cuts{extension}"
            write_timeline(cuts, target)
            again = read_timeline(target, frame_rate=rate if extension == ".edl" else None)
            same = _frames_of(again) == _frames_of(cuts)
            wrong += not same
            cells.append("the same" if same else "**others**")
        rows.append(cells)
    head = ["frames per second", "shots", *sorted(TIMELINE_EXTENSIONS)]
    goal = Goal("exports read back to the same frames", "no" if wrong else "all", not wrong)
    return Report("Exports", table(head, rows), rows, (goal,))


def _frames_of(cuts: CutList) -> list[tuple[int, int, int]]:
    return [(shot.source_frame, shot.frames, shot.dissolve_frames) for shot in cuts.shots]


def unseen_clip(path: Path, rate: Fraction, seconds: float, *, seed: int) -> Clip:
    """What is known of a clip that does not exist."""
    chance = np.random.default_rng(seed)
    tokens = round(seconds * TOKEN_RATE_HZ)
    flat = np.full(tokens, 0.5, np.float32)
    return Clip(
        path=path,
        duration=seconds,
        frame_rate=rate,
        size=SIZE,
        shots=(Span(0.0, seconds),),
        tokens=TokenSequence(np.zeros((tokens, 1), np.float32), TOKEN_RATE_HZ),
        motion=chance.random(tokens).astype(np.float32),
        sharpness=flat,
        exposure=flat,
    )


def write_clip(path: Path, seed: int, seconds: float) -> Path:
    """Blocks of noise that jump about, with a change of shot now and then."""
    chance = np.random.default_rng(seed)
    rate = RATES[seed % len(RATES)]
    width, height = SIZE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frames = round(seconds * rate)
        changes = set(chance.integers(frames // 4, frames, 2).tolist())
        period = chance.uniform(8, 40)
        for number in range(frames):
            if number == 0 or number in changes:
                scene = chance.integers(30, 220, (height // 20, width // 20))
                base = np.kron(scene, np.ones((20, 20))).astype(np.uint8)
            picture = base.copy()
            x = round((width - 60) * abs((number / period) % 2 - 1))
            picture[60:120, x : x + 60] = 235
            pixels = np.repeat(picture[:, :, None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _model(path: Path | None) -> tuple[PictureModel, str]:
    try:
        model = load_picture_model(path)
    except ModelUnavailable:  # as fast as a trained one
        torch.manual_seed(0)
        return PictureModel().eval(), "untrained weights"
    return model, f"weights `{model.version}`"


def _watch(paths: list[Path], model: PictureModel, cache: TokenCache) -> list[Clip]:
    return [analyse_clip(path, model=model, cache=cache) for path in tqdm(paths, "clips")]


def _song(model: PictureModel, *, length: float) -> tuple[BeatGrid, TokenSequence]:
    """A grid of loud and quiet bars, and tokens such as a song has."""
    chance = np.random.default_rng(1)
    grid = BeatGrid.regular(BPM, duration=length)
    energy = np.repeat(chance.uniform(-30, 0, len(grid) // 4 + 1), 4)[: len(grid)]
    dim = model.lag.query.in_features
    values = chance.normal(size=(round(length * 25), dim)).astype(np.float32)
    louder = BeatGrid(grid.beats, duration=length, energy=energy)
    return louder, TokenSequence(values, 25.0)


def _planned(what: str, make: Callable[[], MontagePlan]) -> Planned:
    seconds, made = _timed(make)
    assert make().cuts == made.cuts, "the same request gave another plan"
    return Planned(
        what=what,
        slots=len(made.slots),
        clips_shown=made.report.clips_shown,
        same_neighbours=sum(a.clip == b.clip for a, b in pairwise(made.choices)),
        worst_frames=_worst(made),
        seconds=seconds,
    )


def _worst(made: MontagePlan) -> float:
    cuts = np.array(made.cuts.cuts)
    beats = (made.grid.beats - made.music.start) * float(made.cuts.frame_rate)
    return float(np.abs(cuts[:, None] - beats).min(axis=1).max(initial=0.0))


def _table(plans: list[Planned]) -> str:
    return table(
        ["plan", "slots", "clips shown", "same clip twice in a row", "off the beat", "time"],
        [
            [
                each.what,
                str(each.slots),
                str(each.clips_shown),
                str(each.same_neighbours),
                f"{each.worst_frames:.3f} frames",
                f"{each.seconds:.1f} s",
            ]
            for each in plans
        ],
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
