"""Speed and memory: the command line on long films, cold and from the cache, beside ffsubsync."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import merge
from itertools import chain, pairwise
from pathlib import Path
from statistics import median

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.stream import Stream
from bench_ffsubsync import Ffsubsync
from bench_films import Case, Settings, bench_film, is_loud, make_case, share_within
from bench_report import Goal, Report, table
from make_films import RATE_HZ
from tqdm import tqdm

from avsync.errors import SubtitleError
from avsync.subtitles import Cue, read_subtitles

CORES = 2
SPEED = 6  # sets this section's films apart
SHIFT = -12.5  # seconds: what the subtitles have to be moved by
FRAME_RATE = 24
PICTURE_LOOP = 60  # seconds of picture that are repeated
COLD, CACHED, RIVAL = "avsync", "avsync, cached", "ffsubsync"

CHILD = """
import json, os, resource, subprocess, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
began = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL)
seconds = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
print(json.dumps([done.returncode, seconds, usage.ru_utime + usage.ru_stime, peak]))
"""
"""Starts what is measured from a small process: a parent's own memory counts as its child's."""


@dataclass(frozen=True)
class Run:
    """One command, run once."""

    tool: str
    hours: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    """resident memory of the largest process"""
    exit_code: int
    within: float
    """share of cues within 100 ms, for a tool must also do its work"""


@dataclass(frozen=True)
class Movie:
    """A film on disk beside mistimed subtitles."""

    hours: float
    path: Path
    case: Case


def make_movies(settings: Settings, hours: Sequence[float]) -> list[Movie]:
    """Films of ``hours``: AAC and H.264 in Matroska, the shorter ones beginnings of the longest."""
    part = min(0.5, min(hours))
    sound, cues = write_sound(settings, part, parts=round(max(hours) / part))
    picture = write_picture(settings.work / "picture.mkv")
    movies = []
    for length in hours:
        path = settings.work / f"film-{length:g}h.mkv"
        multiplex(path, sound, picture, length * 3600)
        shown = [cue for cue in cues if cue.end < length * 3600]
        case = make_case(shown, shift=SHIFT)
        path.with_suffix(".srt").write_bytes(case.data)
        movies.append(Movie(length, path, case))
    return movies


def write_sound(settings: Settings, part: float, *, parts: int) -> tuple[Path, list[Cue]]:
    """``parts`` films of ``part`` hours end to end, as 48 kHz stereo AAC; and all their cues."""
    path, cues = settings.work / "sound.mka", list[Cue]()
    with av.open(path, "w") as out:
        stream = out.add_stream("aac", rate=48_000, layout="stereo")
        stream.bit_rate = 128_000
        resampler = AudioResampler("fltp", "stereo", 48_000)
        for n in tqdm(range(parts), desc="speed, sound", file=sys.stderr):
            seed = [settings.seed, SPEED, n]
            film = bench_film(settings.voices(), seed, minutes=part * 60, loud=is_loud(n))
            begin = n * part * 3600
            cues += [Cue(cue.start + begin, cue.end + begin, cue.text) for cue in film.cues]
            for block in np.array_split(film.samples, round(part * 360)):
                frame = av.AudioFrame.from_ndarray(block[None], format="flt", layout="mono")
                frame.sample_rate = RATE_HZ
                for resampled in resampler.resample(frame):
                    out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))
    return path, cues


def write_picture(path: Path) -> Path:
    """``PICTURE_LOOP`` seconds of small, moving H.264."""
    rng = np.random.default_rng(0)
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.bit_rate = 300_000
        stream.options = {"preset": "veryfast", "bf": "0", "g": "48"}
        scenery = rng.integers(0, 255, (180, 640, 3), np.uint8)
        for n in range(PICTURE_LOOP * FRAME_RATE):
            pixels = np.ascontiguousarray(np.roll(scenery, -n, axis=1)[:, :320])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def multiplex(path: Path, sound: Path, picture: Path, seconds: float) -> None:
    """The first ``seconds`` of ``sound`` beside ``picture`` over and over; nothing is encoded."""
    with av.open(path, "w") as out, av.open(sound) as heard, av.open(picture) as seen:
        video = out.add_stream_from_template(seen.streams.video[0])
        audio = out.add_stream_from_template(heard.streams.audio[0])
        begins = range(0, int(np.ceil(seconds)), PICTURE_LOOP)
        shown = chain.from_iterable(packets(picture, begin, seconds, video) for begin in begins)
        for _, packet in merge(shown, packets(sound, 0, seconds, audio), key=lambda item: item[0]):
            out.mux(packet)


def packets(
    path: Path, begin: float, end: float, track: Stream
) -> Iterator[tuple[float, av.Packet[Stream]]]:
    """The packets of ``path`` for ``track``, ``begin`` seconds later, until ``end``; with times."""
    with av.open(path) as source:
        for packet in source.demux(source.streams[0]):
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            moved = round(begin / packet.time_base)
            packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
            time = float(packet.dts * packet.time_base)
            if time < end:
                packet.stream = track
                yield time, packet


def measure(tool: str, movie: Movie, command: list[str], output: Path, cache: Path) -> Run:
    """Run ``command``, which writes ``output``, and look at what it wrote."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    environment.pop("OMP_NUM_THREADS", None)  # each tool as it comes
    output.unlink(missing_ok=True)
    child = [sys.executable, "-S", "-c", CHILD, str(CORES), *command]
    done = subprocess.run(child, env=environment, stdout=subprocess.PIPE, check=True)
    code, seconds, cpu_seconds, peak = json.loads(done.stdout)
    try:
        within = share_within(movie.case.errors(read_subtitles(output)))
    except (SubtitleError, FileNotFoundError):
        within = 0.0
    return Run(tool, movie.hours, seconds, cpu_seconds, peak, code, within)


