"""What was heard and seen of a file, from the cache where it was heard and seen before.

So a picture is decoded once for any number of songs that are tried on it, today and tomorrow. A
first run is rounded as the cache rounds, and comes out as every later one does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel
from avsync.cache import TokenCache
from avsync.clips.digits import PLACES, digits_of, seconds_of
from avsync.media import choose_audio_track, probe, probe_video
from avsync.progress import Progress
from avsync.tokens import TokenSequence
from avsync.tone.hearing import Ears, Heard, hear
from avsync.tone.seeing import Seen, see

__all__ = ["heard_of", "seen_of_film"]

VERSION = 2  # of what is stored; goes up when a measure comes, goes or changes
_MOMENT_HZ = 1.0

FloatArray = npt.NDArray[np.float32]


def heard_of(
    path: str | os.PathLike[str],
    ears: Ears,
    *,
    audio_track: int | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Heard:
    """As `hear`, of a file."""
    path = Path(path)
    shelf = None
    if cache is not None:
        track = choose_audio_track(probe(path), audio_track).index
        shelf = _Shelf(cache, path, track, f"heard {VERSION} {ears.version}")
        stored = shelf.load()
        if stored is not None:
            return Heard.unpacked(stored.rows, float(stored.times[0]))
    heard = hear(path, ears, audio_track=audio_track, progress=progress)
    kept = _Stored(heard.packed(), np.array([heard.duration])).rounded()
    if shelf is not None:
        shelf.keep(kept)
    return Heard.unpacked(kept.rows, float(kept.times[0]))


def seen_of_film(
    path: str | os.PathLike[str],
    model: PictureModel,
    *,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Seen:
    """As `see`."""
    path = Path(path)
    shelf = None
    if cache is not None:
        shown = probe_video(path)
        shelf = _Shelf(cache, path, shown.track, f"seen {VERSION} {model.version}")
        stored = shelf.load()
        if stored is not None:
            return _seen(stored)
    seen = see(path, model, progress=progress)
    kept = _Stored(seen.packed(), np.array([seen.duration, *seen.shots])).rounded()
    if shelf is not None:
        shelf.keep(kept)
    return _seen(kept)


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """A row a moment, and times: how long it lasts, then where shots begin."""

    rows: FloatArray
    times: npt.NDArray[np.float64]

    def rounded(self) -> _Stored:
        """As the cache gives it back."""
        rows = self.rows.astype(np.float16).astype(np.float32)
        return _Stored(rows, seconds_of(digits_of(self.times)))


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What the cache knows of one track of a file."""

    cache: TokenCache
    path: Path
    track: int
    version: str

    def load(self) -> _Stored | None:
        rows, times = (self.cache.load(self._key(name)) for name in ("rows", "times"))
        if rows is None or times is None or times.dim != len(PLACES):
            return None
        return _Stored(rows.values, seconds_of(times.values))

    def keep(self, stored: _Stored) -> None:
        self.cache.store(self._key("rows"), TokenSequence(stored.rows, _MOMENT_HZ))
        self.cache.store(self._key("times"), TokenSequence(digits_of(stored.times), _MOMENT_HZ))

    def _key(self, name: str) -> str:
        version = f"tone {self.version} {name}"
        return self.cache.key(self.path, track=self.track, model_version=version)


def _seen(stored: _Stored) -> Seen:
    return Seen.unpacked(stored.rows, float(stored.times[0]), tuple(stored.times[1:].tolist()))
