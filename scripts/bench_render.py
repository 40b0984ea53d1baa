"""Measure rendering from the files that come out: cuts, drift, memory, time beside moviepy.

    python scripts/bench_render.py
    python scripts/bench_render.py --only cuts,drift
    python scripts/bench_render.py --only speed --shots 40 --rounds 5

Cuts: clips of one colour each, on beats that fall anywhere; the frames of the file are counted.
Drift: the same for ten minutes, with a click on every beat, so that picture and sound are compared.
Speed: the same list of shots from 1080p clips, with music and without the clips' sound, by whole
processes that take turns: ours with its defaults, and `moviepy.concatenate_videoclips` and
`write_videofile` with theirs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from bench_clips import (
    BPM,
    beats_until,
    clicks_in,
    colours_in,
    write_clicks,
    write_colour,
)
from bench_render_speed import run_memory, run_speed
from bench_report import Goal, Report, table

from avsync.cutlist import CutList, Shot, Soundtrack
from avsync.media import read_audio
from avsync.render import render

SECTIONS = ("cuts", "drift", "memory", "speed")
KINDS = {
    "23.976": Fraction(24000, 1001),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "59.94": Fraction(60000, 1001),
    "variable": Fraction(30000, 1001),
}


@dataclass(frozen=True)
class Cuts:
    """How the cuts of one film fell, measured from the file."""

    kind: str
    cuts: int
    frames: int
    frames_wanted: int
    worst_frames: float
    """the furthest cut from its beat"""
    misplaced: int
    """cuts that are not at the timeline's frame"""
    sound_ms: float = float("nan")
    """the furthest click from its beat"""
    drift_ms: float = float("nan")
    """how much later the picture is than the sound in the last tenth than in the first"""


def cut_to(beats: Sequence[float], clips: Sequence[Path], rate: Fraction) -> CutList:
    """A shot from each beat to the next, of one clip after the other."""
    edges = [round(Fraction(beat) * rate) for beat in beats]
    shots = [Shot(clips[k % len(clips)], 2, b - a) for k, (a, b) in enumerate(pairwise(edges))]
    return CutList(tuple(shots), rate)


def measure_cuts(kind: str, cuts: CutList, beats: Sequence[float], film: Path) -> Cuts:
    """Count the frames of a film and find its cuts."""
    times, numbers = colours_in(film)
    changes = np.flatnonzero(np.diff(numbers)) + 1
    found = changes.tolist() == list(cuts.cuts)
    off = times[changes] - np.array(beats[1:-1]) if len(changes) == len(beats) - 2 else [np.inf]
    return Cuts(
        kind,
        len(cuts.cuts),
        len(times),
        cuts.frames,
        float(np.abs(off).max()) * float(cuts.frame_rate),
        0 if found else len(set(changes.tolist()) ^ set(cuts.cuts)),
    )


def run_cuts(work: Path, *, seconds: float = 60.0) -> Report:
    """Worst distance of a cut from its beat, for sources of each rate and of all together."""
    clips = {
        kind: [
            write_colour(
                work / f"{kind}-{n}{'.mp4' if n % 2 else '.mkv'}",
                n,
                rate=rate,
                seconds=2.0,
                variable=kind == "variable",
            )
            for n in range(5)
        ]
        for kind, rate in KINDS.items()
    }
    clips["mixed"] = [clips[kind][n] for n, kind in enumerate(KINDS)]
    found, beats = [], beats_until(seconds)
    for kind, paths in clips.items():
        for rate in sorted(set(KINDS.values())) if kind == "mixed" else [KINDS[kind]]:
            cuts = cut_to(beats, paths, rate)
            render(cuts, work / "cuts.mp4", preset="ultrafast")
            named = f"{kind} at {float(rate):.5g}" if kind == "mixed" else kind
            found.append(measure_cuts(named, cuts, beats, work / "cuts.mp4"))
    rows = [
        [
            cut.kind,
            str(cut.cuts),
            f"{cut.frames} of {cut.frames_wanted}",
            str(cut.misplaced),
            f"{cut.worst_frames:.3f}",
        ]
        for cut in found
    ]
    head = ["source", "cuts", "frames", "cuts at another frame", "furthest from its beat, frames"]
    worst = max(cut.worst_frames for cut in found)
    whole = all(cut.frames == cut.frames_wanted and not cut.misplaced for cut in found)
    goals = (
        Goal("every cut within half a frame of its beat", f"{worst:.3f}", worst <= 0.5 + 1e-6),
        Goal("every cut at its frame, and no frame lost", "yes" if whole else "no", whole),
    )
    text = f"{seconds:g} s at {BPM} BPM, a cut on every beat:\n\n{table(head, rows)}"
    return Report("Cuts", text, [asdict(cut) for cut in found], goals)


