"""What a plan consists of: the cut list, and why it is as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from avsync.beats.grid import BeatGrid
from avsync.clips.clip import Clip
from avsync.cutlist import CutList
from avsync.montage.moments import Rejection
from avsync.montage.scores import Reasons
from avsync.montage.slots import Slot
from avsync.timemap import Span


@dataclass(frozen=True, slots=True)
class Choice:
    """What one slot shows, and why."""

    clip: Path
    moment: Span
    """from cut to cut, in seconds on the clip's clock"""
    score: float
    """the weighted sum of the reasons"""
    reasons: Reasons


@dataclass(frozen=True, slots=True)
class Skipped:
    """A clip that could not be used."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: left out: {self.reason}"


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What was left out of a plan, and what could not be had as asked."""

    clips: int
    """that could be used"""
    clips_shown: int
    moments: int
    """that were judged: about half a second of one shot each"""
    rejections: tuple[Rejection, ...]
    """how many of them each filter turned down"""
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MontagePlan:
    """A cut list; and slot by slot what it is made of."""

    cuts: CutList
    slots: tuple[Slot, ...]
    choices: tuple[Choice, ...]
    """one for each slot"""
    report: PlanReport
    grid: BeatGrid = field(repr=False)
    clips: tuple[Clip, ...] = field(repr=False)
    """those that could be used, in the order given"""
    music: Span = field(default=Span(0.0, 0.0))
    """the part of the song, in seconds on its clock"""
