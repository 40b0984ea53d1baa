"""Clips for measuring what is rendered: of one colour each, or with something to see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FloatArray = npt.NDArray[np.float32]

COLOURS = (  # Y, Cb, Cr that stay apart in any codec and in any range
    (200, 70, 70),
    (60, 200, 90),
    (120, 60, 200),
    (200, 190, 190),
    (60, 70, 150),
    (150, 200, 60),
)
HZ = 48_000
BPM = 127.3  # no whole number of frames at any rate
CLICK_HZ, CLICK_SECONDS = 2000.0, 0.005


def write_colour(
    path: Path,
    number: int,
    *,
    rate: Fraction,
    seconds: float,
    variable: bool = False,
    size: tuple[int, int] = (96, 64),
) -> Path:
    """A clip of the colour ``number``; variable: pictures of 0.6 to 2 times the usual length."""
    colour = COLOURS[number % len(COLOURS)]
    base = Fraction(1, 90_000) if variable else 1 / rate
    lengths = np.random.default_rng(number).uniform(0.6, 2.0, round(seconds * rate))
    steps = np.round(lengths / float(rate) / float(base)).astype(int) if variable else [1]

    def frames() -> Iterable[VideoFrame]:
        at = 0
        for n in range(round(seconds * rate)):
            frame = VideoFrame(*size, "yuv420p")
            for plane, value in zip(frame.planes, colour, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = at, base
            at += int(steps[n % len(steps)])
            yield frame

    return encode(path, frames(), rate=rate, base=base, size=size, options={"preset": "ultrafast"})


def write_scene(
    path: Path, number: int, *, seconds: float, rate: Fraction, size: tuple[int, int]
) -> Path:
    """A clip about as hard to code as footage: natural in spectrum, moving, with a camera's grain.

    Amplitudes fall with frequency as in photographs (Field 1987); a hand-held camera pans over
    that, and something crosses the picture.
    """
    rng = np.random.default_rng(number)
    width, height = size
    scenery, thing = (
        texture(rng, (height * 5 // 4, width * 5 // 4)),
        texture(rng, (height // 2,) * 2),
    )
    grain = rng.normal(0, 2.0, (4, height, width, 1))
    speed, phase = rng.uniform(0.5, 1.5), rng.uniform(0, 6)

    def frames() -> Iterable[VideoFrame]:
        for n in range(round(seconds * rate)):
            sway = 0.5 + 0.45 * np.sin(phase + n * speed / 40)
            x, y = round(sway * width / 4), round((1 - sway) * height / 4)
            picture = scenery[y : y + height, x : x + width].copy()
            across = (n * 6 + round(phase * 200)) % (width - height // 2)
            picture[height // 4 : 3 * height // 4, across : across + height // 2] = thing
            picture += grain[n % 4]
            pixels = picture.clip(0, 255).astype(np.uint8)
            frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = n, 1 / rate
            yield frame

    options = {"preset": "veryfast", "crf": "21", "g": str(round(2 * rate))}  # as cameras do
    return encode(path, frames(), rate=rate, base=1 / rate, size=size, options=options)


def texture(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Pixels [height, width, 3] around 128 whose amplitudes fall as 1 / frequency."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    falling = 1 / np.maximum(np.hypot(fy, fx), 1 / max(shape))
    planes = [
        np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * falling, s=shape) for _ in range(3)
    ]
    mixed = np.stack([planes[0] + 0.4 * plane for plane in planes], axis=-1)
    pixels: FloatArray = (128 + 45 * mixed / mixed.std()).astype(np.float32)
    return pixels


def encode(
    path: Path,
    frames: Iterable[VideoFrame],
    *,
    rate: Fraction,
    base: Fraction,
    size: tuple[int, int],
    options: dict[str, str],
) -> Path:
    """Write frames that carry their times."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = base
        for frame in frames:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def beats_until(seconds: float, *, every: int = 1) -> list[float]:
    """Beats that fall anywhere between frames."""
    step = every * 60 / BPM
    return [round(k * step, 6) for k in range(int(seconds / step) + 1)]


def write_clicks(path: Path, beats: Sequence[float], *, seconds: float) -> Path:
    """A song of nothing but a click on every beat, as FLAC."""
    click = np.sin(2 * np.pi * CLICK_HZ * np.arange(round(CLICK_SECONDS * HZ)) / HZ)
    samples = np.zeros(round(seconds * HZ) + len(click), np.float32)
    for beat in beats:
        start = round(beat * HZ)
        samples[start : start + len(click)] += 0.6 * click[: len(samples) - start]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=HZ, layout="mono")
        for block in np.split(samples, range(HZ, len(samples), HZ)):
            pcm = np.round(block * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
            frame.sample_rate = HZ
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def colours_in(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Of each frame of a film, its time in seconds and the number of its colour."""
    times, numbers = [], []
    palette = np.array(COLOURS)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert isinstance(stream, VideoStream)
        start = (container.start_time or 0) / 1e6
        for frame in container.decode(stream):
            seen = [
                memoryview(p)[p.line_size * (p.height // 2) + p.width // 2] for p in frame.planes
            ]
            times.append(frame.time - start)
            numbers.append(int(np.abs(palette - np.array(seen)).sum(axis=1).argmin()))
    return np.array(times), np.array(numbers)


def clicks_in(sound: FloatArray, rate_hz: int, beats: Sequence[float]) -> npt.NDArray[np.float64]:
    """When the click near each beat sounds, in seconds; nan where there is none within 50 ms."""
    shape = np.sin(2 * np.pi * CLICK_HZ * np.arange(round(CLICK_SECONDS * rate_hz)) / rate_hz)
    found = []
    for beat in beats:
        first = max(0, round((beat - 0.05) * rate_hz))
        window = sound[first : first + round(0.1 * rate_hz) + len(shape)]
        match = np.correlate(window, shape, "valid") if len(window) > len(shape) else np.zeros(1)
        place = int(match.argmax())
        found.append((first + place) / rate_hz if match[place] > 0.2 * len(shape) * 0.3 else np.nan)
    return np.array(found)
