"""What `avsync retime` does once its command line is read: plan, run, report, exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from avsync.batch import retime_many
from avsync.cli.arguments import retime_parser
from avsync.cli.exits import (
    DONE,
    FAILED,
    REFUSED,
    USAGE,
    fail,
    fail_by,
    fail_with,
    print_json,
    print_lines,
)
from avsync.cli.planning import Plan, UsageError, make_plan, settings_from
from avsync.cli.records import (
    batch_record,
    media_record,
    outcome_record,
)
from avsync.cli.report import batch_lines, media_lines, outcome_lines, refusal_line
from avsync.cli.terminal import Bar, print_error
from avsync.errors import AvsyncError
from avsync.jobs import Failure, Outcome

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """`avsync retime`, either way of calling it."""
    return list_tracks(args) if args.list_tracks else retime(args)


def retime(args: argparse.Namespace) -> int:
    """`avsync retime REFERENCE SUBTITLES...`"""
    try:
        settings = settings_from(args)
        plan = make_plan(args)
    except UsageError as error:
        return fail(str(error), args, USAGE)
    except OSError as error:
        return fail_with(Failure.of(error), args)
    try:
        with Bar(quiet=args.quiet) as bar:
            outcomes = retime_many(
                plan.jobs, settings=settings, n_jobs=args.jobs, dask=args.dask, progress=bar
            )
    except (AvsyncError, ValueError) as error:
        return fail_by(error, args)
    return _report(plan, outcomes, args)


def list_tracks(args: argparse.Namespace) -> int:
    """`avsync retime --list-tracks REFERENCE`"""
    from avsync.media import choose_audio_track, probe

    if args.subtitles:
        return fail("--list-tracks takes one REFERENCE and no SUBTITLES", args, USAGE)
    if idle := _idle(args):
        return fail(f"--list-tracks retimes and writes nothing: leave out {idle}", args, USAGE)
    try:
        info = probe(args.reference)
    except (AvsyncError, OSError) as error:
        return fail_with(Failure.of(error), args)
    try:
        listens_to = choose_audio_track(info, args.audio_track).index
    except AvsyncError:
        listens_to = None  # a film without sound has tracks to list all the same
    if args.json:
        print_json(media_record(info, listens_to))
    else:
        print_lines(media_lines(info, listens_to))
    return DONE


def _idle(args: argparse.Namespace) -> str:
    """The options that say nothing about a list of tracks, as they are called."""
    plain = vars(retime_parser().parse_args(["film"]))
    given = {name for name, value in plain.items() if vars(args)[name] != value}
    given -= {"reference", "list_tracks", "audio_track", "cache", "json", "quiet", "verbose"}
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(given))


def _report(plan: Plan, outcomes: Sequence[Outcome], args: argparse.Namespace) -> int:
    """Say what became of it all: on stdout what was done, on stderr what was not."""
    if args.json:
        many = plan.many
        print_json(batch_record(outcomes, plan.unpaired) if many else outcome_record(outcomes[0]))
    elif plan.many and outcomes and not args.quiet:
        print_lines(batch_lines(outcomes, plan.unpaired))
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
        print_lines(outcome_lines(outcome, verbose=args.verbose))
