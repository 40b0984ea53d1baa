"""What `avsync retime` does once its command line is read: plan, run, report, exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence

from avsync.batch import retime_many
from avsync.cli.planning import Plan, UsageError, make_plan, settings_from
from avsync.cli.records import (
    Record,
    batch_record,
    error_record,
    media_record,
    outcome_record,
)
from avsync.cli.report import batch_lines, media_lines, outcome_lines, refusal_line
from avsync.cli.terminal import Bar, print_error, print_line
from avsync.errors import AvsyncError
from avsync.jobs import Failure, Outcome

__all__ = ["list_tracks", "retime"]

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3


def retime(args: argparse.Namespace) -> int:
    """`avsync retime REFERENCE SUBTITLES...`"""
    try:
        settings = settings_from(args)
        plan = make_plan(args)
    except UsageError as error:
        return _fail(str(error), args, USAGE)
    except OSError as error:
        return _fail_with(Failure.of(error), args)
    try:
        with Bar(quiet=args.quiet) as bar:
            outcomes = retime_many(
                plan.jobs, settings=settings, n_jobs=args.jobs, dask=args.dask, progress=bar
            )
    except AvsyncError as error:
        return _fail_with(Failure.of(error), args)
    return _report(plan, outcomes, args)


def list_tracks(args: argparse.Namespace) -> int:
    """`avsync retime --list-tracks REFERENCE`"""
    from avsync.media import choose_audio_track, probe

    if args.subtitles:
        return _fail("--list-tracks takes one REFERENCE and no SUBTITLES", args, USAGE)
    try:
        info = probe(args.reference)
    except (AvsyncError, OSError) as error:
        return _fail_with(Failure.of(error), args)
    try:
        listens_to = choose_audio_track(info, args.audio_track).index
    except AvsyncError:
        listens_to = None  # a film without sound has tracks to list all the same
    if args.json:
        _print_json(media_record(info, listens_to))
    else:
        _print_lines(media_lines(info, listens_to))
    return DONE


def _report(plan: Plan, outcomes: Sequence[Outcome], args: argparse.Namespace) -> int:
    """Say what became of it all: on stdout what was done, on stderr what was not."""
    if args.json:
        many = plan.many
        _print_json(batch_record(outcomes, plan.unpaired) if many else outcome_record(outcomes[0]))
    elif plan.many and outcomes and not args.quiet:
        _print_lines(batch_lines(outcomes, plan.unpaired))
    for outcome in outcomes:
        _report_one(outcome, args, summed_up=plan.many)
    if not outcomes:
        for item in plan.unpaired:
            print_error(f"{item.path}: {item.reason}")
        print_error(f"{args.reference}: no film and subtitles in it belong together by name")
    statuses = {outcome.status for outcome in outcomes}
    if not outcomes or "failed" in statuses:
        return FAILED
    return REFUSED if "refused" in statuses else DONE


def _report_one(outcome: Outcome, args: argparse.Namespace, *, summed_up: bool) -> None:
    if outcome.failure is not None:
        message = outcome.failure.message
        named = outcome.failure.path is not None
        print_error(message if named else f"{outcome.job.subtitles}: {message}")
        return
    if outcome.status == "refused":
        print_error(refusal_line(outcome))
    if args.json or args.quiet:
        return
    if args.verbose or not (summed_up or outcome.status == "refused"):
        _print_lines(outcome_lines(outcome, verbose=args.verbose))


def _fail(message: str, args: argparse.Namespace, code: int) -> int:
    return _fail_with(Failure(message), args, code)


def _fail_with(failure: Failure, args: argparse.Namespace, code: int = FAILED) -> int:
    if args.json:
        _print_json(error_record(failure.message, failure.path, failure.line))
    print_error(failure.message)
    return code


def _print_json(record: Record) -> None:
    print_line(json.dumps(record, allow_nan=False))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print_line(line)