def measure_all(settings: Settings, rival: Ffsubsync | None, movie: Movie, turn: int) -> list[Run]:
    """One turn: avsync with an empty cache, then ffsubsync, then avsync with what it cached."""
    cache, output = settings.work / f"cache-{turn}-{movie.hours:g}", settings.work / "out.srt"
    cache.mkdir()
    subtitles = str(movie.path.with_suffix(".srt"))
    ours = [sys.executable, "-m", "avsync", "retime", str(movie.path), subtitles]
    ours += ["-o", str(output), "--force"]  # what is measured is time, also where it would refuse
    if settings.model:
        ours += ["--model", str(settings.model)]
    runs = [measure(COLD, movie, ours, output, cache)]
    if rival:
        theirs = rival.command(movie.path, "-i", subtitles, "-o", str(output))
        runs.append(measure(RIVAL, movie, theirs, output, cache))
    return [*runs, measure(CACHED, movie, ours, output, cache)]


def run_speed(settings: Settings, *, hours: Sequence[float], rounds: int) -> Report:
    """``rounds`` turns over films of ``hours``, the tools one after the other."""
    rival = Ffsubsync.installed(settings.work) if settings.rival else None
    movies = make_movies(settings, hours)
    turns = [(turn, movie) for turn in range(rounds) for movie in movies]
    runs = [
        run
        for turn, movie in tqdm(turns, desc="speed", file=sys.stderr)
        for run in measure_all(settings, rival, movie, turn)
    ]
    text = f"{CORES} cores, median of {rounds} turns:\n\n{speed_table(runs, hours)}"
    goals = tuple(goals_of(runs, hours)) if rival else ()
    return Report("Speed", text, [asdict(run) for run in runs], goals)


def of(runs: Sequence[Run], tool: str, hours: float) -> list[Run]:
    """The runs of one tool on one film, by turn."""
    return [run for run in runs if run.tool == tool and run.hours == hours]


def ratio(runs: Sequence[Run], tool: str, hours: float) -> float:
    """Wall time relative to ffsubsync's in the same turn; the median over turns."""
    pairs = zip(of(runs, tool, hours), of(runs, RIVAL, hours), strict=True)
    return median(ours.seconds / theirs.seconds for ours, theirs in pairs)


def speed_table(runs: Sequence[Run], hours: Sequence[float]) -> str:
    """One row per film and tool."""
    rows = []
    for length in hours:
        for tool in (COLD, CACHED, RIVAL):
            chosen = of(runs, tool, length)
            if not chosen:
                continue
            seconds = median(run.seconds for run in chosen)
            relative = ratio(runs, tool, length) if of(runs, RIVAL, length) else None
            rows.append(
                [
                    f"{length:g} h, {tool}",
                    f"{seconds:.1f} s",
                    f"{seconds / length:.1f} s",
                    f"{relative:.2f}" if relative else "",
                    f"{max(run.peak_mib for run in chosen):.0f} MiB",
                    f"{min(run.within for run in chosen):.1%}",
                ]
            )
    head = ["film", "wall time", "per hour", "of ffsubsync's", "peak memory", "within 100 ms"]
    return table(head, rows)


def goals_of(runs: Sequence[Run], hours: Sequence[float]) -> list[Goal]:
    """Time and memory on the film of two hours (the middle one), and growth beyond it."""
    length = sorted(hours)[len(hours) // 2]
    cold, cached = ratio(runs, COLD, length), ratio(runs, CACHED, length)
    peak = max(run.peak_mib for run in of(runs, COLD, length))
    goals = [
        Goal(f"{length:g} h cold: ≤ 0.7 of ffsubsync's wall time", f"{cold:.2f}", cold <= 0.7),
        Goal(f"{length:g} h cached: ≤ 0.1 of ffsubsync's", f"{cached:.2f}", cached <= 0.1),
        Goal(f"{length:g} h: ≤ 1 GiB of memory", f"{peak:.0f} MiB", peak <= 1024),
    ]
    for short, long in pairwise(sorted(hours)):
        growth = median(r.seconds for r in of(runs, COLD, long)) / median(
            r.seconds for r in of(runs, COLD, short)
        )
        goals.append(
            Goal(
                f"linear from {short:g} to {long:g} h (×{long / short:g}, 10% more at most)",
                f"×{growth:.1f}",
                growth <= 1.1 * long / short,
            )
        )
    return goals
