"""CutList: which part of which clip is shown when, to the frame. Pure; no media is opened here.

Everything is counted in frames of one timeline rate: where a shot begins on the timeline, and
where its picture begins in its source (the source's clock, from where players start it, times the
timeline's rate). So a cut list reads back from any format as the same integers, whatever the
rates of its sources are, and an error of rounding cannot add up: frame `n` of the timeline is
shown at `n / frame_rate` seconds and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from moviepy import VideoClip

    from avsync.progress import Progress

Fit = Literal["letterbox", "crop", "blur"]
SourceSound = Literal["mute", "mix", "duck"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of one source on the timeline."""

    source: Path
    source_frame: int
    """the first frame shown, in frames of the timeline's rate on the source's own clock"""
    frames: int
    """how long it is shown, cut to cut"""
    dissolve_frames: int = 0
    """length of the dissolve from the shot before, centred on the cut (the odd frame after it)"""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"a shot is at least one frame long; got {self.frames}")
        if self.source_frame < 0:
            raise ValueError(f"a shot begins in its source, not {self.source_frame} frames in")
        if self.dissolve_frames < 0:
            raise ValueError(f"a dissolve cannot take {self.dissolve_frames} frames")

    @property
    def lead_frames(self) -> int:
        """Frames of the dissolve that lie before the cut: the source is needed so much earlier."""
        return self.dissolve_frames // 2


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """The music under a cut list."""

    path: Path
    start: float = 0.0
    """seconds into the file at frame 0 of the timeline"""
    fade_in: float = 0.0
    """seconds"""
    fade_out: float = 0.0
    """seconds, up to the end of the timeline"""


@dataclass(frozen=True, slots=True)
class Marker:
    """A named instant on the timeline, such as a beat."""

    time: float
    """seconds on the timeline"""
    name: str


@dataclass(frozen=True, slots=True)
class CutList:
    """Shots end to end, on one track, with the music under them."""

    shots: tuple[Shot, ...]
    frame_rate: Fraction
    music: Soundtrack | None = None
    markers: tuple[Marker, ...] = ()
    """the beats, as "1.1", "1.2", ... (bar and place in it), in order of time"""
    name: str = "montage"

    def __post_init__(self) -> None:
        if self.frame_rate <= 0:
            raise ValueError(f"frames per second are positive; got {self.frame_rate}")
        if self.shots and self.shots[0].dissolve_frames:
            raise ValueError("the first shot has none before it to dissolve from")

    @property
    def starts(self) -> tuple[int, ...]:
        """The frame of the timeline at which each shot begins."""
        return tuple(accumulate((shot.frames for shot in self.shots[:-1]), initial=0))[
            : len(self.shots)
        ]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The frames at which one shot follows another: `starts` without the first."""
        return self.starts[1:]

    @property
    def frames(self) -> int:
        """The length of the timeline in frames."""
        return sum(shot.frames for shot in self.shots)

    @property
    def duration(self) -> float:
        """The length of the timeline in seconds."""
        return self.seconds(self.frames)

    def seconds(self, frames: int) -> float:
        """When a frame of the timeline is shown, in seconds."""
        return float(frames / self.frame_rate)

    def with_shots(self, shots: Sequence[Shot]) -> CutList:
        """The same list with other shots."""
        return replace(self, shots=tuple(shots))

    def render(
        self,
        path: str | os.PathLike[str],
        *,
        size: tuple[int, int] | None = None,
        fit: Fit = "letterbox",
        source_sound: SourceSound = "mute",
        preview: bool = False,
        preset: str = "veryfast",
        crf: int = 20,
        progress: Progress | None = None,
    ) -> None:
        """Write the film; see `avsync.render.render`."""
        from avsync.render import render

        render(
            self,
            path,
            size=size,
            fit=fit,
            source_sound=source_sound,
            preview=preview,
            preset=preset,
            crf=crf,
            progress=progress,
        )

    def to_moviepy(self) -> VideoClip:
        """A moviepy clip of this list, its sources opened; see `avsync.timeline.to_moviepy`."""
        from avsync.timeline import to_moviepy

        return to_moviepy(self)
