"""The command `avsync`: the only part that prints, exits and reads the command line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from avsync.cli.arguments import parse
from avsync.cli.terminal import print_error

__all__ = ["entry", "main"]

INTERRUPTED = 130  # as a shell says of a command that was interrupted


def entry() -> None:
    """What the console script calls."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (see `avsync retime --help`)."""
    args = parse(argv)
    with warnings.catch_warnings():
        if not args.verbose:  # the libraries': nothing that who runs a command can act on
            warnings.simplefilter("ignore")
        try:
            from avsync.cli.commands import list_tracks, retime  # --help needs none of it

            return list_tracks(args) if args.list_tracks else retime(args)
        except KeyboardInterrupt:
            print_error("interrupted; no file was left half written")
            return INTERRUPTED
