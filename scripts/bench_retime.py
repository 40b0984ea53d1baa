"""Measure ``avsync retime`` beside ffsubsync, and print the tables of the README.

    python scripts/bench_retime.py BANK --out bench.md --json bench.json
    python scripts/bench_retime.py BANK --quick --only accuracy,refine

Films, voices and music are those of the bank's ``test`` split, which no training has heard.
Everything is drawn from one seed. ``BANK`` is what ``make_voices.py`` wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from bench_accuracy import run_accuracy
from bench_files import run_in_sync, run_refine, run_subtitles
from bench_films import Settings
from bench_report import Report, table
from bench_speed import run_speed
from bench_trust import run_trust

import avsync
from avsync.aligner.model import load_model

SECTIONS = ("accuracy", "trust", "sync", "subtitles", "refine", "speed")


def main() -> int:
    args = parse_arguments()
    wanted = args.only.split(",")
    with tempfile.TemporaryDirectory(dir=args.work, prefix="bench-retime-") as work:
        settings = Settings(
            bank=args.bank,
            model=args.model,
            work=Path(work),
            jobs=args.jobs,
            minutes=args.minutes,
            rival=args.rival,
            seed=args.seed,
        )
        runs = sections(args, settings)
        reports: dict[str, Report] = {}
        for name in wanted:
            began = time.perf_counter()
            reports[name] = runs[name]()
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            write(args, reports)  # after each: a long run that is stopped has not been for nothing
    print(as_markdown(args, reports))
    return 0 if all(goal.reached for report in reports.values() for goal in report.goals) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure avsync retime beside ffsubsync.",
        epilog="Exit code 1 says that a goal was missed.",
    )
    parser.add_argument("bank", type=Path, help="what make_voices.py wrote")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the tables to this Markdown file")
    parser.add_argument("--json", type=Path, help="write every number to this file")
    parser.add_argument("--model", type=Path, help="weights other than the package's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=2002)
    parser.add_argument("--minutes", type=float, default=30.0, help="length of a film")
    parser.add_argument("--films", type=int, default=10, help="films per fault")
    parser.add_argument("--people-films", type=int, default=4, help="with recorded voices only")
    parser.add_argument("--trust-films", type=int, default=33, help="each with all subtitles")
    parser.add_argument("--sync-files", type=int, default=100)
    parser.add_argument("--speed-rounds", type=int, default=5)
    parser.add_argument("--subtitles", type=Path, metavar="DIR", help="SRTs of one film, in sync")
    parser.add_argument("--work", type=Path, help="where films are kept meanwhile (5 GB)")
    parser.add_argument("--no-ffsubsync", dest="rival", action="store_false")
    parser.add_argument("--quick", action="store_true", help="two short films: a trial of the code")
    args = parser.parse_args()
    if unknown := set(args.only.split(",")) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {SECTIONS}")
    if args.quick:
        args.minutes, args.films, args.people_films, args.trust_films = 10.0, 2, 1, 2
        args.sync_files, args.speed_rounds = 4, 1
    return args


def sections(args: argparse.Namespace, settings: Settings) -> dict[str, Callable[[], Report]]:
    """What each section runs."""
    hours = (0.1, 0.2) if args.quick else (0.5, 2.0, 6.0)
    return {
        "accuracy": lambda: run_accuracy(settings, films=args.films, people=args.people_films),
        "trust": lambda: run_trust(settings, films=args.trust_films),
        "sync": lambda: run_in_sync(settings, files=args.sync_files),
        "subtitles": lambda: run_subtitles(settings, films=args.films, directory=args.subtitles),
        "refine": lambda: run_refine(settings, films=args.films),
        "speed": lambda: run_speed(settings, hours=hours, rounds=args.speed_rounds),
    }


def write(args: argparse.Namespace, reports: dict[str, Report]) -> None:
    """Write what there is so far."""
    if args.out:
        args.out.write_text(as_markdown(args, reports) + "\n", encoding="utf-8")
    if args.json:
        options = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
        numbers = {
            "version": avsync.__version__,
            "model": load_model(args.model).version,
            "options": options,
            "goals": [
                {"section": name, "goal": g.what, "found": g.found, "reached": g.reached}
                for name, report in reports.items()
                for g in report.goals
            ],
            **{name: report.numbers for name, report in reports.items()},
        }
        args.json.write_text(json.dumps(numbers, indent=1), encoding="utf-8")


def as_markdown(args: argparse.Namespace, reports: dict[str, Report]) -> str:
    """What was measured, the tables of all sections, then what was to be reached."""
    tools = f"avsync {avsync.__version__} with weights `{load_model(args.model).version}`"
    if args.rival:
        tools += f", ffsubsync {version('ffsubsync')}"
    made = f"{tools}; films of {args.minutes:g} min, seed {args.seed}."
    parts = [f"### {report.title}\n\n{report.markdown}" for report in reports.values()]
    goals = [
        [goal.what, goal.found, "yes" if goal.reached else "**no**"]
        for report in reports.values()
        for goal in report.goals
    ]
    if goals:
        parts.append(f"### Goals\n\n{table(['goal', 'found', 'reached'], goals)}")
    return "\n\n".join([made, *parts])


if __name__ == "__main__":
    sys.exit(main())
