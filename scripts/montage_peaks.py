"""How near movement comes to the music's accents in a montage, with the picture and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from make_films import RATE_HZ, Bank

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.beats.grid import BeatGrid
from avsync.beats.track import track_beats
from avsync.clips import TOKEN_RATE_HZ, Clip
from avsync.encoders.visual import MOTION_FLOOR
from avsync.montage import Filters, MontagePlan, Order, plan
from avsync.timemap import Span

NEAR_S = 0.08
"""Seconds within which a movement's peak and an accent are seen as one: two tokens."""
SECONDS = 60.0  # of each song
_PEAK = 1.5  # times the median that a movement's peak has at least
EDGE_S = 0.12  # seconds at a shot's ends in which no peak can be told
Motion = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Footage:
    """Clips, and how much really moves in each."""

    clips: list[Clip]
    motion: dict[Path, Motion]


def footage(scenes: Sequence[Path], model: PictureModel) -> Footage:
    """Scenes of `make_scenes.py` as clips; what they show is seen by the model, as of any clip."""
    clips, motion = [], {}
    for path in scenes:
        with np.load(path) as data:
            frames, changes = data["frames"], data["changes"].tolist()
            motion[path] = data["motion"]
        tokens = model.visual.encode(frames)
        bounds = [0.0, *(k / TOKEN_RATE_HZ for k in changes), len(frames) / TOKEN_RATE_HZ]
        flat = np.full(len(frames), 0.5, np.float32)
        clips.append(
            Clip(
                path=path,
                duration=bounds[-1],
                frame_rate=Fraction(25),
                size=(64, 36),
                shots=tuple(Span(a, b) for a, b in pairwise(bounds)),
                tokens=tokens,
                motion=model.visual.motion(tokens),
                sharpness=flat,
                exposure=flat,
            )
        )
    return Footage(clips, motion)


def distances(made: MontagePlan, grid: BeatGrid, shown: Footage) -> list[float]:
    """Seconds from the strongest accent of each slot to the peak of the movement shown there."""
    found = []
    for slot, choice in zip(made.slots, made.choices, strict=True):
        inside = (grid.accent_times >= slot.span.start + EDGE_S) & (
            grid.accent_times <= slot.span.end - EDGE_S
        )
        if not inside.any():
            continue
        strongest = np.flatnonzero(inside)[grid.accent_strengths[inside].argmax()]
        accent = float(grid.accent_times[strongest]) - slot.span.start
        edges = (choice.moment.start + EDGE_S, choice.moment.end - EDGE_S)
        first, last = (round(t * TOKEN_RATE_HZ) for t in edges)
        moving = shown.motion[choice.clip][first : last + 1]
        if moving.max() < _PEAK * (float(np.median(moving)) + MOTION_FLOOR):
            continue  # nothing moves here more than elsewhere
        peak = edges[0] + int(moving.argmax()) / TOKEN_RATE_HZ - choice.moment.start
        found.append(abs(peak - accent))
    return found


def montage_row(scenes: Sequence[Path], bank: Bank, folder: Path, songs: int) -> str:
    """The row of the table: picture off (moments by lot), picture on."""
    model = load_picture_model()
    shown = footage(scenes, model)
    off: list[float] = []
    on: list[float] = []
    for number, (song,) in enumerate(bank.songs[:songs]):
        path = folder / f"{number}.wav"
        sound = 0.1 * song[: round(SECONDS * RATE_HZ)]
        soundfile.write(path, sound, RATE_HZ)
        grid = track_beats(path)
        if not len(grid.beats):
            continue  # no beat that can be trusted: there is no montage
        on += distances(_montage(shown, grid, model, "match", number), grid, shown)
        off += distances(_montage(shown, grid, model, "shuffled", number), grid, shown)
    counts = f"{len(off)} and {len(on)}"
    near = [np.mean(np.array(some) <= NEAR_S) for some in (off, on)]
    middle = [np.median(some) for some in (off, on)]
    shares = (f"{a:.0%} (median {b:.2f} s)" for a, b in zip(near, middle, strict=True))
    what = f"movement's peak within {NEAR_S * 1000:.0f} ms of its shot's strongest accent"
    return f"| {what} ({counts}) | {' | '.join(shares)} | |"


def _montage(
    shown: Footage, grid: BeatGrid, model: PictureModel, order: Order, seed: int
) -> MontagePlan:
    """Two beats a shot, from the first beat to the last."""
    first, last = float(grid.beats[0]), float(grid.beats[-1])
    return plan(
        shown.clips,
        grid,
        every=2,
        start=first,
        end=last,
        order=order,
        seed=seed,
        filters=Filters.none(),
        model=model,
        frame_rate=Fraction(25),
    )
