"""What is seen, second by second: light, colour, motion, cutting, smiles, and visual tokens.

Every picture is decoded once, small and without polish, since tone is a matter of the whole
picture: another frame size or a re-encode changes next to nothing at 64 by 36 pixels. Black bars
are left out. Faces are looked for now and then in a larger copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel
from avsync.clips.clip import TOKEN_RATE_HZ, tokens_before
from avsync.clips.shots import ShotFinder
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH, VISUAL_DIM
from avsync.errors import MediaError
from avsync.faces import FaceDetector, shrunk
from avsync.media import Frame, iter_drafts, probe_video
from avsync.progress import Progress
from avsync.tone.light import ColourArray, Pixels, Smiles, colours
from avsync.tone.measures import PICTURE

__all__ = ["PICTURE_TOKENS", "Seen", "see", "seen_of"]

SHORTEST = 1.0
"""Seconds of picture that there are at least."""
PICTURE_TOKENS = 2 * VISUAL_DIM
WIDTH, HEIGHT = 320, 180  # pixels of what faces are looked for in
BLOCK = 250
CUTTING_REACH = 8.0  # seconds to either side over which changes of shot are counted
REACH = 1.5
_GRAIN_MOTION, _GRAIN_STIR = 0.3, 2.0  # what grain makes, which a coding may take away
_BLACK = 0.045  # of white: what never gets brighter is black
_STILL = 0.12  # grey levels by which small pictures differ in a film of one picture

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is seen in each second."""

    duration: float
    """seconds"""
    picture: FloatArray
    """float64 [moments, len(PICTURE)]"""
    visible: npt.NDArray[np.bool_]
    """bool [moments]: whether there is anything to judge"""
    tokens: FloatArray
    """float64 [moments, PICTURE_TOKENS]: mean and spread of the visual tokens"""
    shots: tuple[float, ...]
    """seconds at which each shot begins, the first at 0"""

    def packed(self) -> npt.NDArray[np.float32]:
        """All but the shots as one array, a row a moment."""
        return np.column_stack([self.picture, self.visible, self.tokens]).astype(np.float32)

    @classmethod
    def unpacked(
        cls, rows: npt.NDArray[np.float32], duration: float, shots: tuple[float, ...]
    ) -> Seen:
        """The reverse of `packed`."""
        count = rows.shape[1] - PICTURE_TOKENS - 1
        values = rows.astype(np.float64)
        return cls(duration, values[:, :count], rows[:, count] > 0.5, values[:, count + 1 :], shots)


def see(
    path: str | os.PathLike[str], model: PictureModel, *, progress: Progress | None = None
) -> Seen:
    """Look at a film.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no picture, a still or a black one, or less than a second of it.
    """
    path = Path(path)
    eye = _Eye(path)
    frames = iter_drafts(path, width=WIDTH, height=HEIGHT, progress=progress)
    tokens = model.visual.encode(eye.blocks(frames))
    if len(eye.finder.times) < 2:
        raise MediaError(path, "shows one picture, which does not move: there is no film to judge")
    seconds = len(tokens) / TOKEN_RATE_HZ
    if seconds < SHORTEST:
        raise MediaError(
            path, f"shows a picture for {seconds:.2f} s only: give {SHORTEST:g} s or more"
        )
    sight = eye.colours
    if float(np.percentile(sight["peak"], 99.5)) < _BLACK:
        raise MediaError(path, "shows nothing but black: there is no picture to judge")
    if float(np.percentile(sight["stir"], 99.8)) < _STILL:
        raise MediaError(path, "shows one still picture all the time: there is no film to judge")
    change = model.visual.change_probability(tokens)
    starts = tuple(eye.finder.starts(change))
    motion = model.visual.motion(tokens)
    return _moments(sight, tokens.values, motion, change, starts, eye.smiles)


def seen_of(frames: Pixels, model: PictureModel, shots: tuple[float, ...] | None = None) -> Seen:
    """What is seen in small pictures at 25 Hz, uint8 [time, 36, 64, 3]; nobody looks for faces."""
    finder = ShotFinder(Fraction(TOKEN_RATE_HZ))
    for n, frame in enumerate(frames):
        finder.add(n / TOKEN_RATE_HZ, frame)
    tokens = model.visual.encode(frames)
    change = model.visual.change_probability(tokens)
    starts = tuple(finder.starts(change)) if shots is None else shots
    sight = colours(frames, None)
    return _moments(sight, tokens.values, model.visual.motion(tokens), change, starts, Smiles(None))


