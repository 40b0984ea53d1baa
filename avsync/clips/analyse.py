"""analyse_clip: one decoding pass over a clip's picture, and everything that is read off it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise, repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.cache import TokenCache, made_once
from avsync.clips.clip import TOKEN_RATE_HZ, Clip, tokens_before
from avsync.clips.digits import PLACES, digits_of, seconds_of
from avsync.clips.measures import Bars, sharpness
from avsync.clips.shots import ShotFinder
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH, frame_blocks
from avsync.errors import MediaError
from avsync.faces import FaceDetector, face_share
from avsync.media import Frame, VideoFormat, iter_frames, probe_video
from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tokens import TokenSequence

SHORTEST = 1.0
"""Seconds of picture that a clip has at least."""
WIDTH, HEIGHT = 320, 180  # pixels of what is decoded: the scale at which sharpness is judged
VERSION = 1  # of what is stored of a clip; goes up when its meaning changes
FACES_EVERY = 10  # tokens from one look for faces to the next: less than a moment of a montage
LONGEST_HOLD = 1.0  # seconds: the last frame of a constant rate is not shown for longer

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


def analyse_clip(
    path: str | os.PathLike[str],
    *,
    faces: bool = False,
    model: PictureModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Clip:
    """What a clip's picture shows: its shots, its visual tokens and measures at 25 Hz.

    The picture is decoded once, in constant memory but for what is returned, and not at all when
    `cache` knows it; the result is the same to the last bit either way.

    Args:
        path: a film or a clip, of any frame rate.
        faces: look for faces too, which takes some 50 ms of work for a second of clip.
        model: from `load_picture_model`; None loads the one in the package.
        progress: called with "watching" and the fraction of the clip that is done.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no picture, only a still one, one of less than a second, or one that
            cannot be read.
    """
    path = Path(path)
    shown = probe_video(path)
    used = model or load_picture_model()
    [sight] = made_once(
        lambda: [_watch(path, shown, used, FaceDetector() if faces else None, progress)],
        path,
        track=shown.track,
        version=f"clip {VERSION}{' with faces' * faces} {used.version}",
        cache=cache,
    )
    return _clip(path, shown, sight, faces=faces)


def _watch(
    path: Path,
    shown: VideoFormat,
    model: PictureModel,
    detector: FaceDetector | None,
    progress: Progress | None,
) -> TokenSequence:
    """Decode a clip and put all that is to be known of it into one sequence, as it is stored.

    Columns: visual tokens, motion, sharpness, exposure, faces if there is a `detector`, and the
    boundaries of the shots, one a row (see `digits_of`); what is left of those columns is −1.
    """
    eye = _Eye(path, shown, detector)
    frames = iter_frames(path, width=WIDTH, height=HEIGHT, progress=progress)
    tokens = model.visual.encode(frame_blocks(eye.displayed(frames)))
    starts = eye.finder.starts(model.visual.change_probability(tokens))
    digits = np.full((len(tokens), len(PLACES)), -1.0, np.float32)
    bounds = [*(start for start in starts if start < eye.end), eye.end]
    digits[: len(bounds)] = digits_of(bounds)
    exposure = np.minimum(np.array(eye.luma) / 255 / eye.bars.picture_share, 1.0)
    columns = [tokens.values, model.visual.motion(tokens), eye.sharpness, exposure]
    columns += [eye.faces, digits] if detector else [digits]
    values = np.column_stack([np.asarray(column, np.float32) for column in columns])
    return TokenSequence(values, TOKEN_RATE_HZ)


def _clip(path: Path, shown: VideoFormat, sight: TokenSequence, *, faces: bool) -> Clip:
    first = sight.values.shape[1] - len(PLACES)
    measures = first - 3 - faces
    values, digits = sight.values[:, :measures], sight.values[:, first:]
    motion, sharp, exposure, *seen = np.ascontiguousarray(sight.values[:, measures:first].T)
    bounds = seconds_of(digits[digits[:, 0] >= 0]).tolist()
    return Clip(
        path=path,
        duration=bounds[-1],
        frame_rate=shown.frame_rate,
        size=shown.size,
        shots=tuple(Span(start, end) for start, end in pairwise(bounds)),
        tokens=TokenSequence(values, TOKEN_RATE_HZ),
        motion=motion,
        sharpness=sharp,
        exposure=exposure,
        faces=seen[0] if seen else None,
    )


class _Eye:
    """Sees every picture of a clip once, and remembers what is to be known of it."""

    def __init__(self, path: Path, shown: VideoFormat, detector: FaceDetector | None) -> None:
        self._path, self._shown, self._detector = path, shown, detector
        self.finder = ShotFinder(shown.frame_rate)
        self.bars = Bars(FRAME_HEIGHT, FRAME_WIDTH)
        self.end = 0.0
        """seconds: where the picture ends"""
        self.sharpness: list[float] = []
        self.luma: list[float] = []
        """[tokens] each; luma from 0 to 255"""
        self.faces: list[float] = []
        """[tokens]: share of the picture; empty without a detector"""

    def displayed(self, frames: Iterator[Frame]) -> Iterator[Pixels]:
        """The small picture on display at each `k / 25` s: uint8 [36, 64, 3]."""
        for frame, until in self._timed(frames):
            small, grey = _shrunk(frame.pixels)
            self.finder.add(frame.time, small)
            count = tokens_before(until) - len(self.luma)
            if count > 0:
                self.bars.add(small.mean(axis=2).astype(np.uint8))
                self.sharpness += [sharpness(grey)] * count
                self.luma += [float(grey.mean())] * count
                if self._detector is not None:
                    self._look_for_faces(frame.pixels, self._detector)
                yield from repeat(small, count)
        if len(self.finder.times) < 2:
            raise MediaError(self._path, "shows one picture, which does not move: give a film")
        if self.end < SHORTEST:
            raise MediaError(
                self._path,
                f"shows a picture for {self.end:.2f} s only: give clips of {SHORTEST:g} s or more",
            )

    def _look_for_faces(self, pixels: Pixels, detector: FaceDetector) -> None:
        """Bring `faces` up to the tokens so far; between two looks the first one holds."""
        while len(self.faces) < len(self.luma):
            if len(self.faces) % FACES_EVERY:
                self.faces.append(self.faces[-1])
            else:
                self.faces.append(face_share(_upright(pixels, self._shown.size), detector))

    def _timed(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, float]]:
        """Every frame, and until when it is on display."""
        shown = next(frames)
        for frame in frames:
            yield shown, frame.time
            shown = frame
        self.end = round(self._end(shown.time), 6)
        yield shown, self.end

    def _end(self, last: float) -> float:
        step = float(1 / self._shown.frame_rate)
        told = self._shown.duration
        if told is None or told < last + step / 2:
            return last + step
        # A file that was cut off still claims its whole length.
        return told if self._shown.variable or told - last < LONGEST_HOLD else last + step


def _upright(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture in the proportions in which it is shown, since faces have theirs."""
    import cv2

    scale = WIDTH / max(size)
    shape = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return np.asarray(cv2.resize(pixels, shape, interpolation=cv2.INTER_LINEAR), np.uint8)


def _shrunk(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """A picture at the size of tokens, and at its own in grey."""
    import cv2

    small = cv2.resize(pixels, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(small, np.uint8), np.asarray(grey, np.uint8)
