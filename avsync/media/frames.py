"""A film's picture: how it is shown, and its frames as RGB arrays on the film's clock."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from avsync.errors import MediaError
from avsync.media.container import film_length, film_start
from avsync.media.pictures import (
    EPSILON,
    Orientation,
    Picture,
    Pictures,
    shown_size,
)
from avsync.media.rates import rate_of
from avsync.progress import Progress

PixelArray = npt.NDArray[np.uint8]

_WIDE_COLOUR_HEIGHT = 720  # pictures that do not say are BT.709 from this height on


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """How a film's picture is shown."""

    track: int
    """FFmpeg's stream index in the container"""
    size: tuple[int, int]
    """(width, height) in square pixels, turned as the container says"""
    frame_rate: Fraction
    """frames a second on average; the exact standard rate if it is one but for rounding"""
    variable: bool
    """whether frames are shown for different times"""
    rotation: int
    """degrees clockwise by which the stored picture is turned: 0, 90, 180 or 270"""
    duration: float | None
    """seconds on the film's clock at which the picture ends; None where the file does not say"""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """A picture and its time."""

    time: float
    """seconds on the film's clock"""
    pixels: PixelArray
    """uint8 [height, width, 3], RGB; a held picture shares it with the frame before"""

    def __repr__(self) -> str:
        return f"Frame({self.time:.3f} s, {list(self.pixels.shape)})"


def probe_video(path: str | os.PathLike[str]) -> VideoFormat:
    """How a film's picture is shown: its size, its rate, its length.

    One picture is decoded, since only that tells for sure; of the rest, times are looked at.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not media, or has no picture that can be decoded.
    """
    with Pictures(path) as pictures:
        first = next(pictures.read())
        stream = pictures.stream
        rate = rate_of(path, stream)
        return VideoFormat(
            track=stream.index,
            size=shown_size(first, stream),
            frame_rate=rate.hz,
            variable=rate.variable,
            rotation=first.orientation.rotation,
            duration=_picture_end(pictures.container, stream),
        )


def iter_frames(
    path: str | os.PathLike[str],
    *,
    width: int,
    height: int,
    start: float = 0.0,
    end: float = math.inf,
    rate_hz: Fraction | float | None = None,
    progress: Progress | None = None,
) -> Iterator[Frame]:
    """A film's pictures in [start, end), scaled and turned upright, in constant memory.

    With `rate_hz` there is one frame at each `k / rate_hz` seconds: the picture on display then
    (before the first picture, that one), up to where the picture ends. Without, there is every
    picture that begins in [start, end), at its own time. Averaging over the area that a pixel
    covers keeps fine patterns from flickering as they move.

    Args:
        path: a film.
        width, height: pixels of what is returned; `probe_video` tells the ratio as shown.
        start, end: seconds on the film's clock. What lies before is skipped by keyframes.
        rate_hz: frames a second of what is returned.
        progress: called with "watching" and the fraction of the stretch that is done.

    Raises:
        ValueError: a size or rate that is not positive.
        FileNotFoundError: there is no such file.
        MediaError: no picture can be decoded. Damaged ones are skipped.
        (All come with the first frame that is asked for.)
    """
    if width < 1 or height < 1 or (rate_hz is not None and rate_hz <= 0):
        raise ValueError(f"sizes and rates are positive; got {width} x {height}, {rate_hz} Hz")
    with Pictures(path) as pictures:
        length = film_length(pictures.container)
        stretch = min(end, length if length is not None else end) - start
        convert = Converter(width, height)
        read = pictures.read(start)
        chosen = (
            ((picture.time, picture) for picture in read)
            if rate_hz is None
            else _held(read, start, Fraction(rate_hz))
        )
        try:
            for time, picture in chosen:
                if time >= end - EPSILON:
                    break
                if time < start - EPSILON:
                    continue
                yield Frame(time, convert(picture))
                if progress is not None and 0 < stretch < math.inf:
                    progress("watching", min(1.0, max(0.0, (time - start) / stretch)))
        except av.FFmpegError as error:
            raise MediaError(path, f"its picture cannot be scaled ({error.strerror})") from error
    if progress is not None:
        progress("watching", 1.0)


class Held:
    """The picture on display at one instant after the other."""

    def __init__(self, pictures: Iterator[Picture]) -> None:
        self._pictures = pictures
        self._shown = next(pictures)
        self._following = next(pictures, None)

    def at(self, instant: float) -> Picture:
        """The picture on display at `instant` seconds, which is not before the last one asked for.

        Before the first picture that one is given, and after the last that one.
        """
        while self._following is not None and self._following.time <= instant:
            self._shown = self._following
            self._following = next(self._pictures, None)
        return self._shown

    @property
    def end(self) -> float:
        """When the last picture is over, in seconds; infinite while others follow."""
        return math.inf if self._following is not None else self._shown.end


def _held(
    pictures: Iterator[Picture], start: float, rate_hz: Fraction
) -> Iterator[tuple[float, Picture]]:
    held = Held(pictures)
    # Containers round times, by half a millisecond at most; but a frame must not fall to its
    # neighbour's instant at very high rates.
    slack = min(0.001, 0.25 / float(rate_hz))
    for index in count(math.ceil((Fraction(start) - Fraction(EPSILON)) * rate_hz)):
        instant = float(index / rate_hz)
        picture = held.at(instant + slack)
        if instant + slack >= held.end:
            return
        yield instant, picture


class Converter:
    """Turns pictures into RGB arrays of one size; a picture that was just converted is free."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._scaler = VideoReformatter()
        self._last: tuple[Picture, PixelArray] | None = None

    def __call__(self, picture: Picture) -> PixelArray:
        if self._last is None or self._last[0] is not picture:
            self._last = picture, self._convert(picture)
        return self._last[1]

    def _convert(self, picture: Picture) -> PixelArray:
        frame = picture.frame
        orientation = picture.orientation
        width, height = self._size[::-1] if orientation.transpose else self._size
        unknown = frame.colorspace not in _COLOUR_MATRICES
        high = frame.height >= _WIDE_COLOUR_HEIGHT
        default = Colorspace.ITU709 if high else Colorspace.ITU601
        scaled = self._scaler.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=default if unknown else None,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        pixels: PixelArray = scaled.to_ndarray().view(np.uint8)
        return turned(pixels, orientation)


_COLOUR_MATRICES = frozenset({1, 4, 5, 6, 7, 9, 10})  # of ITU-T H.273, that swscale knows


def turned(pixels: PixelArray, orientation: Orientation) -> PixelArray:
    """A picture [height, width, ...] as it is to be shown."""
    if orientation.transpose:
        pixels = pixels.swapaxes(0, 1)
    if orientation.mirror_x:
        pixels = pixels[:, ::-1]
    if orientation.mirror_y:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _picture_end(container: InputContainer, stream: VideoStream) -> float | None:
    start = film_start(container)
    length = film_length(container)
    ends = [] if length is None else [length]
    base = float(stream.time_base or 1)
    if stream.duration is not None:
        ends.append(((stream.start_time or 0) + stream.duration) * base - start)
    told = stream.metadata.get("DURATION", "")  # as Matroska's writers put it: 00:00:02.002000000
    parts = told.split(":")
    with suppress(ValueError):
        ends.append(
            sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
        )
    positive = [end for end in ends if end > 0]
    return min(positive) if positive else None
