"""What `avsync tone` makes of files: how steady it is, how fast, in how much memory.

    python scripts/bench_tone_films.py --soundfont TimGM6mb.sf2 [--films 3] [--seconds 60 600]

Steady: generated films with a mood, in 640 by 360 pixels with a camera's grain, and the same films
turned up and down, coded again, and in other frame sizes; by how much the overall agreement moves.
Speed: whole processes on 1080p as hard to code as footage (`bench_clips.write_scene`), without the
cache; longer films are the same packets again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from bench_clips import write_scene
from make_music import play
from make_tone import draw_moods
from tone_music import compose, draw_band, draw_mood
from tone_pictures import HELD_OUT, draw_film, draw_sight

from avsync.tone.model import load_tone_model
from avsync.tone.score import score_tone

RATE_HZ = 16_000
SECONDS = 30.0
Samples = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Coding:
    """How a film is put into a file."""

    size: tuple[int, int] = (640, 360)
    crf: int = 20
    picture: str = "libx264"
    sound: str = "aac"
    bit_rate: int = 160_000
    gain_db: float = 0.0
    suffix: str = ".mp4"


PLAIN = Coding()
CHANGES = {
    "24 dB down": replace(PLAIN, gain_db=-24.0),
    "6 dB up": replace(PLAIN, gain_db=6.0),
    "H.264 at CRF 26, AAC at 96 kbit/s": replace(PLAIN, crf=26, bit_rate=96_000),
    "H.264 at CRF 34, AAC at 64 kbit/s": replace(PLAIN, crf=34, bit_rate=64_000),
    "VP9 and Opus": replace(PLAIN, picture="libvpx-vp9", sound="libopus", crf=36, suffix=".mkv"),
    "320 by 180": replace(PLAIN, size=(320, 180)),
    "960 by 540": replace(PLAIN, size=(960, 540)),
}


def write_film(path: Path, pictures: Pixels, sound: Samples, how: Coding) -> Path:
    """Pictures at 25 Hz, uint8 [time, 36, 64, 3], and sound, as a film."""
    rng = np.random.default_rng(0)
    width, height = how.size
    grain = rng.normal(0, 3, (4, *PLAIN.size[::-1], 1)).astype(np.int16)  # the camera's
    options = {"crf": str(how.crf), "preset": "veryfast"}
    if how.picture != "libx264":
        options = {"crf": str(how.crf), "cpu-used": "8", "deadline": "realtime"}
    with av.open(str(path), "w") as out:
        shown = out.add_stream(how.picture, rate=25, options=options)
        assert isinstance(shown, VideoStream)
        shown.width, shown.height, shown.pix_fmt = width, height, "yuv420p"
        shown.bit_rate = 0
        heard = out.add_stream(how.sound, rate=48_000)
        assert isinstance(heard, AudioStream)
        heard.bit_rate, heard.layout = how.bit_rate, "mono"
        for n, picture in enumerate(pictures):
            small = av.VideoFrame.from_ndarray(picture, format="rgb24")
            large = small.reformat(*PLAIN.size, interpolation="BICUBIC").to_ndarray()
            pixels = np.clip(large.astype(np.int16) + grain[n % 4], 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux(shown.encode(frame))
        out.mux(shown.encode(None))
        for block in sound_frames(sound * np.float32(10 ** (how.gain_db / 20))):
            out.mux(heard.encode(block))
        out.mux(heard.encode(None))
    return path


def sound_frames(sound: Samples) -> Iterator[av.AudioFrame]:
    """Blocks at 48 kHz."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
    for first in range(0, len(sound), RATE_HZ):
        block = np.ascontiguousarray(sound[first : first + RATE_HZ])[None]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
        yield from resampler.resample(frame)


def draw(rng: np.random.Generator, font: Path) -> tuple[Pixels, Samples]:
    """A film with a mood: pictures and music."""
    moods = draw_moods(rng, SECONDS)
    pictures, _ = draw_film(rng, [(s, draw_sight(rng, v, a)) for s, v, a in moods], HELD_OUT)
    plan = [(s, draw_mood(rng, v, a)) for s, v, a in moods]
    sound = play(compose(rng, draw_band(rng), plan), font, wet=False)[: int(SECONDS * RATE_HZ)]
    return pictures, (sound * (0.25 / np.abs(sound).max())).astype(np.float32)


def steady(folder: Path, font: Path, films: int, model_path: Path | None) -> dict[str, float]:
    """By how much the overall agreement moves, at most, for each change."""
    model = load_tone_model(model_path)
    moved: dict[str, float] = dict.fromkeys(CHANGES, 0.0)
    for number in range(films):
        pictures, sound = draw(np.random.default_rng([7, number]), font)

        def overall(how: Coding, pictures: Pixels = pictures, sound: Samples = sound) -> float:
            path = write_film(folder / f"film{how.suffix}", pictures, sound, how)
            found = score_tone(path, model=model).agreement
            assert found is not None
            return found.overall

        plain = overall(PLAIN)
        for name, how in CHANGES.items():
            moved[name] = max(moved[name], abs(overall(how) - plain))
    return {name: round(value, 4) for name, value in moved.items()}


def again(path: Path, out: Path, times: int) -> Path:
    """The same packets so many times, one after the other."""
    with av.open(str(out), "w") as target:
        streams = {}
        for turn in range(times):
            with av.open(str(path)) as source:
                for stream in source.streams:
                    if stream.index not in streams:
                        streams[stream.index] = target.add_stream_from_template(stream)
                assert source.duration is not None
                # Streams end a frame or two apart; none may begin before it has ended.
                length = Fraction(source.duration, av.time_base) + Fraction(1, 10)
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
    return out


def speed(folder: Path, font: Path, lengths: list[float]) -> Iterator[dict[str, float]]:
    """Whole processes on 1080p: wall and processor time, and the most memory."""
    silent = write_scene(folder / "wide.mp4", 1, seconds=20, rate=Fraction(25), size=(1920, 1080))
    part = with_sound(silent, draw(np.random.default_rng(3), font)[1], folder / "part.mp4")
    for seconds in lengths:
        film = again(part, folder / f"{seconds:g}.mp4", round(seconds / 20))
        command = [sys.executable, "-m", "avsync", "tone", str(film), "-q", "--no-cache"]
        begin, before = time.perf_counter(), os.times()
        subprocess.run(command, check=True)
        used = os.times()
        busy = sum(used[2:4]) - sum(before[2:4])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 10)
        yield {
            "seconds": seconds,
            "wall_s": round(time.perf_counter() - begin, 1),
            "processor_s": round(busy, 1),
            "processor_share_of_length": round(busy / seconds, 3),
            "peak_mib": round(peak),
        }
        film.unlink()


def with_sound(path: Path, sound: Samples, out: Path) -> Path:
    """The picture of a film with 20 s of a sound."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        shown = target.add_stream_from_template(source.streams.video[0])
        heard = target.add_stream("aac", rate=48_000)
        heard.layout = "mono"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = shown
                target.mux(packet)
        for block in sound_frames(sound[: 20 * RATE_HZ]):
            target.mux(heard.encode(block))
        target.mux(heard.encode(None))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soundfont", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--films", type=int, default=3)
    parser.add_argument("--seconds", type=float, nargs="*", default=[60.0, 600.0])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.films:
            print(json.dumps(steady(folder, args.soundfont, args.films, args.model)), flush=True)
        for row in speed(folder, args.soundfont, args.seconds) if args.seconds else ():
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
