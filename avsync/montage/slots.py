"""Slots: the stretches of a song that each want a shot, on the clock of the timeline's frames.

Every cut is rounded to a frame by itself, from the beginning of the range: within half a frame of
its beat, however many cuts came before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from avsync.beats.grid import BeatGrid
from avsync.cutlist import Marker
from avsync.montage.cutting import choose_cuts
from avsync.montage.pacing import Pacing
from avsync.timemap import Span


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one shot."""

    span: Span
    """from cut to cut, in seconds on the song's clock, not rounded to frames"""
    start_frame: int
    """on the timeline"""
    frames: int
    beat: str
    """the beat that it begins on as "bar.place", such as "12.1"; empty where there is none"""
    energy: float
    """mean loudness of its beats, in dB under the song's loudest"""


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a range of a song, end to end; and what could not be had as asked."""

    slots: tuple[Slot, ...]
    notes: tuple[str, ...]


def music_range(
    grid: BeatGrid, *, start: float = 0.0, end: float | None = None, length: float | None = None
) -> Span:
    """The part of the song that a montage uses: to its end, unless an end or a length is given.

    Raises:
        ValueError: there is no such part.
    """
    if end is not None and length is not None:
        raise ValueError("give the end of the music or its length, not both")
    given = [value for value in (start, end, length) if value is not None]
    if not all(map(math.isfinite, given)) or start < 0 or (length is not None and length <= 0):
        raise ValueError(f"no part of a song: start {start}, end {end}, length {length}")
    stop = grid.duration
    if end is not None or length is not None:
        stop = min(stop, end if end is not None else start + (length or 0.0))
    if stop <= start:
        raise ValueError(
            f"nothing of the song, {grid.duration:g} s long, lies between {start:g} and {stop:g} s"
        )
    return Span(start, stop)


def check_times(grid: BeatGrid, times: Sequence[float]) -> None:
    """Refuse cuts that no part of the song could have.

    Raises:
        ValueError: a time lies outside the song.
    """
    outside = [time for time in times if not 0 <= time <= grid.duration]
    if outside:
        listed = ", ".join(f"{time:g}" for time in outside[:5])
        more = "" if len(outside) <= 5 else f" and {len(outside) - 5} more"
        raise ValueError(
            f"times to cut at lie in the song, which is {grid.duration:g} s long; "
            f"got {listed}{more} s"
        )


def make_slots(grid: BeatGrid, pacing: Pacing, music: Span, frame_rate: Fraction) -> Slots:
    """The slots between the cuts that a pacing asks for.

    Raises:
        AlignmentError: nothing to cut at lies in that part of the song.
        ValueError: it is shorter than one frame.
    """
    cuts = choose_cuts(grid, pacing, music.start, music.end)
    last = frame_at(music.end, music.start, frame_rate)
    if last < 1:
        raise ValueError(f"{music.duration:g} s of music are shorter than one frame")
    times, frames = [music.start], [0]
    for time in cuts.times:
        frame = frame_at(time, music.start, frame_rate)
        if frames[-1] < frame < last:
            times.append(time)
            frames.append(frame)
    names = dict(zip(grid.beats.tolist(), beat_names(grid), strict=True))
    slots = tuple(
        Slot(Span(left, right), first, end - first, names.get(left, ""), _energy(grid, left, right))
        for (left, right), (first, end) in zip(
            pairwise([*times, music.end]), pairwise([*frames, last]), strict=True
        )
    )
    return Slots(slots, cuts.notes)


def frame_at(time: float, start: float, frame_rate: Fraction) -> int:
    """The frame nearest to an instant, on a timeline that begins at `start`; exact in between."""
    return round((Fraction(time) - Fraction(start)) * frame_rate)


def beat_names(grid: BeatGrid) -> list[str]:
    """ "bar.place" of every beat of the song; a pickup is in bar 0."""
    return [f"{bar}.{place}" for bar, place in zip(grid.bars, grid.positions, strict=True)]


def beat_markers(grid: BeatGrid, music: Span) -> tuple[Marker, ...]:
    """The beats of that part of the song, on the timeline's clock."""
    return tuple(
        Marker(float(beat) - music.start, name)
        for beat, name in zip(grid.beats, beat_names(grid), strict=True)
        if music.start <= beat < music.end
    )


def _energy(grid: BeatGrid, start: float, end: float) -> float:
    first = max(0, int(np.searchsorted(grid.beats, start, side="right")) - 1)
    stop = max(first + 1, int(np.searchsorted(grid.beats, end - 1e-6)))
    return float(grid.energy[first:stop].mean())
