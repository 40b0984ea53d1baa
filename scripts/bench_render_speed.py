"""Time and memory of rendering, by whole processes: ours, and moviepy's on the same list."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

from bench_clips import beats_until, write_clicks, write_scene
from bench_report import Goal, Report, table

OURS = """
import sys, json
from fractions import Fraction
from pathlib import Path
from avsync.cutlist import CutList, Shot, Soundtrack
task = json.loads(sys.argv[1])
shots = tuple(Shot(Path(path), first, frames) for path, first, frames in task["shots"])
music = Soundtrack(Path(task["music"])) if task["music"] else None
CutList(shots, Fraction(task["rate"]), music).render(task["out"], **task["options"])
status = Path("/proc/self/status")
if status.exists():
    print(next(line.split()[1] for line in status.open() if line.startswith("VmHWM")))
"""
MOVIEPY = """
import sys, json
from fractions import Fraction
from moviepy import AudioFileClip, VideoFileClip, concatenate_videoclips
task = json.loads(sys.argv[1])
rate = float(Fraction(task["rate"]))
clips = [VideoFileClip(path, audio=False).subclipped(first / rate, (first + frames) / rate)
         for path, first, frames in task["shots"]]
film = concatenate_videoclips(clips)
if task["music"]:
    film = film.with_audio(AudioFileClip(task["music"]).subclipped(0, film.duration))
film.write_videofile(task["out"], fps=rate, logger=None)
for clip in clips:
    clip.close()
"""


@dataclass(frozen=True)
class Task:
    """One film to be made by a process of its own."""

    shots: list[tuple[str, int, int]]
    rate: str
    music: str
    out: str
    options: dict[str, str]


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    """its own and those of what it started: what else runs on the machine hardly matters here"""
    peak_mib: float
    """where it tells"""


def run_process(program: str, task: Task) -> Cost:
    """Run a program on a task."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", program, json.dumps(asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu_seconds, float(done.stdout or "nan") / 1024)


def scenes(
    work: Path, *, clips: int, seconds: float, size: tuple[int, int], rate: Fraction
) -> list[Path]:
    """Clips to cut from; more than 20 are the same ones under other names."""
    made = []
    for n in range(clips):
        path = work / f"scene-{size[0]}-{n}.mp4"
        if n < 20:
            made.append(write_scene(path, n, seconds=seconds, rate=rate, size=size))
        else:
            path.write_bytes(made[n % 20].read_bytes())
            made.append(path)
    return made


def task_of(paths: Sequence[Path], *, frames: int, seconds: float, rate: Fraction) -> Task:
    """A shot of ``frames`` from the middle of each clip."""
    first = round(seconds * rate / 2)
    return Task([(str(path), first, frames) for path in paths], str(rate), "", "", {})


def run_memory(
    work: Path, *, counts: Sequence[int] = (10, 50, 200), size: tuple[int, int] = (1280, 720)
) -> Report:
    """Peak memory of the whole process by the number of clips."""
    rate = Fraction(25)
    paths = scenes(work, clips=max(counts), seconds=3.0, size=size, rate=rate)
    rows, peaks = [], []
    for count in counts:
        task = task_of(paths[:count], frames=12, seconds=3.0, rate=rate)
        out = str(work / "memory.mp4")
        peak = run_process(OURS, Task(**{**asdict(task), "out": out})).peak_mib
        peaks.append(peak)
        rows.append([str(count), f"{peak:.0f} MiB"])
    growth = peaks[-1] / peaks[0] - 1
    goal = Goal(
        f"{counts[-1]} clips take as much as {counts[0]} (10% more at most)",
        f"{growth:+.0%}",
        growth <= 0.1,
    )
    text = f"Shots of 12 frames, {size[0]} x {size[1]}:\n\n{table(['clips', 'peak'], rows)}"
    return Report("Memory", text, dict(zip(counts, peaks, strict=True)), (goal,))


def run_speed(
    work: Path,
    *,
    shots: int = 12,
    rounds: int = 3,
    frames: int = 36,
    size: tuple[int, int] = (1920, 1080),
) -> Report:
    """Wall time of whole processes, ours and moviepy's in turns."""
    rate, seconds = Fraction(30000, 1001), 6.0
    paths = scenes(work, clips=min(shots, 20), seconds=seconds, size=size, rate=rate)
    chosen = [paths[n % len(paths)] for n in range(shots)]
    length = shots * frames / float(rate)
    song = write_clicks(work / "clicks.flac", beats_until(length), seconds=length + 1)
    task = task_of(chosen, frames=frames, seconds=seconds, rate=rate)
    costs: dict[str, list[Cost]] = {}
    tools = {
        "avsync": (OURS, {}),
        "avsync, x264's medium": (OURS, {"preset": "medium"}),
        "moviepy": (MOVIEPY, {}),
    }
    for _ in range(rounds):
        for name, (program, options) in tools.items():
            film = work / f"{name.split(',')[0]}.mp4"
            full = Task(task.shots, task.rate, str(song), str(film), options)
            costs.setdefault(name, []).append(run_process(program, full))
    wall = {name: median(cost.seconds for cost in found) for name, found in costs.items()}
    cpu = {name: median(cost.cpu_seconds for cost in found) for name, found in costs.items()}
    rows = [
        [
            name,
            f"{wall[name]:.1f} s",
            f"{length / wall[name]:.2f}",
            f"{wall['moviepy'] / wall[name]:.1f}",
            f"{cpu[name]:.1f} s",
            f"{cpu['moviepy'] / cpu[name]:.1f}",
        ]
        for name in tools
    ]
    head = ["", "wall time", "× real time", "× moviepy", "CPU time", "moviepy's ÷ this"]
    ratio = wall["moviepy"] / wall["avsync"]
    goal = Goal("at least 5 times as fast as moviepy", f"{ratio:.1f}", ratio >= 5)
    text = (
        f"{shots} shots of {frames} frames, {size[0]} x {size[1]}, {float(rate):.5g} a second, "
        f"medians of {rounds} rounds:\n\n{table(head, rows)}"
    )
    numbers = {name: [asdict(cost) for cost in found] for name, found in costs.items()}
    return Report("Speed", text, numbers, (goal,))
