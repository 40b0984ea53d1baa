"""Open media: what tracks a file holds, and its sound as mono samples on the film's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt

from avsync.errors import MediaError
from avsync.progress import Progress

FloatArray = npt.NDArray[np.float32]
_MAX_GAP = 0.05


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a container."""

    index: int
    kind: Literal["video", "audio", "subtitle"]
    codec: str
    language: str | None
    title: str | None
    default: bool
    commentary: bool
    descriptive: bool
    start: float
    duration: float | None
    frame_rate: Fraction | None
    rate_hz: int | None
    channels: int | None
    text: bool


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a media file holds."""

    path: Path
    duration: float | None
    tracks: tuple[Track, ...]

    @property
    def audio(self) -> tuple[Track, ...]:
        """The audio tracks."""
        return tuple(t for t in self.tracks if t.kind == "audio")

    @property
    def video(self) -> tuple[Track, ...]:
        """The video tracks."""
        return tuple(t for t in self.tracks if t.kind == "video")

    @property
    def subtitles(self) -> tuple[Track, ...]:
        """The subtitle tracks."""
        return tuple(t for t in self.tracks if t.kind == "subtitle")


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Mono sound: float32 [samples] in [-1, 1]."""

    samples: FloatArray
    rate_hz: int


def _open(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(str(path))
    try:
        return av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(path, f"not readable as media: {error}") from error


def _track(stream: Any, clock: float) -> Track:
    flags = stream.disposition
    title = stream.metadata.get("title")
    base = stream.time_base
    audio = stream.type == "audio"
    return Track(
        index=stream.index,
        kind=stream.type,
        codec=stream.codec_context.name if stream.codec_context else "unknown",
        language=stream.metadata.get("language"),
        title=title,
        default=bool(flags & 1),
        commentary=bool(flags & 8) or "comment" in (title or "").lower(),
        descriptive=bool(flags & 256),
        start=float((stream.start_time or 0) * base) - clock,
        duration=None if stream.duration is None else float(stream.duration * base),
        frame_rate=stream.average_rate if stream.type == "video" else None,
        rate_hz=stream.codec_context.sample_rate if audio else None,
        channels=stream.codec_context.layout.nb_channels if audio else None,
        text=stream.type == "subtitle",
    )


def probe(path: str | Path) -> MediaInfo:
    """What a media file holds: its length and its tracks."""
    path = Path(path)
    with _open(path) as container:
        clock = (container.start_time or 0) / 1e6
        return MediaInfo(
            path,
            None if container.duration is None else container.duration / 1e6,
            tuple(
                _track(s, clock)
                for s in container.streams
                if s.type in ("video", "audio", "subtitle")
            ),
        )


def choose_audio_track(info: MediaInfo, index: int | None = None) -> Track:
    """The audio track to listen to: the one asked for, else the default, never a commentary."""
    if index is not None:
        for track in info.audio:
            if track.index == index:
                return track
        raise MediaError(info.path, f"track {index} is no audio track")
    plain = [t for t in info.audio if not t.commentary]
    for track in plain:
        if track.default:
            return track
    if plain:
        return plain[0]
    raise MediaError(info.path, "no audio track")


def iter_audio(
    path: str | Path,
    *,
    track: int | None = None,
    rate_hz: int = 16_000,
    progress: Progress | None = None,
) -> Iterator[FloatArray]:
    """Mono float32 blocks of about 10 s; sample `k` of them all is at `k / rate_hz` seconds."""
    path = Path(path)
    chosen = choose_audio_track(probe(path), track).index
    block = 10 * rate_hz
    with _open(path) as container:
        stream = container.streams[chosen]
        clock = (container.start_time or 0) / 1e6
        duration = (container.duration or 0) / 1e6
        resampler = av.AudioResampler("flt", "mono", rate_hz)
        parts: list[FloatArray] = []
        held = 0
        position = 0.0
        written = 0

        for frame in _frames(container, stream):
            if frame is not None and frame.pts is not None:
                gap = float(frame.pts * frame.time_base) - clock - position
                if abs(gap) > _MAX_GAP or (position == 0.0 and gap > 0):
                    n = round((position + gap) * rate_hz) - written
                    if n > 0:
                        parts.append(np.zeros(n, np.float32))
                        held += n
                        written += n
                    position += gap
            if frame is not None:
                position += frame.samples / frame.sample_rate
                frame.pts = None
            for out in resampler.resample(frame):
                samples = np.clip(out.to_ndarray()[0], -1, 1)
                parts.append(samples)
                held += samples.size
                written += samples.size
            if held >= block or (frame is None and held):
                joined = np.concatenate(parts)
                parts, held = [], 0
                if progress is not None and duration:
                    progress("reading", min(1.0, position / duration))
                yield joined
        if not written:
            raise MediaError(path, "its audio track has no sound that can be decoded")


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
    yield None


def read_audio(path: str | Path, *, track: int | None = None, rate_hz: int = 16_000) -> Audio:
    """All of a file's sound at once, as `iter_audio` gives it."""
    return Audio(np.concatenate(list(iter_audio(path, track=track, rate_hz=rate_hz))), rate_hz)