def run_drift(work: Path, *, minutes: float = 10.0) -> Report:
    """Picture and sound against the beats of a long film."""
    rate = KINDS["29.97"]
    beats = beats_until(minutes * 60, every=2)
    song = write_clicks(work / "song.flac", beats, seconds=minutes * 60)
    clips = [write_colour(work / f"d{n}.mp4", n, rate=rate, seconds=2.0) for n in range(5)]
    cuts = cut_to(beats, clips, rate)
    cuts = CutList(cuts.shots, rate, Soundtrack(song))
    found = []
    for suffix in (".mp4", ".mkv"):
        film = work / f"drift{suffix}"
        render(cuts, film, preset="ultrafast")
        seen = measure_cuts(f"{minutes:g} min, {suffix[1:]}", cuts, beats, film)
        sound = read_audio(film, rate_hz=16_000)
        off = clicks_in(sound.samples, sound.rate_hz, beats[1:-1]) - np.array(beats[1:-1])
        times, numbers = colours_in(film)
        cut_times = times[np.flatnonzero(np.diff(numbers)) + 1]
        # Cuts are at the frame next to their beat; what remains is the file's doing.
        apart = cut_times - np.array([cuts.seconds(n) for n in cuts.cuts]) - off
        tenth = max(1, len(apart) // 10)
        drift = apart[-tenth:].mean() - apart[:tenth].mean()
        sounded = {"sound_ms": 1000 * float(np.abs(off).max()), "drift_ms": 1000 * float(drift)}
        found.append(Cuts(**{**asdict(seen), **sounded}))
    rows = [
        [
            cut.kind,
            str(cut.cuts),
            f"{cut.frames} of {cut.frames_wanted}",
            f"{cut.worst_frames:.3f}",
            f"{cut.sound_ms:.2f} ms",
            f"{cut.drift_ms:+.2f} ms",
        ]
        for cut in found
    ]
    head = ["film", "cuts", "frames", "cut from beat, frames", "click from beat", "drift"]
    worst = found[0].worst_frames
    drift = max(abs(cut.drift_ms) for cut in found)
    goals = (
        Goal(f"within half a frame over {minutes:g} min", f"{worst:.3f}", worst <= 0.5 + 1e-6),
        Goal("picture and sound drift apart by less than 1 ms", f"{drift:.2f} ms", drift < 1),
    )
    text = f"{table(head, rows)}\n\nMatroska rounds times to milliseconds."
    return Report("Drift", text, [asdict(cut) for cut in found], goals)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure rendering from the files that come out.")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of films of cuts")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of films of drift")
    parser.add_argument("--shots", type=int, default=12, help="of the speed section")
    parser.add_argument("--rounds", type=int, default=3, help="of the speed section")
    parser.add_argument("--work", type=Path, help="where films are kept meanwhile")
    args = parser.parse_args()
    if unknown := set(args.only.split(",")) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {SECTIONS}")
    with tempfile.TemporaryDirectory(dir=args.work, prefix="bench-render-") as folder:
        work = Path(folder)
        runs = {
            "cuts": lambda: run_cuts(work, seconds=args.seconds),
            "drift": lambda: run_drift(work, minutes=args.minutes),
            "memory": lambda: run_memory(work),
            "speed": lambda: run_speed(work, shots=args.shots, rounds=args.rounds),
        }
        reports = [runs[name]() for name in args.only.split(",")]
    for report in reports:
        print(f"### {report.title}\n\n{report.markdown}\n")
    goals = [goal for report in reports for goal in report.goals]
    rows = [[goal.what, goal.found, "yes" if goal.reached else "**no**"] for goal in goals]
    print(f"### Goals\n\n{table(['goal', 'found', 'reached'], rows)}")
    return 0 if all(goal.reached for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
