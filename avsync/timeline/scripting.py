"""A cut list as a moviepy clip, for scripts that go on editing it.

Not moviepy's own concatenation: it adds up lengths as floats, so that a cut may come a frame late,
and it keeps a decoder running for each of the clips. Here every frame is looked up by its number.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from moviepy import AudioFileClip, VideoClip, VideoFileClip

from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.media.frames import VideoFormat, probe_video

PixelArray = npt.NDArray[np.uint8]

_OPEN_AT_ONCE = 8  # decoders; each is a process


class Montage(VideoClip):  # type: ignore[misc]
    """The picture of a cut list, letterboxed into the size that most of its shots have.

    A source is opened when it is first shown; of more than eight, the one not shown for longest is
    closed again. `close` closes them all.
    """

    def __init__(self, cuts: CutList, formats: dict[Path, VideoFormat]) -> None:
        self._cuts = cuts
        self._starts = cuts.starts
        self._sources = _Sources(formats, _common_size(cuts, formats))
        super().__init__(self._frame, duration=_duration(cuts))
        self.fps = float(cuts.frame_rate)

    def close(self) -> None:
        """Close every source, and the music."""
        self._sources.close()
        if self.audio is not None:
            self.audio.close()

    def _frame(self, t: float) -> PixelArray:
        # A time that stands for a frame may be a float's error before it.
        at = math.floor(t * self._cuts.frame_rate + 1e-4)
        frame = min(max(at, 0), self._cuts.frames - 1)
        index = bisect_right(self._starts, frame) - 1
        for incoming in (index + 1, index):  # a dissolve begins before its cut
            if not 0 < incoming < len(self._starts):
                continue
            shot = self._cuts.shots[incoming]
            step = frame - (self._starts[incoming] - shot.lead_frames)
            if 0 <= step < shot.dissolve_frames:
                weight = (step + 1) / (shot.dissolve_frames + 1)
                before = self._picture(incoming - 1, frame).astype(np.float32)
                after = self._picture(incoming, frame)
                return np.rint(before + weight * (after - before)).astype(np.uint8)
        return self._picture(index, frame)

    def _picture(self, index: int, frame: int) -> PixelArray:
        shot = self._cuts.shots[index]
        inside = shot.source_frame + frame - self._starts[index]
        # The middle of a frame of the timeline, where no rounding can lead to another picture.
        return self._sources.picture(shot, float((inside + Fraction(1, 2)) / self._cuts.frame_rate))


class _Sources:
    """Open files, the last shown last."""

    def __init__(self, formats: dict[Path, VideoFormat], size: tuple[int, int]) -> None:
        self._formats, self._size = formats, size
        self._open: OrderedDict[Path, Any] = OrderedDict()

    def picture(self, shot: Shot, seconds: float) -> PixelArray:
        """What a source shows at a time, within the common size."""
        clip = self._open.pop(shot.source, None) or self._opened(shot.source)
        self._open[shot.source] = clip
        while len(self._open) > _OPEN_AT_ONCE:
            self._open.popitem(last=False)[1].close()
        pixels: PixelArray = clip.get_frame(seconds)
        height, width = pixels.shape[:2]
        across, down = self._size
        if (width, height) == self._size:
            return pixels
        canvas = np.zeros((down, across, 3), np.uint8)
        top, left = (down - height) // 2, (across - width) // 2
        canvas[top : top + height, left : left + width] = pixels
        return canvas

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _opened(self, path: Path) -> Any:
        form = self._formats[path]
        width, height = form.size
        scale = min(self._size[0] / width, self._size[1] / height)
        fitted = max(1, round(width * scale)), max(1, round(height * scale))
        clip = VideoFileClip(os.fspath(path), audio=False, target_resolution=fitted)
        # moviepy has it from a printed "59.94", with which it seeks a frame off after 20 s.
        clip.reader.fps = clip.fps = float(form.frame_rate)
        return clip


def to_moviepy(cuts: CutList) -> Any:
    """A moviepy clip of a cut list: its picture with dissolves, its music with fades.

    Frame `n` is at `n / frame_rate` seconds, as `write_videofile` asks for it. Of sources with a
    variable frame rate moviepy knows the average only, so their pictures may be some frames off;
    `avsync.render` shows them at their times. Close the clip when done with it.

    Raises:
        ValueError: there are no shots.
        FileNotFoundError: a source is missing.
        MediaError: a source has no picture that can be read.
    """
    if not cuts.shots:
        raise ValueError("a cut list without shots is no clip: plan at least one")
    sources = dict.fromkeys(shot.source for shot in cuts.shots)
    montage = Montage(cuts, {path: probe_video(path) for path in sources})
    if cuts.music is not None:
        try:
            montage.audio = _music(cuts.music, cuts.duration)
        except BaseException:
            montage.close()
            raise
    return montage


def _duration(cuts: CutList) -> float:
    """Seconds, of which moviepy makes as many frames as there are: it rounds down."""
    duration, rate = cuts.duration, float(cuts.frame_rate)
    while int(duration * rate) < cuts.frames:
        duration = math.nextafter(duration, math.inf)
    return duration


def _common_size(cuts: CutList, formats: dict[Path, VideoFormat]) -> tuple[int, int]:
    """The size that is shown most often, the first of equals; even, as encoders want it."""
    sizes = [formats[shot.source].size for shot in cuts.shots]
    width, height = max(sizes, key=sizes.count)
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def _music(music: Soundtrack, duration: float) -> Any:
    clip = AudioFileClip(os.fspath(music.path))
    if music.start >= clip.duration:
        clip.close()
        return None
    end = min(clip.duration, music.start + duration)

    def faded(get_frame: Any, t: Any) -> Any:
        loudness = np.ones_like(t, dtype=np.float64)
        if music.fade_in > 0:
            loudness *= np.clip(np.asarray(t) / music.fade_in, 0, 1)
        if music.fade_out > 0:
            loudness *= np.clip((duration - np.asarray(t)) / music.fade_out, 0, 1)
        return get_frame(t) * loudness[..., None]

    sound = clip.subclipped(music.start, end).transform(faded)
    sound.close = clip.close  # moviepy closes a file only by the clip that opened it
    return sound
