"""The pictures of a film's video track, decoded from any instant on, on the film's clock.

A picture's time is what its container says of it, as long as that goes forward and stays within the
film; else pictures follow each other at the track's rate. Seeking is to the keyframe before, and is
never believed: if what comes first lies after the instant asked for (a wrong or missing index, an
open group of pictures), the search goes further back, in the end to the beginning of the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import chain, islice
from typing import Any, NamedTuple, Self

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avsync.errors import MediaError
from avsync.media.container import film_length, film_start, keep_only, open_container

LONGEST_FILM = 24 * 3600.0
"""Timestamps beyond this many seconds are taken for garbage."""
EPSILON = 1e-6
"""Seconds; floating point and the microseconds of a container's start are no more exact."""
_BACK = (0.0, 3.0, 20.0)  # seconds before an instant to look for a keyframe, one after the other
_NEAR = 4  # usual pictures before an instant from which on every one is decoded
_NO_TIMESTAMPS = 0x80  # FFmpeg's flag of formats that are a bare stream
_TINY = 16  # pixels
_LOOKED_AT = 60  # packets that tell how regular a track is
_UNREADABLE = 100  # failures in a row after which a file counts as broken off
_USUAL_RATE = Fraction(25)
_STILLS = Disposition.still_image | Disposition.timed_thumbnails


class Orientation(NamedTuple):
    """How a decoded picture is turned to be shown: transposed first, then mirrored."""

    transpose: bool = False
    """rows become columns"""
    mirror_x: bool = False
    """left and right change places"""
    mirror_y: bool = False
    """top and bottom change places"""

    @property
    def rotation(self) -> int:
        """Degrees clockwise, a multiple of 90 (of a mirrored picture, those before mirroring)."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_y else 0


class Picture(NamedTuple):
    """A decoded picture as its track has it: not yet turned, not yet stretched."""

    time: float
    """seconds on the film's clock"""
    seconds: float
    """how long it is meant to be shown, as far as that is known"""
    frame: VideoFrame
    orientation: Orientation = Orientation()
    """how it is to be turned"""

    @property
    def end(self) -> float:
        """When it is over, if nothing follows: seconds on the film's clock."""
        return self.time + self.seconds


class Pictures:
    """An open video track, to be used in a `with` block and read by one reader at a time.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not media, or has no picture.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._stack = ExitStack()
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the decoder and the file."""
        self._stack.close()

    def _open(self) -> None:
        self._stack.close()
        self.container = self._stack.enter_context(open_container(self.path))
        try:
            self.stream = choose_video_stream(self.container, self.path)
        except MediaError:
            self.close()
            raise
        self.stream.thread_type = ThreadType.AUTO
        keep_only(self.container, self.stream)
        self._unread = True

    def read(self, start: float = 0.0) -> Iterator[Picture]:
        """The picture on display at `start` seconds (else the first after), and all that follow.

        Raises:
            MediaError: nothing can be decoded.
        """
        following: Iterator[Picture] = iter(())
        shown: list[Picture] = []
        near = start - _NEAR / float(usual_rate(self.stream))
        for origin, thinned in self._ways(start):
            if not self._go(origin):
                continue
            dense_from = near if thinned else -math.inf
            following = self._decode(origin is not None, dense_from)
            shown = _up_to(following, start)
            first = shown[0].time if shown else math.inf
            # Of what was thinned out, only what is close to the instant is surely on display at it.
            if dense_from <= first <= start + EPSILON:
                break
        if not shown:
            raise MediaError(
                self.path, "nothing of its picture can be decoded: get the file again, or leave it"
            )
        return chain(shown, following)

    def times(self, start: float) -> list[int]:
        """When the next pictures after about `start` are shown, in ticks, none of them left out.

        Packets are read but not decoded; this is no way to begin a `read`.
        """
        if not self._go(start or None):
            return []
        packets = list(islice(_demux(self.container, self.stream), _LOOKED_AT))
        # What is shown before the first keyframe may lie before it in the file too, and what is
        # shown after the last packet's time of decoding may come after it.
        keys = [p.pts for p in packets if p.is_keyframe and p.pts is not None]
        decoded = [p.dts for p in packets if p.dts is not None]
        earliest = keys[0] if keys else math.inf
        latest = decoded[-1] if decoded and len(packets) == _LOOKED_AT else math.inf
        return [p.pts for p in packets if p.pts is not None and earliest <= p.pts <= latest]

    def _ways(self, start: float) -> Iterator[tuple[float | None, bool]]:
        """From where to decode, and whether pictures that no other needs may be left out."""
        # A bare stream has no times: after a seek nobody knows where it is.
        if start > 0 and not self.container.format.flags & _NO_TIMESTAMPS:
            yield start, True
            yield from ((start - back, False) for back in _BACK if start > back)
        yield None, False

    def _go(self, origin: float | None) -> bool:
        """Move to the keyframe before an instant, or to the beginning; whether that went well."""
        if origin is None:
            if not self._unread:
                self._open()
            self._unread = False
            return True
        self._unread = False
        target = (origin + film_start(self.container)) / (self.stream.time_base or 1)
        try:
            self.container.seek(math.floor(target), stream=self.stream)
        except av.FFmpegError:
            return False
        return True

    def _decode(self, after_seek: bool, dense_from: float) -> Iterator[Picture]:
        stream, clock = self.stream, _Clock(self.container, self.stream)
        context = stream.codec_context
        # A program stream tells times once a block, and picks them up wrongly within one.
        sparse = self.container.format.name == "mpeg"
        # What is shown before the first keyframe may need pictures from before it.
        earliest = None if after_seek else -math.inf
        context.skip_frame, thinned = "DEFAULT", False
        for packet in _demux(self.container, stream):
            at = clock.of_packet(packet)
            if earliest is None:
                if not packet.is_keyframe or (packet.pos is None and sparse):
                    continue
                earliest = -math.inf if at is None else at - EPSILON
            thin = at is not None and at < dense_from
            if thin != thinned:
                context.skip_frame = "NONREF" if thin else "DEFAULT"
                thinned = thin
            try:
                frames = stream.decode(packet)
            except av.FFmpegError:
                continue  # damaged
            for frame in frames:
                picture = clock.picture(frame)
                if picture.time >= earliest:
                    yield picture


