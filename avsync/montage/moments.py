"""What there is to show: the stretches of clips that are worth a place. Pure.

A *moment* is about half a second of one shot, judged by the means of its measures. What is left
of a shot after its moments were judged is one or several *stretches*; a slot is filled from within
one stretch, so that no shot change, no black frame and no blurred pan comes into view.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import TOKEN_RATE_HZ, Clip
from avsync.timemap import Span

MOMENT = 0.5
"""Seconds that are judged at once."""
TRIM_FRAMES = 3
"""Frames of a clip left out beside a change of shot: it is often blended, or found a frame off."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a moment must be like; `Filters.none()` takes all."""

    min_exposure: float = 0.04
    """mean luma, 0 black to 1 white: below it a moment is too dark"""
    max_exposure: float = 0.96
    """above it a moment is blown out"""
    min_sharpness: float = 0.05
    """below it a moment is blurred, as `Clip.sharpness` counts: by a good hundredth of the width"""
    min_motion: float = 0.0
    """below it a moment is too still: mean pixels of a 64 pixel wide picture in 1/25 s"""
    max_motion: float = math.inf
    """above it a moment is too shaky"""
    min_faces: float = 0.0
    """share of the picture that faces must cover"""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if math.isnan(value) or value < 0:
                raise ValueError(f"{field.name} is a number from 0 up; got {value}")
        for what in ("exposure", "motion"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least > most:
                raise ValueError(
                    f"no {what} is both {least:g} or more and {most:g} or less "
                    f"(min_{what}, max_{what})"
                )

    @classmethod
    def none(cls) -> Filters:
        """Filters that reject nothing."""
        return cls(min_exposure=0.0, max_exposure=math.inf, min_sharpness=0.0)


@dataclass(frozen=True, slots=True)
class Rejection:
    """How much one filter turned down; a moment may be turned down by several."""

    reason: str
    """such as "too dark"; moments are ..."""
    option: str
    """the filter that says so, such as "min_exposure"; empty where none does"""
    moments: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of one shot that may be shown, in frames of the timeline's rate: [first, end)."""

    clip: int
    first: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.first


@dataclass(frozen=True, slots=True)
class Moments:
    """All that may be shown, in order of clip and time; and what was turned down."""

    stretches: tuple[Stretch, ...]
    count: int
    """moments that were judged"""
    rejections: tuple[Rejection, ...]
    unseen: int
    """clips in which nobody looked for faces though faces were wanted"""
    longest: int
    """frames of the longest stretch"""


def find_moments(
    clips: Sequence[Clip],
    frame_rate: Fraction,
    *,
    filters: Filters,
    across_shots: bool = False,
) -> Moments:
    """The stretches of `clips` that pass the filters, on the frames of a timeline."""
    judged = [_judge_clip(clip, filters, across_shots=across_shots) for clip in clips]
    stretches = [
        stretch
        for number, (clip, found) in enumerate(zip(clips, judged, strict=True))
        for span in found.kept
        if (stretch := _on_frames(number, clip, span, frame_rate)).frames > 0
    ]
    totals = [np.sum([found.rejected[k] for found in judged], axis=0) for k in range(len(_FILTERS))]
    rejections = [
        Rejection(reason, option, int(total[0]), float(total[1]))
        for (reason, option), total in zip(_FILTERS, totals, strict=True)
        if len(judged) and total[0]
    ]
    unseen = sum(clip.faces is None for clip in clips) if filters.min_faces else 0
    count = sum(found.count for found in judged)
    longest = max((stretch.frames for stretch in stretches), default=0)
    return Moments(tuple(stretches), count, tuple(rejections), unseen, longest)


_FILTERS = (
    ("too dark", "min_exposure"),
    ("blown out", "max_exposure"),
    ("blurred", "min_sharpness"),
    ("too still", "min_motion"),
    ("too shaky", "max_motion"),
    ("without a face", "min_faces"),
)


@dataclass(frozen=True, slots=True)
class _Judged:
    kept: tuple[Span, ...]
    count: int
    rejected: tuple[tuple[int, float], ...]
    """by filter: moments and seconds"""


def _judge_clip(clip: Clip, filters: Filters, *, across_shots: bool) -> _Judged:
    kept: list[Span] = []
    tallies = np.zeros((len(_FILTERS), 2))
    count = 0
    for shot in _whole_shots(clip, across_shots=across_shots) if len(clip.tokens) else ():
        edges = np.linspace(shot.start, shot.end, max(1, round(shot.duration / MOMENT)) + 1)
        failed = _failed(clip, filters, edges)
        tallies[:, 0] += failed.sum(axis=1)
        tallies[:, 1] += failed.sum(axis=1) * (edges[1] - edges[0])
        count += len(edges) - 1
        good: npt.NDArray[np.bool_] = np.logical_not(failed.any(axis=0))
        kept += [Span(float(edges[a]), float(edges[b])) for a, b in _runs(good)]
    rejected = tuple((int(moments), float(seconds)) for moments, seconds in tallies)
    return _Judged(tuple(kept), count, rejected)


def _whole_shots(clip: Clip, *, across_shots: bool) -> Iterator[Span]:
    """The shots without the frames beside their changes."""
    trim = TRIM_FRAMES / float(clip.frame_rate)
    for shot in (Span(0.0, clip.duration),) if across_shots else clip.shots:
        start = shot.start + trim if shot.start > 0 else 0.0
        end = shot.end - trim if shot.end < clip.duration else shot.end
        if start < end:
            yield Span(start, end)


def _failed(clip: Clip, filters: Filters, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """bool [filters, moments]: which moments which filter turns down."""
    tokens = len(clip.tokens)
    first = np.clip(np.rint(edges[:-1] * TOKEN_RATE_HZ).astype(int), 0, tokens - 1)
    stop = np.clip(np.rint(edges[1:] * TOKEN_RATE_HZ).astype(int), first + 1, tokens)

    def mean(measure: FloatArray) -> npt.NDArray[np.float64]:
        sums = np.concatenate(([0.0], np.cumsum(measure, dtype=np.float64)))
        means: npt.NDArray[np.float64] = (sums[stop] - sums[first]) / (stop - first)
        return means

    exposure, motion = mean(clip.exposure), mean(clip.motion)
    faces = np.full(len(first), np.inf) if clip.faces is None else mean(clip.faces)
    slack = 1e-6  # sums of float32 measures
    return np.stack(
        [
            exposure < filters.min_exposure - slack,
            exposure > filters.max_exposure + slack,
            mean(clip.sharpness) < filters.min_sharpness - slack,
            motion < filters.min_motion - slack,
            motion > filters.max_motion + slack,
            faces < filters.min_faces - slack,
        ]
    )


def _runs(good: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, end) of each run of true values."""
    changes = np.flatnonzero(np.diff(np.concatenate(([0], good.astype(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in changes.reshape(-1, 2)]


def _on_frames(number: int, clip: Clip, span: Span, rate: Fraction) -> Stretch:
    """The timeline frames that lie wholly in a span of a clip."""
    slack = Fraction(1, 10**6)  # a span that ends on a frame ends there but for rounding
    first = math.ceil(Fraction(span.start) * rate - slack)
    return Stretch(number, first, max(first, math.floor(Fraction(span.end) * rate + slack)))


def without_short(moments: Moments, frames: int, frame_rate: Fraction) -> Moments:
    """Without the stretches that no slot of `frames` or more fits into; they count as rejected."""
    kept = tuple(stretch for stretch in moments.stretches if stretch.frames >= frames)
    lost = [float(s.frames / frame_rate) for s in moments.stretches if s.frames < frames]
    if not lost:
        return moments
    count = sum(max(1, round(seconds / MOMENT)) for seconds in lost)
    rejection = Rejection("in too short a stretch", "", count, sum(lost))
    return replace(moments, stretches=kept, rejections=(*moments.rejections, rejection))
