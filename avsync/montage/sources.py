"""From what was given as clips to `Clip` values; and the frame rate that suits most of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.clips.clip import Clip
from avsync.errors import MediaError
from avsync.montage.result import Skipped
from avsync.progress import Progress
from avsync.timemap import FRAME_RATES

if TYPE_CHECKING:
    from avsync.aligner.picture import PictureModel
    from avsync.cache import TokenCache

ClipSource = Clip | str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Sources:
    """The clips that can be used, in the order given, and those that cannot."""

    clips: tuple[Clip, ...]
    skipped: tuple[Skipped, ...]


def read_clips(
    given: Sequence[ClipSource],
    *,
    faces: bool = False,
    model: PictureModel | None,
    cache: TokenCache | None,
    strict: bool,
    progress: Progress | None,
) -> Sources:
    """Analyse those that are paths, with a look for `faces`. A file that comes twice counts once.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError, OSError: `strict`, and a clip cannot be read or has no picture.
    """
    clips: list[Clip] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for number, source in enumerate(given):
        path = Path(source.path if isinstance(source, Clip) else source)
        real = os.path.realpath(path)
        if real in seen:
            skipped.append(Skipped(path, "is given twice, and counts once"))
            continue
        seen.add(real)
        if isinstance(source, Clip):
            clips.append(source)
            continue
        try:
            clips.append(_analyse(path, faces, model, cache, number, len(given), progress))
        except FileNotFoundError:  # a name with a slip in it, and not a clip that is broken
            raise
        except OSError as error:  # MediaError is one
            if strict:
                raise
            reason = error.reason if isinstance(error, MediaError) else error.strerror
            skipped.append(Skipped(path, reason or str(error)))
    return Sources(tuple(clips), tuple(skipped))


def _analyse(
    path: Path,
    faces: bool,
    model: PictureModel | None,
    cache: TokenCache | None,
    number: int,
    count: int,
    progress: Progress | None,
) -> Clip:
    from avsync.clips import analyse_clip

    def part(stage: str, fraction: float, /) -> None:
        if progress is not None:
            progress("watching clips", (number + fraction) / count)

    return analyse_clip(path, faces=faces, model=model, cache=cache, progress=part)


def timeline_rate(clips: Sequence[Clip]) -> Fraction:
    """The frame rate of most clips, the first of two as common; the standard one next to it.

    A file whose frames come at varying times has an odd rate on average, which no editing program
    would take for a timeline.
    """
    rates = Counter(
        min(FRAME_RATES, key=lambda standard: abs(standard - clip.frame_rate)) for clip in clips
    )
    return rates.most_common(1)[0][0]
