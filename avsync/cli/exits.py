"""How every command ends: its exit code, and what it says of a failure."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from avsync.cli.records import Record, error_record
from avsync.cli.terminal import print_error, print_line
from avsync.errors import AvsyncError
from avsync.jobs import Failure

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3


def fail(message: str, args: argparse.Namespace, code: int) -> int:
    """Say what is wrong, as JSON too where that was asked for; returns `code`."""
    return fail_with(Failure(message), args, code)


def fail_with(failure: Failure, args: argparse.Namespace, code: int = FAILED) -> int:
    """Say what failed, where, and return `code`."""
    if args.json:
        print_json(error_record(failure.message, failure.path, failure.line))
    print_error(failure.message)
    return code


def fail_by(error: AvsyncError | OSError | ValueError, args: argparse.Namespace) -> int:
    """Say what failed; a ValueError that is not avsync's own is a wrong command line."""
    if isinstance(error, ValueError) and not isinstance(error, AvsyncError):
        return fail(str(error), args, USAGE)
    return fail_with(Failure.of(error), args)


def print_json(record: Record) -> None:
    """One JSON object on one line of stdout."""
    print_line(json.dumps(record, allow_nan=False))


def print_lines(lines: Iterable[str]) -> None:
    """Lines on stdout."""
    for line in lines:
        print_line(line)
