"""Recordings of one event by different devices: their place, microphone, noise, clock, codec.

An event is a soundtrack of `make_films.py` (or any samples at 16 kHz). Each device hears a stretch
of it through its own room and its own colouring, adds noise of its own, runs on its own clock and
may compress what it writes. The truth is known by construction: second `t` of a recording is
`start_s + t * (1 + drift_ppm / 1e6)` of the event.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from make_films import RATE_HZ, Samples, coloured_noise, room
from scipy.signal import butter, fftconvolve, sosfilt

from avsync.media import read_audio

CODECS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "m4a": "aac", "opus": "libopus", "flac": "flac"}
"""File extensions, and FFmpeg's names of what is written into them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """How one device records."""

    drift_ppm: float = 0.0
    """how much longer its seconds are than the event's"""
    snr_db: float | None = None
    """level of the event over the device's own noise; None: no noise"""
    reverb_s: float = 0.0
    """decay of its room by 60 dB"""
    tail_db: float | None = None
    """level of the room's echoes to the direct sound; None: as `room` draws it"""
    coloured: bool = False
    """a pass band and a slope of its own"""
    gain_db: float = -20.0
    codec: str = "wav"
    """an extension of `CODECS`"""
    bits_per_second: int = 64_000


def record(
    rng: np.random.Generator, event: Samples, device: Device, *, start_s: float, seconds: float
) -> Samples:
    """What the device hears of the event from `start_s` on, for `seconds` of its own clock."""
    stretch = 1 + device.drift_ppm / 1e6
    first = round(start_s * RATE_HZ)
    wanted = round(seconds * RATE_HZ)
    heard = event[first : first + int(wanted * stretch) + RATE_HZ].astype(np.float32)
    if device.drift_ppm:
        heard = soxr.resample(heard, RATE_HZ * stretch, RATE_HZ, quality="HQ")
    heard = np.pad(heard, (0, max(0, wanted - len(heard))))[:wanted]
    if device.reverb_s:
        heard = fftconvolve(heard, _room(rng, device))[:wanted].astype(np.float32)
    if device.coloured:
        heard = _colour(rng, heard)
    level = float(np.sqrt(np.mean(heard**2))) + 1e-9
    if device.snr_db is not None:
        noise = coloured_noise(rng, wanted)
        heard = heard + noise * np.float32(level * 10 ** (-device.snr_db / 20))
    scaled: Samples = (heard / level * 10 ** (device.gain_db / 20)).astype(np.float32)
    return scaled.clip(-1.0, 1.0)


def write(
    path: Path, samples: Samples, *, rate_hz: int = RATE_HZ, bits_per_second: int = 0
) -> Path:
    """Samples [n] or [channels, n] as a file, in the codec that its extension names in `CODECS`."""
    codec = CODECS[path.suffix[1:]]
    planes = np.atleast_2d(samples)
    with av.open(str(path), "w") as container:
        layout = {1: "mono", 2: "stereo", 8: "7.1"}[len(planes)]
        stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else rate_hz)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = layout
        if bits_per_second:
            stream.bit_rate = bits_per_second
        for first in range(0, planes.shape[1], rate_hz):
            part = planes[:, first : first + rate_hz]
            pcm = np.ascontiguousarray(np.rint(part.T * 32767).astype(np.int16).reshape(1, -1))
            frame = AudioFrame.from_ndarray(pcm, "s16", layout)
            frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
            frame.pts = first
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def compressed(samples: Samples, device: Device, folder: Path) -> Samples:
    """The samples after a round trip through the device's codec."""
    if device.codec == "wav":
        return samples
    path = write(folder / f"copy.{device.codec}", samples, bits_per_second=device.bits_per_second)
    return read_audio(path, rate_hz=RATE_HZ).samples


def _room(rng: np.random.Generator, device: Device) -> Samples:
    impulse = room(rng, device.reverb_s)
    if device.tail_db is not None:
        tail = impulse[1:]
        tail *= 10 ** (device.tail_db / 20) / (np.linalg.norm(tail) + 1e-9)
    return impulse


def _colour(rng: np.random.Generator, heard: Samples) -> Samples:
    low, high = rng.uniform(60, 400), rng.uniform(2500, 7500)
    band = butter(2, [low, high], "band", fs=RATE_HZ, output="sos")
    coloured: Samples = sosfilt(band, heard).astype(np.float32)
    return coloured
