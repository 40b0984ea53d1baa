"""Renders a cut list in one pass: decode, fit, mix and encode, one frame after the other."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

from avsync.atomic import atomic_path
from avsync.cutlist import CutList, Fit, Shot, SourceSound
from avsync.media.ahead import ahead
from avsync.media.pictures import Pictures, shown_size
from avsync.progress import Progress
from avsync.render.fitting import Fitter
from avsync.render.footage import Footage
from avsync.render.preview import Flashes
from avsync.render.sound import has_sound, iter_sound, samples_at
from avsync.render.writing import FORMATS, Writer

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)
"""x264's trades of time for size."""
_SIZES = range(16, 16_385)
_CRFS = range(52)
_AHEAD = 8  # frames that are decoded before they are asked for


def render(
    cuts: CutList,
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
    """Write a cut list as a film: H.264 and AAC, at the list's constant frame rate.

    One thread decodes and fits, the caller's encodes; FFmpeg lets go of Python's lock in both.
    Frame `n` of the file is frame `n` of the timeline, and the sound is cut to the sample, so a cut
    is never off by more than the half frame that its beat was from the frame. The same list gives
    the same bytes, on any machine with the same build of FFmpeg.

    Args:
        cuts: what to show when, with the music.
        path: an .mp4, .m4v, .mov or .mkv; it appears when it is whole.
        size: (width, height), even; None takes the size that most of the film has.
        fit: what is of another ratio gets black bars ("letterbox"), loses its margins ("crop") or
            lies on an enlarged, blurred copy of itself ("blur").
        source_sound: the sound of the shots: "mute", "mix" (at -6 dB under the music) or "duck"
            (as it is, and the music steps back where there is any).
        preview: a white border flashes and a beep sounds at every marker, stronger on downbeats.
        preset: x264's ("veryfast" with its search for motion cut short); a slower one makes
            a smaller file.
        crf: x264's quality, 0 (lossless) to 51; 18 is hard to tell from the source.
        progress: called with "rendering" and the fraction that is done.

    Raises:
        ValueError: no shots, another extension, or an option that is not among those above.
        FileNotFoundError, MediaError: a source or the music is missing or cannot be read.
        RenderError: a source ends before its shot does, or there is no encoder.
        OSError: the file cannot be written; it names it.
        Whatever happens, nothing half-written is left.
    """
    target = Path(path)
    _check(cuts, target, size, fit, source_sound, preset, crf)
    size = size or common_size(cuts.shots)
    sound = has_sound(cuts, source_sound, preview)
    with (
        atomic_path(target) as temporary,
        Writer(
            temporary,
            target,
            size=size,
            frame_rate=cuts.frame_rate,
            sound=sound,
            preset=preset,
            crf=crf,
        ) as writer,
    ):
        frames = Footage(cuts, Fitter(size, fit)).frames()
        blocks = iter_sound(cuts, source_sound, preview=preview)
        flashes = Flashes(cuts.markers if preview else (), cuts.frame_rate, size)
        with closing(blocks), closing(frames), closing(ahead(frames, _AHEAD)) as pictures:
            report = _Report(progress, cuts.frames)
            heard = 0
            for n, frame in enumerate(pictures):
                writer.show(flashes(frame, n))
                while heard < samples_at(n + 1, cuts.frame_rate):
                    block = next(blocks, None)
                    if block is None:
                        break
                    writer.sound(block)
                    heard += block.shape[1]
                report(n + 1)


def common_size(shots: Sequence[Shot]) -> tuple[int, int]:
    """The size, as shown, that most of the film has; of several the largest. Even, rounded down.

    Raises:
        FileNotFoundError, MediaError: a source is missing or has no picture.
    """
    frames = Counter[Path]()
    for shot in shots:
        frames[shot.source] += shot.frames
    sizes = Counter[tuple[int, int]]()
    for source, count in frames.items():
        with Pictures(source) as pictures:
            width, height = shown_size(next(pictures.read()), pictures.stream)
        sizes[max(16, width // 2 * 2), max(16, height // 2 * 2)] += count
    return max(sizes, key=lambda size: (sizes[size], size[0] * size[1], size))


def _check(
    cuts: CutList,
    target: Path,
    size: tuple[int, int] | None,
    fit: Fit,
    source_sound: SourceSound,
    preset: str,
    crf: int,
) -> None:
    if target.suffix.lower() not in FORMATS:
        known = " ".join(sorted(FORMATS))
        raise ValueError(f"{target}: a film's extension is one of {known}")
    if not cuts.shots:
        raise ValueError("there is nothing to render: the cut list has no shots")
    for name, value, known_values in (
        ("fit", fit, get_args(Fit)),
        ("source_sound", source_sound, get_args(SourceSound)),
        ("preset", preset, PRESETS),
    ):
        if value not in known_values:
            raise ValueError(f"{name} is one of {', '.join(known_values)}; got {value!r}")
    if crf not in _CRFS:
        raise ValueError(f"crf is a whole number from 0 to 51; got {crf}")
    if size is not None and not all(length in _SIZES and length % 2 == 0 for length in size):
        raise ValueError(f"width and height are even, 16 to 16384; got {size[0]} x {size[1]}")
    needed = {shot.source for shot in cuts.shots}
    if cuts.music is not None:
        needed.add(cuts.music.path)
    for path in sorted(needed):
        path.stat()  # says what is missing before anything is done
        if target.exists() and target.samefile(path):
            raise ValueError(f"{target}: is what the film is made of; write to another file")


class _Report:
    """Tells how far the rendering is, in steps that are worth telling."""

    _STEP = 0.005

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._told = 0.0

    def __call__(self, done: int) -> None:
        fraction = done / self._total
        if self._progress is not None and (fraction >= self._told + self._STEP or fraction == 1):
            self._told = fraction
            self._progress("rendering", fraction)
