"""Measure finding the shots of films: to the frame at every rate, and how fast.

    python scripts/make_scenes.py SCENES --count 24 --seed 2 --split held_out
    python scripts/bench_shots.py SCENES [--speed 60]

Tables in Markdown. Films are encoded from generated scenes at each frame rate, one picture a frame
(59.94: each picture twice; variable: pictures of 20 to 60 ms), so that the truth is known to the
frame. The other detectors are scenedetect's, run by its own command line on the same files, with
its defaults but for the shortest scene; and so is the time.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from bench_clips import write_scene

from avsync.aligner.picture import load_picture_model
from avsync.clips.film import find_shots

TOLERANCE, SOFT_TOLERANCE = 0.08, 0.32  # seconds, as in bench_picture.py: 2 and 8 tokens
SIZE = (320, 180)
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rate:
    """How scenes of 25 pictures a second are shown in a film."""

    name: str
    hz: Fraction
    repeat: int = 1
    variable: bool = False


RATES = (
    Rate("23.976", Fraction(24000, 1001)),
    Rate("24", Fraction(24)),
    Rate("25", Fraction(25)),
    Rate("29.97", Fraction(30000, 1001)),
    Rate("59.94", Fraction(60000, 1001), repeat=2),
    Rate("variable", Fraction(25), variable=True),
)


@dataclass
class Score:
    """Changes found, missed and made up; cuts found at their very frame; flashes taken."""

    hits: int = 0
    found: int = 0
    there: int = 0
    exact: int = 0
    cuts: int = 0
    hard: int = 0
    flashed: int = 0
    flashes: int = 0

    def add(self, film: Truth, found: Sequence[float]) -> None:
        left = list(found)
        for at, soft in zip(film.changes, film.gradual, strict=True):
            self.hard += not soft
            near = [
                t for t in left if abs(t - at) <= (SOFT_TOLERANCE if soft else TOLERANCE) + 0.002
            ]
            if near:
                best = min(near, key=lambda t: abs(t - at))
                left.remove(best)
                self.hits += 1
                self.cuts += not soft
                self.exact += not soft and abs(best - at) < 0.008
        self.found += len(found)
        self.there += len(film.changes)
        self.flashes += len(film.flashes)
        self.flashed += sum(any(-0.002 <= t - at <= 0.122 for t in left) for at in film.flashes)

    @property
    def row(self) -> str:
        precision, recall = self.hits / max(1, self.found), self.hits / max(1, self.there)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        return (
            f"{f1:.3f} | {precision:.3f} | {recall:.3f} | "
            f"{self.cuts}/{self.hard} | {self.exact}/{self.cuts} | {self.flashed}/{self.flashes}"
        )


@dataclass(frozen=True)
class Truth:
    """Seconds at which things happen in a film, and which changes are gradual."""

    changes: list[float]
    gradual: list[bool]
    flashes: list[float]


def write_film(scenes: Path, path: Path, rate: Rate, seed: int) -> Truth:
    """Encode generated scenes as a film; when everything is shown in it."""
    with np.load(scenes) as data:
        pictures: Pixels = data["frames"]
        changes, gradual, flashes = (
            data[key].tolist() for key in ("changes", "gradual", "flashes")
        )
    count = len(pictures) * rate.repeat
    if rate.variable:
        steps = np.random.default_rng(seed).choice([20, 33, 40, 47, 60], count)
        ticks, base = np.concatenate([[0], np.cumsum(steps)]), Fraction(1, 1000)
    else:
        ticks, base = np.arange(count + 1), 1 / rate.hz
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=rate.hz, options={"preset": "veryfast", "crf": "23"}
        )
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = base
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(pictures[n // rate.repeat], format="rgb24")
            frame = frame.reformat(*SIZE, "yuv420p", interpolation="BICUBIC")
            frame.pts, frame.time_base = int(ticks[n]), base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    seconds = [float(ticks[k * rate.repeat] * base) for k in range(len(pictures))]
    return Truth([seconds[k] for k in changes], gradual, [seconds[k] for k in flashes])


def scenedetect(path: Path, detector: str) -> list[float]:
    """What scenedetect's own command line finds: seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scenedetect", "-q", "-i", str(path), "-o", folder]
        command += ["-m", "0.2s", detector, "list-scenes", "-q", "-s"]
        subprocess.run(command, check=True, capture_output=True)
        [listed] = Path(folder).glob("*.csv")
        with listed.open() as file:
            return [float(row["Start Time (seconds)"]) for row in csv.DictReader(file)][1:]


def accuracy(
    scenes: Sequence[Path], rates: Sequence[Rate], detectors: Sequence[str], folder: Path
) -> None:
    model = load_picture_model()
    print("| rate | detector | F1 | precision | recall | cuts found | at their frame | flashes |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for rate in rates:
        scores = {name: Score() for name in ("avsync", *detectors)}
        for number, path in enumerate(scenes):
            film = folder / f"{number}.{'mkv' if rate.variable else 'mp4'}"
            truth = write_film(path, film, rate, number)
            scores["avsync"].add(truth, find_shots(film, model=model).changes)
            for detector in detectors:
                scores[detector].add(truth, scenedetect(film, detector))
            film.unlink()
        for name, score in scores.items():
            print(f"| {rate.name} | {name} | {score.row} |", flush=True)


def speed(seconds: float, folder: Path) -> None:
    """Whole processes in turn, on one 1080p film."""
    film = write_scene(
        folder / "wide.mp4", 1, seconds=seconds, rate=Fraction(24), size=(1920, 1080)
    )
    ours = f"import avsync; avsync.find_shots({str(film)!r})"
    theirs = [sys.executable, "-m", "scenedetect", "-q", "-i", str(film), "-o", str(folder)]
    runs = {
        "avsync.find_shots": [sys.executable, "-c", ours],
        "scenedetect, its defaults": [*theirs, "list-scenes"],
        "scenedetect detect-adaptive": [*theirs, "detect-adaptive", "list-scenes"],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(3):
        for name, command in runs.items():
            begin, before = time.perf_counter(), os.times()
            subprocess.run(command, check=True, capture_output=True)
            used = os.times()
            busy = sum(used[2:4]) - sum(before[2:4])
            taken[name].append((time.perf_counter() - begin, busy))
    print(f"\n| {seconds:g} s of 1080p, medians of three | wall time | processor time |")
    print("| --- | ---: | ---: |")
    for name, times in taken.items():
        wall, busy = (sorted(column)[1] for column in zip(*times, strict=True))
        print(f"| {name} | {wall:.1f} s | {busy:.1f} s |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--pattern", default="held_out-2-*.npz")
    parser.add_argument("--rates", default=",".join(rate.name for rate in RATES))
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--detectors", default="detect-adaptive,detect-content")
    parser.add_argument("--speed", type=float, default=0.0, help="seconds of 1080p to race on")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    wanted = args.rates.split(",")
    with tempfile.TemporaryDirectory() as folder:
        if wanted != [""]:
            rates = [rate for rate in RATES if rate.name in wanted]
            scenes = sorted(args.scenes.glob(args.pattern))[: args.films]
            accuracy(scenes, rates, [d for d in args.detectors.split(",") if d], Path(folder))
        if args.speed:
            speed(args.speed, Path(folder))


if __name__ == "__main__":
    main()
