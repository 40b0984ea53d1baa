"""A plan of a montage as text for people and as JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.records import Record

if TYPE_CHECKING:
    from avsync.montage import Choice, MontagePlan

__all__ = ["plan_lines", "plan_record", "warning_lines"]


def warning_lines(plan: MontagePlan) -> Iterator[str]:
    """What was left out, and what could not be had as asked."""
    yield from map(str, plan.report.skipped)
    yield from plan.report.notes


def plan_lines(
    plan: MontagePlan, written: Sequence[Path], *, table: bool, reasons: bool
) -> Iterator[str]:
    """The summary of a plan, line by line; with `table` each shot before it."""
    cuts, report, grid = plan.cuts, plan.report, plan.grid
    if table:
        yield from _table(plan, reasons=reasons)
    song = "the song" if grid.path is None else str(grid.path)
    yield (
        f"{song}: {grid.tempo_bpm:.1f} BPM, {grid.meter} beats in a bar, "
        f"confidence {grid.confidence:.2f}"
    )
    yield (
        f"  {_things(len(cuts.shots), 'shot')} in {_clock(cuts.duration)} at "
        f"{float(cuts.frame_rate):.6g} fps, from {report.clips_shown} of "
        f"{_things(report.clips, 'clip')}"
    )
    turned_down = ", ".join(f"{each.moments} {each.reason}" for each in report.rejections)
    if turned_down:
        yield f"  of {_things(report.moments, 'moment')} left out: {turned_down}"
    for path in written:
        yield f"  written to {path}"


def _table(plan: MontagePlan, *, reasons: bool) -> Iterator[str]:
    cuts = plan.cuts
    names = _names([choice.clip for choice in plan.choices])
    width = max(map(len, names.values()))
    head = f"{'shot':>4}  {'time':>9}  {'beat':>6}  {'length':>8}  {'clip':<{width}}"
    yield f"{head}  {'from':>9}  score"
    rows = zip(cuts.starts, cuts.shots, plan.slots, plan.choices, strict=True)
    for number, (start, shot, slot, choice) in enumerate(rows, start=1):
        line = (
            f"{number:4}  {_clock(cuts.seconds(start)):>9}  {slot.beat:>6}  "
            f"{cuts.seconds(shot.frames):6.2f} s  {names[choice.clip]:<{width}}  "
            f"{_clock(choice.moment.start):>9}  {choice.score:5.2f}"
        )
        yield f"{line}  {_why(choice)}" if reasons else line


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """File names; whole paths where two share one."""
    named: dict[str, set[Path]] = {}
    for path in paths:
        named.setdefault(path.name, set()).add(path)
    return {path: path.name if len(named[path.name]) == 1 else str(path) for path in paths}


def _why(choice: Choice) -> str:
    reasons = choice.reasons
    return f"match {reasons.match:+.1f}, motion {reasons.motion:.2f}, quality {reasons.quality:.2f}"


def plan_record(plan: MontagePlan, written: Sequence[Path]) -> Record:
    """A plan as JSON: frames of the timeline, seconds, and the reasons."""
    cuts, report, grid = plan.cuts, plan.report, plan.grid
    rows = zip(cuts.starts, cuts.shots, plan.slots, plan.choices, strict=True)
    return {
        "song": None if grid.path is None else os.fspath(grid.path),
        "tempo_bpm": round(grid.tempo_bpm, 3),
        "meter": grid.meter,
        "confidence": round(grid.confidence, 4),
        "frame_rate": str(cuts.frame_rate),
        "frames": cuts.frames,
        "duration_s": _number(cuts.duration),
        "music_start_s": _number(plan.music.start),
        "shots": [
            {
                "shot": number,
                "start_frame": start,
                "frames": shot.frames,
                "start_s": _number(cuts.seconds(start)),
                "beat": slot.beat or None,
                "clip": os.fspath(shot.source),
                "source_frame": shot.source_frame,
                "source_start_s": _number(choice.moment.start),
                "dissolve_frames": shot.dissolve_frames,
                "score": choice.score,
                "match": choice.reasons.match,
                "motion": choice.reasons.motion,
                "quality": choice.reasons.quality,
            }
            for number, (start, shot, slot, choice) in enumerate(rows, start=1)
        ],
        "clips": report.clips,
        "clips_shown": report.clips_shown,
        "moments": report.moments,
        "rejections": [
            {
                "reason": each.reason,
                "option": each.option or None,
                "moments": each.moments,
                "seconds": _number(each.seconds),
            }
            for each in report.rejections
        ],
        "skipped": [
            {"path": os.fspath(each.path), "reason": each.reason} for each in report.skipped
        ],
        "notes": list(report.notes),
        "written": [os.fspath(path) for path in written],
    }


def _clock(seconds: float) -> str:
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{ms / 1000:06.3f}"


def _things(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _number(value: float) -> float:
    return round(float(value), 6)