@dataclass(slots=True, eq=False)
class _Eye:
    """Sees every picture once, and remembers what is to be known of it."""

    path: Path
    parts: list[dict[str, ColourArray]] = field(default_factory=list)
    smiles: Smiles = field(init=False)
    finder: ShotFinder = field(init=False)
    step: float = field(init=False)

    def __post_init__(self) -> None:
        shown = probe_video(self.path)
        self.finder, self.step = ShotFinder(shown.frame_rate), float(1 / shown.frame_rate)
        self.smiles = Smiles(FaceDetector())

    @property
    def colours(self) -> dict[str, ColourArray]:
        names = self.parts[0]
        return {name: np.concatenate([part[name] for part in self.parts]) for name in names}

    def blocks(self, frames: Iterator[Frame]) -> Iterator[Pixels]:
        """The small pictures on display at each `k / 25` s, in blocks."""
        held: list[Pixels] = []
        before: Pixels | None = None
        shown: tuple[float, Pixels] | None = None
        made = 0
        for time, small in self._small(frames):
            if shown is not None:
                held += [shown[1]] * max(0, tokens_before(time) - made - len(held))
            shown = time, small
            while len(held) >= BLOCK:
                block = np.stack(held[:BLOCK])
                del held[:BLOCK]
                made += BLOCK
                self.parts.append(colours(block, before))
                before = block[-1]
                yield block
        if shown is not None:
            left = max(1, tokens_before(shown[0] + self.step) - made - len(held))
            held += [shown[1]] * left
            block = np.stack(held)
            self.parts.append(colours(block, before))
            yield block

    def _small(self, frames: Iterator[Frame]) -> Iterator[tuple[float, Pixels]]:
        for frame in frames:
            small = shrunk(frame.pixels, FRAME_WIDTH, FRAME_HEIGHT)
            self.finder.add(frame.time, small)
            self.smiles.look(frame.time, frame.pixels)
            yield frame.time, small


def _moments(
    sight: dict[str, ColourArray],
    tokens: npt.NDArray[np.float32],
    motion: npt.NDArray[np.float32],
    change: npt.NDArray[np.float32],
    starts: tuple[float, ...],
    smiles: Smiles,
) -> Seen:
    duration = len(tokens) / TOKEN_RATE_HZ
    count = max(1, int(np.ceil(duration - 0.25)))
    changes = np.array(starts[1:])
    # At a change of shot everything differs, which is no stir.
    calm = np.convolve(change, np.ones(3), mode="same") < 0.3
    picture, pooled = np.zeros((count, len(PICTURE))), np.zeros((count, PICTURE_TOKENS))
    visible = np.zeros(count, bool)
    for k in range(count):
        window = _slice(k + 0.5, REACH, len(tokens))
        own = _slice(k + 0.5, 0.5, len(tokens))
        visible[k] = bool(sight["peak"][own].max() >= _BLACK)
        still = calm[window] if calm[window].any() else np.ones_like(calm[window])
        span = min(duration, k + 0.5 + CUTTING_REACH) - max(0.0, k + 0.5 - CUTTING_REACH)
        cuts = int((np.abs(changes - (k + 0.5)) <= CUTTING_REACH).sum())
        picture[k] = [
            sight["brightness"][window].mean(),
            sight["saturation"][window].mean(),
            sight["hue"][window].mean(),
            sight["contrast"][window].mean(),
            np.log(_GRAIN_MOTION + motion[window][still].mean()),
            np.log(_GRAIN_STIR + sight["stir"][window][still].mean()),
            np.log2(1 + 60 * cuts / max(span, 4.0)),
            smiles.near(k + 0.5),
        ]
        part = tokens[own]
        pooled[k] = np.concatenate([part.mean(axis=0), part.std(axis=0)])
    return Seen(duration, picture, visible, pooled, (0.0, *starts[1:]))


def _slice(at: float, reach: float, length: int) -> slice:
    start = min(max(0, round((at - reach) * TOKEN_RATE_HZ)), length - 1)
    return slice(start, max(start + 1, min(length, round((at + reach) * TOKEN_RATE_HZ))))