class _Clock:
    """Places pictures on the film's clock."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        length = film_length(container)
        # A container's length may be an estimate, but not one that is off by this much.
        self._latest = min(LONGEST_FILM, math.inf if length is None else 1.1 * length + 60)
        self._start = film_start(container)
        self._second = float(stream.time_base or 1)
        self._step = float(1 / usual_rate(stream))
        # AVI knows no order of display; its pictures are shown when the decoder lets them go.
        self._by_order = container.format.name == "avi"
        self._last: float | None = None
        self._rotation: int | None = None
        self._orientation = Orientation()

    def of_packet(self, packet: Packet[VideoStream]) -> float | None:
        """When a packet's picture is shown, in seconds."""
        ticks = packet.dts if self._by_order else packet.pts
        return None if ticks is None else ticks * self._second - self._start

    def picture(self, frame: VideoFrame) -> Picture:
        ticks = frame.dts if self._by_order or frame.pts is None else frame.pts
        time = math.inf if ticks is None else ticks * self._second - self._start
        seconds = frame.duration * self._second or self._step
        if self._last is None:
            time = 0.0 if time > self._latest else time
        elif not self._last < time <= self._latest:
            time = self._last + seconds
        self._last = time
        if frame.rotation != self._rotation:  # a stream's pictures are turned alike, as a rule
            self._rotation, self._orientation = frame.rotation, orientation_of(frame)
        return Picture(time, seconds, frame, self._orientation)


def usual_rate(stream: VideoStream) -> Fraction:
    """Frames a second, as FFmpeg guesses from the head of the file."""
    rate = stream.guessed_rate or stream.average_rate or _USUAL_RATE
    return Fraction(rate.numerator, rate.denominator)


def _up_to(pictures: Iterator[Picture], instant: float) -> list[Picture]:
    """The last picture that begins by an instant, if any, and the first after it, if any."""
    shown: list[Picture] = []
    for picture in pictures:
        if picture.time > instant + EPSILON:
            return [*shown, picture]
        shown = [picture]
    return shown


def _demux(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    failures = 0
    while failures < _UNREADABLE:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except av.FFmpegError:  # damage; many formats find their way again after it
            failures += 1
        except IndexError:  # how PyAV 18 ends a file in which further streams came to light
            return


def choose_video_stream(container: InputContainer, path: str | os.PathLike[str]) -> VideoStream:
    """The video track that a player would show: a moving one, the default one, the largest.

    Raises:
        MediaError: there is none (cover art is none), or none that can be decoded.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = ", ".join(stream.type for stream in container.streams) or "none at all"
        raise MediaError(path, f"has no picture (its tracks: {kinds}): give a film or a clip")
    known = [s for s in streams if s.codec_context is not None and s.width and s.height]
    if not known:
        raise MediaError(path, "has a picture for which there is no decoder: convert it to H.264")
    return min(
        known,
        key=lambda s: (
            bool(s.disposition & _STILLS) or s.frames == 1,
            not s.disposition & Disposition.default,
            -s.width * s.height,
            s.index,
        ),
    )


def orientation_of(frame: VideoFrame) -> Orientation:
    """How the container says that a picture is to be turned, to the nearest quarter."""
    # A frame that was asked for its side data is freed by the garbage collector alone, which comes
    # long after hundreds of megabytes of them: so a copy of a few pixels is asked.
    small = frame
    with suppress(av.FFmpegError, ValueError):  # a format that cannot be scaled
        small = frame.reformat(_TINY, _TINY, "gray")
    sides: Any = small.side_data  # PyAV's annotation knows only a few of its keys
    matrix = sides.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    # (x, y) is shown at (a x + c y, b x + d y); ISO/IEC 14496-12, 8.3.2.
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(float)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, bool(a < 0), bool(d < 0))
    return Orientation(True, bool(c < 0), bool(b < 0))


def pixel_aspect(frame: VideoFrame, stream: VideoStream) -> Fraction:
    """How much wider than high a picture's pixels are shown; nonsense counts as square."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    aspect = Fraction(aspect.numerator, aspect.denominator)
    return aspect if Fraction(1, 8) <= aspect <= 8 else Fraction(1)


def shown_size(picture: Picture, stream: VideoStream) -> tuple[int, int]:
    """Width and height as shown: with square pixels, never fewer than there are, and turned."""
    width, height = picture.frame.width, picture.frame.height
    aspect = pixel_aspect(picture.frame, stream)
    if aspect > 1:
        width = round(width * aspect)
    else:
        height = round(height / aspect)
    return (height, width) if picture.orientation.transpose else (width, height)
