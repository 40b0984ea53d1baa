"""Measure ``avsync montage``: planning, exports, rendering beside moviepy; print README's tables.

    python scripts/bench_montage.py --out bench.md --json bench.json
    python scripts/bench_montage.py --quick --only planning

All clips are made on the spot; nothing is drawn from outside.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench_plan import run_exports, run_planning
from bench_render import run_cuts, run_drift
from bench_render_speed import run_memory, run_speed
from bench_report import Report, table

import avsync

SECTIONS = ("planning", "exports", "cuts", "drift", "memory", "speed")


def main() -> int:
    args = parse_arguments()
    reports: dict[str, Report] = {}
    with tempfile.TemporaryDirectory(dir=args.work, prefix="bench-montage-") as work:
        runs = sections(args, Path(work))
        for name in args.only.split(","):
            began = time.perf_counter()
            reports[name] = runs[name]()
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            write(args, reports)  # after each: a long run that is stopped has not been for nothing
    print(as_markdown(reports))
    return 0 if all(goal.reached for report in reports.values() for goal in report.goals) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure avsync montage.", epilog="Exit code 1 says that a goal was missed."
    )
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the tables to this Markdown file")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--model", type=Path, help="weights other than the package's")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each clip (%(default)s)")
    parser.add_argument("--work", type=Path, help="where clips are kept meanwhile")
    parser.add_argument("--quick", action="store_true", help="a few clips: a trial of the code")
    args = parser.parse_args()
    if unknown := set(args.only.split(",")) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {SECTIONS}")
    if args.quick:
        args.clips = 12
    return args


def sections(args: argparse.Namespace, work: Path) -> dict[str, Callable[[], Report]]:
    """What each section runs."""
    return {
        "planning": lambda: run_planning(
            work, clips=args.clips, seconds=args.seconds, model=args.model
        ),
        "exports": lambda: run_exports(work),
        "cuts": lambda: run_cuts(work, seconds=8.0 if args.quick else 60.0),
        "drift": lambda: run_drift(work, minutes=0.5 if args.quick else 10.0),
        "memory": lambda: run_memory(work, counts=(4, 8) if args.quick else (10, 50, 200)),
        "speed": lambda: run_speed(
            work, shots=4 if args.quick else 12, rounds=1 if args.quick else 3
        ),
    }


def write(args: argparse.Namespace, reports: dict[str, Report]) -> None:
    """Write what there is so far."""
    if args.out:
        args.out.write_text(as_markdown(reports) + "\n", encoding="utf-8")
    if args.json:
        numbers = {
            "version": avsync.__version__,
            "goals": [
                {"section": name, "goal": g.what, "found": g.found, "reached": g.reached}
                for name, report in reports.items()
                for g in report.goals
            ],
            **{name: report.numbers for name, report in reports.items()},
        }
        args.json.write_text(json.dumps(numbers, indent=1), encoding="utf-8")


def as_markdown(reports: dict[str, Report]) -> str:
    """The tables of all sections, then what was to be reached."""
    parts = [f"### {report.title}\n\n{report.markdown}" for report in reports.values()]
    goals = [
        [goal.what, goal.found, "yes" if goal.reached else "**no**"]
        for report in reports.values()
        for goal in report.goals
    ]
    if goals:
        parts.append(f"### Goals\n\n{table(['goal', 'found', 'reached'], goals)}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
