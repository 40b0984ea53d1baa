"""Decoded sound with its place in time: stretches of up to 10 s, on the film's clock.

A container's timestamps are the truth about time, but a noisy one: they are rounded, they jitter,
single ones are garbage, and recordings lose packets or start their clock anew. A decoder's samples
follow each other exactly. So samples are laid end to end while timestamps agree with that within
`GAP`, a mean disagreement over a second is corrected after it (packets were lost, or the sound
card's clock was off), and a jump is believed only when the next frame confirms it.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from avsync.errors import MediaError
from avsync.media.container import film_length, film_start, keep_only
from avsync.media.tracks import Track

GAP = 0.05
"""A timestamp this many seconds off starts a new run at once."""
DRIFT = 0.005
"""A mean disagreement of more seconds than this over `JUDGED` seconds is corrected after them."""
JUDGED = 1.0
"""Seconds over which disagreements are averaged."""
STRETCH = 10.0
"""Seconds after which a stretch is done; work on long ones leaves the decoding thread alone."""
CLOCK_RESET = 10.0
"""Timestamps that fall back by more seconds are a clock that was started anew; so are those that
lie beyond the film's length."""
LONGEST_FILM = 24 * 3600.0
"""Timestamps beyond this many seconds are taken for garbage."""
_RATES_HZ = range(1_000, 1_000_000)
_UNREADABLE = 100  # failures in a row after which a file counts as broken off


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Samples without a seam: up to about 10 s, all of one format."""

    frame: AudioFrame
    start: float | None
    """seconds on the film's clock; None: it follows the stretch before it without a seam"""


class _Heard(NamedTuple):  # a tuple, for there are half a million in a film
    frame: AudioFrame
    at: float | None  # seconds on the film's clock
    seconds: float
    after_loss: bool  # what comes right before it could not be decoded


def iter_stretches(
    container: InputContainer,
    track: Track,
    path: str | os.PathLike[str],
    *,
    longest: float = STRETCH,
) -> Iterator[Stretch]:
    """The decoded sound of one track, in order, with the seams that its timestamps tell of.

    It is read from where the container is, in stretches of about `longest` seconds.
    """
    collector = _Collector(path, track.start, film_length(container), longest)
    heard = _decode(container, track, path)
    previous = next(heard)
    for following in heard:
        collector.add(previous, following)
        while collector.done:
            yield collector.done.popleft()
        previous = following
    collector.add(previous, None)
    collector.close()
    yield from collector.done


class _Collector:
    """Lays frames end to end into stretches, and finds the seams between them."""

    def __init__(
        self, path: str | os.PathLike[str], start: float, length: float | None, longest: float
    ) -> None:
        self.done: deque[Stretch] = deque()
        self._path = path
        self._longest = longest
        # A container's length may be an estimate, but not one that is off by this much.
        self._latest = math.inf if length is None else 1.1 * length + 60
        self._fifo = AudioFifo()
        self._kind: tuple[int, str, str] | None = None
        self._end = start  # of what was laid so far, in seconds on the film's clock
        self._judged = start  # the end when disagreements were last looked at
        self._seam: float | None = start  # where the stretch being laid starts, if at a seam
        self._restarts = 0.0  # what to add to timestamps since the clock was started anew
        self._disagreements: list[float] = []

    def add(self, heard: _Heard, following: _Heard | None) -> None:
        frame = heard.frame
        jump = self._jump(heard, following)
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if jump or kind != self._kind:
            self.close()
            self._disagreements.clear()
            self._end += jump
            self._seam = self._judged = self._end
            self._kind = kind
            self._fifo = AudioFifo()
        frame.pts = None  # or the queue would check it
        self._fifo.write(frame)
        self._end += heard.seconds
        if self._end - self._judged >= JUDGED:
            self._judge()
        if self._fifo.samples >= self._longest * kind[0]:
            self.close()

    def close(self) -> None:
        """The stretch laid so far is done."""
        if self._end > LONGEST_FILM:
            raise MediaError(
                self._path,
                f"its sound runs to {self._end / 3600:.1f} h, so its timestamps must be damaged: "
                "write it anew with mkvmerge or FFmpeg",
            )
        frame = self._fifo.read() if self._kind else None
        if frame is not None:
            self.done.append(Stretch(frame, self._seam))
            self._seam = None

    def _judge(self) -> None:
        """Makes a seam here if the timestamps were off for a while."""
        mean = sum(self._disagreements) / max(1, len(self._disagreements))
        self._disagreements.clear()
        if abs(mean) > DRIFT:
            self.close()
            self._end += mean
            self._seam = self._end
        self._judged = self._end

    def _jump(self, heard: _Heard, following: _Heard | None) -> float:
        """By how many seconds the sound has to jump at this frame; mostly 0."""
        if heard.at is None:
            return 0.0
        off = heard.at + self._restarts - self._end
        if self._kind is None:
            return off if _leads(heard, following) else 0.0
        if abs(off) <= (DRIFT if heard.after_loss else GAP):
            self._disagreements.append(off)
        elif not _leads(heard, following):
            pass
        elif off < -CLOCK_RESET or self._end + off > self._latest:
            self._restarts -= off
        else:
            return off
        return 0.0


def _leads(heard: _Heard, following: _Heard | None) -> bool:
    """Whether the next frame's timestamp bears this one's out."""
    if heard.at is None or following is None:
        return False
    return following.at is None or abs(following.at - heard.at - heard.seconds) <= GAP


def _decode(
    container: InputContainer, track: Track, path: str | os.PathLike[str]
) -> Iterator[_Heard]:
    stream = container.streams[track.index]
    if track.rate_hz is None or not isinstance(stream, AudioStream):
        raise MediaError(path, f"audio track {track} has no decoder: choose another track")
    start = film_start(container)
    keep_only(container, stream)
    reason = "it is empty"
    lost, heard = False, False
    for packet in _demux(container, stream):
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            lost, reason = True, error.strerror or str(error)
            continue
        for frame in frames:
            samples, rate_hz, at = frame.samples, frame.sample_rate, frame.time
            if samples and rate_hz in _RATES_HZ:
                yield _Heard(frame, None if at is None else at - start, samples / rate_hz, lost)
                lost, heard = False, True
    if not heard:
        raise MediaError(
            path, f"nothing of audio track {track} can be decoded ({reason}): get the file again"
        )


def _demux(container: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
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
