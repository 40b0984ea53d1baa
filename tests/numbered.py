"""Clips whose every picture shows its own number, to tell which one is on display when.

The number stands in twelve stripes, black or white, in the upper half; who the clip is stands in
the lower half in the same way. That survives scaling, bars, codecs and half of a dissolve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
import numpy.typing as npt
from av.packet import Packet
from av.video.stream import VideoStream
from clips import FloatArray, add_sound, encode

Bytes = npt.NDArray[np.uint8]

BITS = 12
SIZE = 96, 64
BLACK, WHITE = 16, 235


class Seen(NamedTuple):
    """What a picture says."""

    number: int
    clip: int


def stripes(number: int, clip: int, size: tuple[int, int] = SIZE) -> Bytes:
    """The picture: luma [height, width]."""
    width, height = size
    rows = [[WHITE if n >> bit & 1 else BLACK for bit in range(BITS)] for n in (number, clip)]
    columns = np.arange(width) * BITS // width
    halves = [np.array(row, np.uint8)[columns] for row in rows]
    return np.repeat(halves, [height // 2, height - height // 2], axis=0)


def seen(luma: npt.NDArray[np.integer]) -> Seen:
    """What an upright picture without bars says, luma or RGB [height, width, ...]."""
    if luma.ndim == 3:
        luma = luma.mean(axis=2).astype(np.int64)
    height, width = luma.shape
    centres = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    rows = [luma[height // 4 + 1, centres], luma[height - height // 4 - 1, centres]]
    number, clip = (sum(1 << bit for bit, value in enumerate(row) if value > 125) for row in rows)
    return Seen(number, clip)


def like(packet: Packet[VideoStream], content: bytes) -> Packet[VideoStream]:
    """Another packet with that one's times."""
    other: Packet[VideoStream] = cast("Packet[VideoStream]", Packet(content))
    other.stream, other.time_base = packet.stream, packet.time_base
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    return other


def write_numbered(
    path: Path,
    *,
    frames: int = 50,
    rate: Fraction | int = 25,
    clip: int = 0,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    times_ms: Sequence[int] | None = None,
    start: float = 0.0,
    sound: FloatArray | None = None,
    edit: Callable[[list[Packet[VideoStream]]], list[Packet[VideoStream]]] = lambda packets: (
        packets
    ),
    change: Callable[[VideoStream], object] = lambda stream: None,
    container_format: str | None = None,
) -> Path:
    """A clip of numbered pictures, at a rate or at given times; `sound` is at 48 kHz."""
    rate = Fraction(rate)
    if options is None:
        options = {"preset": "ultrafast", "bf": "2", "g": "20"} if codec == "libx264" else {}
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options))
        assert isinstance(stream, VideoStream)
        (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
        base = 1 / rate
        if times_ms is not None:
            base = stream.codec_context.time_base = Fraction(1, 1000)
        change(stream)
        packets = []
        voice = add_sound(container, "aac", 48_000, layout="mono") if sound is not None else None
        for number in range(frames):
            gray = stripes(number, clip, size)
            colour = np.full((size[1] // 2, size[0]), 128, np.uint8)
            frame = av.VideoFrame.from_ndarray(np.concatenate([gray, colour]), format="yuv420p")
            frame.pts = number if times_ms is None else times_ms[number]
            frame.pts += round(start / base)
            frame.time_base = base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        every: list[Packet] = list(edit(packets))  # type: ignore[type-arg]
        if voice is not None and sound is not None:
            every += encode(voice, sound)
            every.sort(key=lambda p: (p.dts or 0) * p.time_base)
        for packet in every:
            container.mux(packet)
    return path
