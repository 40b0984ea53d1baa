"""Small films made on the spot, with chirps at known times to measure clocks by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

FloatArray = npt.NDArray[np.float32]
Packets: TypeAlias = "list[Packet[AudioStream]]"

CHIRP_TIMES = (0.4, 1.13, 1.97, 3.01, 3.62, 4.48, 5.2)
CLIP_SECONDS = 6.0
FLASH_FRAME = 10  # of 25 a second: 0.4 s, when the first chirp sounds
FRAMES_HZ = 25

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic
Style: Default,Arial,16,&Hffffff,0,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def chirp(rate_hz: int) -> FloatArray:
    """20 ms that correlate with themselves at one place only."""
    t = np.arange(round(0.02 * rate_hz)) / rate_hz
    sweep = np.sin(2 * np.pi * (500 * t + 0.5 * 2500 / 0.02 * t**2))
    return (0.6 * sweep * np.hanning(len(t))).astype(np.float32)


def chirps(
    rate_hz: int, *, times: Sequence[float] = CHIRP_TIMES, seconds: float = CLIP_SECONDS
) -> FloatArray:
    """Silence with chirps that start at `times`: float32 [samples]."""
    sound = np.zeros(round(seconds * rate_hz), np.float32)
    shape = chirp(rate_hz)
    for time in times:
        start = round(time * rate_hz)
        sound[start : start + len(shape)] += shape
    return sound


def place_of_chirp(samples: FloatArray, rate_hz: int, near: float, reach: float = 0.15) -> float:
    """When the chirp near a time starts, in seconds; nan where there is none."""
    shape = chirp(rate_hz)
    first = max(0, round((near - reach) * rate_hz))
    window = samples[first : round((near + reach) * rate_hz) + len(shape)]
    if len(window) < len(shape):
        return float("nan")
    match = np.correlate(window, shape, "valid")
    best = int(np.argmax(match))
    if match[best] < 0.25 * float(shape @ shape):
        return float("nan")
    return (first + best) / rate_hz


def add_sound(
    container: OutputContainer,
    codec: str,
    rate_hz: int,
    *,
    layout: str = "stereo",
    sample_format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> AudioStream:
    stream = container.add_stream(
        codec, rate=rate_hz, layout=layout, options={"strict": "experimental", **(options or {})}
    )
    assert isinstance(stream, AudioStream)
    if sample_format:
        stream.format = sample_format
    return stream


def encode(stream: AudioStream, sound: FloatArray, *, start: float = 0.0) -> Packets:
    """The packets of mono or [channels, samples] sound that starts at `start` seconds."""
    context = stream.codec_context
    channels = context.layout.nb_channels
    planes = np.broadcast_to(sound, (channels, sound.shape[-1]))
    # In one plane: PyAV 18 may crash over 8 of them.
    packed = np.ascontiguousarray(planes.T, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=context.layout.name)
    frame.sample_rate = context.sample_rate
    frame.time_base = Fraction(1, context.sample_rate)
    frame.pts = round(start * context.sample_rate)
    cutter = av.AudioResampler(
        context.format,
        context.layout,
        context.sample_rate,
        frame_size=context.frame_size or 1024,
        options={"dither_method": "none"},
    )
    frames = [*cutter.resample(frame), *cutter.resample(None)]
    return [packet for piece in [*frames, None] for packet in stream.encode(piece)]


def like(packet: Packet[AudioStream], content: bytes) -> Packet[AudioStream]:
    """Another packet with that one's times."""
    other: Packet[AudioStream] = Packet(content)
    other.stream, other.time_base = packet.stream, packet.time_base
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    return other


def write_sound(
    path: Path,
    codec: str,
    rate_hz: int = 48_000,
    sound: FloatArray | None = None,
    *,
    layout: str = "stereo",
    sample_format: str | None = None,
    picture: bool = False,
    start: float = 0.0,
    edit: Callable[[Packets], Packets] = lambda packets: packets,
    container_format: str | None = None,
) -> Path:
    """A clip with one audio track (chirps unless told), and a picture that flashes at 0.4 s.

    `edit` may change, drop and reorder the packets before they are written.
    """
    sound = chirps(rate_hz) if sound is None else sound
    with av.open(str(path), "w", format=container_format) as container:
        stream = add_sound(container, codec, rate_hz, layout=layout, sample_format=sample_format)
        pictures = add_picture(container) if picture else []
        packets = [*pictures, *edit(encode(stream, sound, start=start))]
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            container.mux(packet)
    return path


def add_picture(
    container: OutputContainer, *, seconds: float = CLIP_SECONDS, codec: str = "mpeg4"
) -> list[Packet]:  # type: ignore[type-arg]
    stream = container.add_stream(codec, rate=FRAMES_HZ)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    packets = []
    for number in range(round(seconds * FRAMES_HZ)):
        light = 235 if number == FLASH_FRAME else 16
        frame = av.VideoFrame.from_ndarray(np.full((72, 64), light, np.uint8), format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FRAMES_HZ)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def flash_time(path: Path) -> float:
    """When the picture flashes, in seconds from the container's start."""
    with av.open(str(path)) as container:
        start = (container.start_time or 0) / 1e6
        for frame in container.decode(video=0):
            if frame.to_ndarray(format="gray").mean() > 120:
                assert frame.time is not None
                return frame.time - start
    raise AssertionError("no flash")
