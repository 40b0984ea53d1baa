"""find_shots: where the shots of a whole film begin, to the frame.

Every picture is decoded once, as fast as that goes: without the filter that smoothes the edges of
coded blocks, which nobody sees at 64 by 36 pixels, and scaled to that size straight from the
decoder. What is decided there, and why, is said in `shots`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.cache import TokenCache, made_once
from avsync.clips.clip import ROUNDING_S, TOKEN_RATE_HZ, tokens_before
from avsync.clips.digits import PLACES, digits_of, seconds_of
from avsync.clips.shots import ShotFinder
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH, frame_blocks
from avsync.framegrid import FrameGrid
from avsync.media import Frame, VideoFormat, iter_drafts, probe_video
from avsync.progress import Progress
from avsync.tokens import TokenSequence

__all__ = ["Shots", "find_shots"]

VERSION = 1  # of what is stored of a film; goes up when its meaning changes
_UNEVEN = 0.3  # frames by which a picture may miss its place in an even film

FloatArray = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """The shots of a film, and its frames."""

    starts: tuple[float, ...]
    """seconds on the film's clock at which each shot's first frame is shown, in order; the first
    one's is the film's first"""
    grid: FrameGrid
    """the frames of the film"""

    @property
    def changes(self) -> tuple[float, ...]:
        """Seconds at which one shot gives way to the next; of a dissolve, about its middle."""
        return self.starts[1:]


def find_shots(
    path: str | os.PathLike[str],
    *,
    model: PictureModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Shots:
    """Where the shots of a film begin, at any frame rate, in constant memory but for frame times.

    Cuts and dissolves count, flashes do not. Nothing is decoded when ``cache`` knows the film; the
    result is the same either way.

    Args:
        path: a film.
        model: of ``load_picture_model``; None loads the one in the package.
        progress: called with "watching" and the fraction of the film that is done.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no picture, or none that can be read.
    """
    path = Path(path)
    shown = probe_video(path)
    model = model or load_picture_model()
    used = model
    [stored] = made_once(
        lambda: [_stored(_watch(path, shown, used, progress))],
        path,
        track=shown.track,
        version=f"shots {VERSION} {model.version}",
        cache=cache,
    )
    return _restored(stored, shown.frame_rate)


def _watch(path: Path, shown: VideoFormat, model: PictureModel, progress: Progress | None) -> Shots:
    finder = ShotFinder(shown.frame_rate)
    frames = iter_drafts(path, width=FRAME_WIDTH, height=FRAME_HEIGHT, progress=progress)
    tokens = model.visual.encode(frame_blocks(_displayed(frames, finder, shown.frame_rate)))
    starts = finder.starts(model.visual.change_probability(tokens))
    times = np.array(finder.times)
    # The film may begin with sound: its first shot begins with its first picture.
    later = [start for start in starts if start > times[0]]
    return Shots((float(times[0]), *later), frame_grid(times, shown.frame_rate, shown.variable))


def _displayed(frames: Iterator[Frame], finder: ShotFinder, rate: Fraction) -> Iterator[Pixels]:
    """The picture on display at each ``k / 25`` s; every frame is shown to the finder."""
    made = 0
    shown: Frame | None = None
    for frame in frames:
        finder.add(frame.time, frame.pixels)
        if shown is not None:
            count = max(0, tokens_before(frame.time) - made)
            yield from repeat(shown.pixels, count)
            made += count
        shown = frame
    if shown is not None:
        last = tokens_before(shown.time + float(1 / rate)) - made
        yield from repeat(shown.pixels, max(0, last))


def frame_grid(times: FloatArray, rate: Fraction, variable: bool) -> FrameGrid:
    """The frames that pictures are shown on, float64 [pictures] in seconds.

    Containers round times; where pictures follow each other evenly but for that, what they were
    rounded from is known better than what they say.
    """
    if not variable:
        steps = np.rint((times - times[0]) * float(rate))
        off = times - steps * rate.denominator / rate.numerator
        start = (float(off.min()) + float(off.max())) / 2
        if np.ptp(off) * float(rate) < _UNEVEN:
            return FrameGrid(rate, round(start, 6) if abs(start) > ROUNDING_S / 2 else 0.0)
    return FrameGrid(rate, times=times)


def _stored(shots: Shots) -> TokenSequence:
    """Rows of digits: the frame times of a variable rate or the first one's, then the starts.

    A row of −1 lies between.
    """
    times = shots.grid.times
    first = np.array([shots.grid.start]) if times is None else times
    split = np.full((1, len(PLACES)), -1.0, np.float32)
    starts = digits_of(np.array(shots.starts))
    return TokenSequence(np.concatenate([digits_of(first), split, starts]), TOKEN_RATE_HZ)


def _restored(stored: TokenSequence, rate: Fraction) -> Shots:
    split = int(np.flatnonzero(stored.values[:, 0] < 0)[0])
    times = seconds_of(stored.values[:split])
    grid = FrameGrid(rate, float(times[0])) if len(times) == 1 else FrameGrid(rate, times=times)
    return Shots(tuple(seconds_of(stored.values[split + 1 :]).tolist()), grid)
