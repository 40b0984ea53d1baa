"""What is seen and heard of a film, as the tokens that are laid over each other.

The picture is decoded once for both judges, the sound once for both, in the memory of half a
minute but for the tokens. All of it is cached by the film's content and the models' weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel
from avsync.aligner.sync import SyncModel, picture_keys, sound_queries
from avsync.cache import TokenCache, made_once
from avsync.encoders.audio import LogMel
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH, frame_blocks
from avsync.errors import MediaError
from avsync.faces import LONGEST_SIDE, TOKEN_RATE_HZ, MouthFinder, shrunk
from avsync.media import (
    Frame,
    VideoFormat,
    choose_audio_track,
    iter_audio,
    iter_frames,
    probe,
    probe_video,
)
from avsync.progress import Progress
from avsync.tokens import TokenSequence

SHORTEST_S = 1.0
"""Seconds of picture and of sound that there are at least."""
SOUND_RATE_HZ = 2 * TOKEN_RATE_HZ
VERSION = 1  # of what is stored; goes up when its meaning changes

_PLACE = 2048  # half precision holds whole numbers up to here

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """What both judges see and hear with."""

    faces: SyncModel
    motion: PictureModel

    @property
    def version(self) -> str:
        return f"offset {VERSION} {self.faces.version} {self.motion.version}"


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """What one mouth asks of the sound."""

    start: int
    """tokens at 25 Hz"""
    queries: FloatArray
    """float32 [tokens, dim]"""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is seen of a film, at 25 Hz."""

    mouths: tuple[Mouth, ...]
    motion: FloatArray
    """float32 [tokens, dim]: keys of the motion judge"""


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What is heard of it, at 50 Hz."""

    faces: FloatArray
    """float32 [tokens, dim]: keys of the face judge"""
    motion: FloatArray
    """float32 [tokens, dim]: queries of the motion judge"""


def watch(path: Path, models: Models, cache: TokenCache | None, progress: Progress | None) -> Sight:
    """What is seen of a film.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no picture, a still one, or less than a second of it.
    """
    shown = probe_video(path)
    faces, motion = made_once(
        lambda: _look(path, shown, models, progress),
        path,
        track=shown.track,
        version=models.version,
        cache=cache,
        names=("faces", "motion"),
    )
    return Sight(_unpacked(faces.values), motion.values)


def listen(
    path: Path,
    track: int | None,
    models: Models,
    cache: TokenCache | None,
    progress: Progress | None,
) -> Hearing:
    """What is heard of a film.

    Raises:
        MediaError: it has no sound, or less than a second of it, or it cannot be read.
    """
    chosen = choose_audio_track(probe(path), track).index

    def heard() -> list[TokenSequence]:
        log_mel = LogMel()(iter_audio(path, track=chosen, progress=progress))
        if len(log_mel) < SHORTEST_S * SOUND_RATE_HZ:
            raise MediaError(
                path,
                f"its sound lasts {len(log_mel) / SOUND_RATE_HZ:.2f} s only: "
                f"give films of {SHORTEST_S:g} s or more",
            )
        columns = [models.faces.heard(log_mel), sound_queries(models.motion, log_mel)]
        return [TokenSequence(np.concatenate(columns, axis=1), SOUND_RATE_HZ)]

    version = f"{models.version} sound"
    [tokens] = made_once(heard, path, track=chosen, version=version, cache=cache)
    faces = models.faces.lag.heads * models.faces.lag.head_dim
    return Hearing(tokens.values[:, :faces], tokens.values[:, faces:])


def _look(
    path: Path, shown: VideoFormat, models: Models, progress: Progress | None
) -> list[TokenSequence]:
    """Mouths, packed, and the keys of the motion judge."""
    scale = min(1.0, LONGEST_SIDE / max(shown.size))
    width, height = (max(1, round(side * scale)) for side in shown.size)
    frames = iter_frames(path, width=width, height=height, rate_hz=TOKEN_RATE_HZ, progress=progress)
    eye = _Eye(models.faces)
    tokens = models.motion.visual.encode(frame_blocks(eye.small(frames)))
    if len(tokens) < SHORTEST_S * TOKEN_RATE_HZ:
        raise MediaError(
            path,
            f"shows a picture for {len(tokens) / TOKEN_RATE_HZ:.2f} s only: "
            f"give films of {SHORTEST_S:g} s or more",
        )
    if not eye.moved:
        raise MediaError(path, "shows one picture, which does not move: give a film")
    keys = picture_keys(models.motion, tokens.values)
    return [TokenSequence(values, TOKEN_RATE_HZ) for values in (_packed(eye.mouths), keys)]


class _Eye:
    """Looks for mouths in pictures on their way to the motion judge."""

    def __init__(self, model: SyncModel) -> None:
        self._model = model
        self._finder = MouthFinder()
        self.mouths: list[Mouth] = []
        self.moved = False

    def small(self, frames: Iterator[Frame]) -> Iterator[npt.NDArray[np.uint8]]:
        """The pictures as small as the motion judge sees them: uint8 [36, 64, 3]."""
        first: npt.NDArray[np.uint8] | None = None
        for frame in frames:
            for track in self._finder.add(frame.pixels):
                self.mouths.append(Mouth(track.start, self._model.seen(track.mouths)))
            small = shrunk(frame.pixels, FRAME_WIDTH, FRAME_HEIGHT)
            first = small if first is None else first
            self.moved = self.moved or not np.array_equal(first, small)
            yield small
        for track in self._finder.finish():
            self.mouths.append(Mouth(track.start, self._model.seen(track.mouths)))


def _packed(mouths: list[Mouth]) -> FloatArray:
    """Mouths end to end: queries, and in the last two columns where each row is, in base 2048."""
    if not mouths:
        return np.zeros((0, 3), np.float32)
    rows = []
    for mouth in mouths:
        at = mouth.start + np.arange(len(mouth.queries))
        rows.append(np.column_stack([mouth.queries, at // _PLACE, at % _PLACE]))
    return np.concatenate(rows).astype(np.float32)


def _unpacked(rows: FloatArray) -> tuple[Mouth, ...]:
    if not len(rows):
        return ()
    at = (rows[:, -2] * _PLACE + rows[:, -1]).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(at) != 1) + 1).tolist(), len(rows)]
    queries = np.ascontiguousarray(rows[:, :-2])
    return tuple(Mouth(int(at[a]), queries[a:b]) for a, b in itertools.pairwise(edges))
