"""The picture of the film: for each frame of the timeline, what its shots show, dissolved.

Frame `n` shows, of a shot that starts at frame `s`, the picture on display in its source at
`(source_frame + n - s) / frame_rate` seconds; see `slack` for what rounding asks for. A source is
open only while one of its shots is on screen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from avsync.cutlist import CutList, Shot
from avsync.errors import RenderError
from avsync.media.frames import Held
from avsync.media.pictures import Picture, Pictures, pixel_aspect, usual_rate
from avsync.render.fitting import Fitter

HELD_SECONDS = 0.15
"""A source that ends so much too early is held on its last picture: containers round."""
_SMALL = 12  # denominators that two frame rates in use have to each other


class Footage:
    """Yields the frames of a cut list's picture, one after the other."""

    def __init__(self, cuts: CutList, fitter: Fitter) -> None:
        self._cuts = cuts
        self._fitter = fitter
        self._sources = _Sources()

    def frames(self) -> Generator[VideoFrame]:
        """One frame for each of the timeline's; a held one may come twice.

        Raises:
            FileNotFoundError, MediaError: a source is missing, or none of it can be shown.
            RenderError: a source ends before its shot does.
        """
        shown: list[_Shown] = []
        waiting = self._windows()
        following = next(waiting, None)
        try:
            for n in range(self._cuts.frames):
                self._leave(shown, n)
                while following is not None and following.first <= n:
                    if following.alone <= n:  # its source may be that of the shot before
                        self._release(shown)
                    shown.append(self._open(following))
                    following = next(waiting, None)
                frame = shown[0].frame(n)
                for over in shown[1:]:
                    frame = blend(frame, over.frame(n), over.window.share(n))
                yield frame
        finally:
            for each in shown:
                each.pictures.close()
            self._sources.close()

    def _leave(self, shown: list[_Shown], n: int) -> None:
        """Close what later shots cover wholly from frame `n` on."""
        covering = [place for place, each in enumerate(shown) if each.window.alone <= n]
        if covering:
            self._release(shown, covering[-1])

    def _release(self, shown: list[_Shown], count: int | None = None) -> None:
        for each in shown[:count]:
            self._sources.release(each.pictures)
        del shown[:count]

    def _windows(self) -> Iterator[Window]:
        for number, (start, shot) in enumerate(
            zip(self._cuts.starts, self._cuts.shots, strict=True)
        ):
            yield Window(number, shot, start, self._cuts.frame_rate)

    def _open(self, window: Window) -> _Shown:
        pictures = self._sources.open(window.shot.source)
        try:
            return _Shown(window, pictures, self._fitter)
        except BaseException:
            pictures.close()
            raise


class Window:
    """Where a shot is on the timeline, its dissolve included."""

    def __init__(self, number: int, shot: Shot, start: int, rate: Fraction) -> None:
        self.number = number
        self.shot = shot
        self.start = start
        self.rate = rate
        self.first = max(0, start - shot.lead_frames)
        """the first frame in which it is seen"""
        self.alone = start - shot.lead_frames + shot.dissolve_frames
        """the first frame in which nothing before it is seen any more"""

    def share(self, n: int) -> Fraction:
        """How much of it is seen in frame `n`, 0 to 1: in even steps over the dissolve."""
        done = n - (self.start - self.shot.lead_frames) + 1
        return min(Fraction(1), Fraction(done, self.shot.dissolve_frames + 1))

    def source_time(self, n: int) -> Fraction:
        """The instant of the source that frame `n` shows, in seconds; never before its start."""
        return max(0, self.shot.source_frame + n - self.start) / self.rate

    def owns(self, n: int) -> bool:
        """Whether frame `n` is of the shot itself, not of a dissolve into the next."""
        return n < self.start + self.shot.frames


class _Shown:
    """A shot on screen."""

    def __init__(self, window: Window, pictures: Pictures, fitter: Fitter) -> None:
        self.window = window
        self.pictures = pictures
        self._fitter = fitter
        self._slack = slack(window.rate, usual_rate(pictures.stream))
        self._held = Held(pictures.read(self._instant(window.first)))
        self._last: tuple[Picture, VideoFrame] | None = None

    def _instant(self, n: int) -> float:
        return float(self.window.source_time(n) + self._slack)

    def frame(self, n: int) -> VideoFrame:
        instant = self._instant(n)
        picture = self._held.at(instant)
        if self.window.owns(n) and instant > self._held.end + HELD_SECONDS:
            raise self._too_short()
        if self._last is None or self._last[0] is not picture:
            self._last = picture, self._fit(picture)
        return self._last[1]

    def _fit(self, picture: Picture) -> VideoFrame:
        try:
            aspect = pixel_aspect(picture.frame, self.pictures.stream)
            return self._fitter(picture.frame, aspect, picture.orientation)
        except av.FFmpegError as error:
            path, reason = self.window.shot.source, error.strerror or str(error)
            raise RenderError(path, f"cannot be fitted ({reason}): convert it to H.264") from error

    def _too_short(self) -> RenderError:
        shot, rate, end = self.window.shot, self.window.rate, self._held.end
        until = (shot.source_frame + shot.frames) / rate
        missing = round((until - Fraction(end)) * rate)
        return RenderError(
            shot.source,
            f"its picture ends at {end:.2f} s, but shot {self.window.number + 1} shows it from "
            f"{float(shot.source_frame / rate):.2f} to {float(until):.2f} s: {missing} frames are "
            "missing; begin that shot earlier in its source or make it shorter",
        )


def slack(timeline: Fraction, source: Fraction) -> Fraction:
    """Seconds after a timeline's frame begins to look at which picture its source shows.

    Containers round times, so a picture may seem to begin a little after the frame that is to show
    it. Where the rates are as p to q, frames begin at multiples of 1/q of a source's picture, so
    half of that is as far from every change of picture as can be: half a frame at equal rates or
    at twice the rate, a quarter at 60 to 24. Never more than half a frame of the timeline.
    """
    ratio = source / timeline
    near = ratio.limit_denominator(_SMALL)
    parts = near.denominator if abs(near - ratio) < ratio / 10_000 else 1
    return min(1 / (2 * parts * source), 1 / (2 * timeline))


class _Sources:
    """Opens sources, and keeps the one that was needed last for the next shot."""

    def __init__(self) -> None:
        self._spare: Pictures | None = None

    def open(self, path: Path) -> Pictures:
        spare, self._spare = self._spare, None
        if spare is not None and spare.path == path:
            return spare
        if spare is not None:
            spare.close()
        return Pictures(path)

    def release(self, pictures: Pictures) -> None:
        self.close()
        self._spare = pictures

    def close(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None


def blend(under: VideoFrame, over: VideoFrame, share: Fraction) -> VideoFrame:
    """`share` of one frame over the rest of another, both yuv420p of one size."""
    if share == 1:
        return over
    weight = round(share * 256)
    planes = under.to_ndarray().astype(np.uint16), over.to_ndarray()
    mixed = (
        planes[0] * np.uint16(256 - weight) + planes[1] * np.uint16(weight) + np.uint16(128)
    ) >> 8
    return VideoFrame.from_ndarray(mixed.astype(np.uint8), format="yuv420p")
