"""The command `avsync`: the only part that prints, exits and reads the command line."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

import avsync
from avsync.cli.terminal import StdoutError, open_missing_streams, print_error
from avsync.cli.values import Parser

__all__ = ["COMMANDS", "Command", "entry", "main", "parse"]

INTERRUPTED = 130  # as a shell says of a command that was interrupted
UNTOLD = 1  # as of any file that cannot be written


@dataclass(frozen=True, slots=True)
class Command:
    """One word after `avsync`, as "module:function" names, so that --help loads no library."""

    help: str
    parser: str
    """makes the argument parser"""
    run: str
    """takes what was parsed and returns the exit code"""

    def make_parser(self) -> argparse.ArgumentParser:
        """The parser of this command."""
        return cast(argparse.ArgumentParser, _named(self.parser)())  # type: ignore[operator]


COMMANDS = {
    "beats": Command("find the beats, bars and tempo of a song", "beats:parser", "beats:run"),
    "montage": Command("cut clips to the beats of a song", "montage:parser", "montage:run"),
    "offset": Command(
        "is the sound in sync with the picture? lay recordings over each other",
        "offset:parser",
        "offset:run",
    ),
    "polish": Command(
        "time subtitles as professionals deliver them, to frames and shot changes",
        "polish:parser",
        "polish:run",
    ),
    "retime": Command(
        "retime subtitles to a film, or to subtitles that fit it",
        "arguments:retime_parser",
        "commands:run",
    ),
    "snap": Command("move the cuts of an edit onto the beats of a song", "snap:parser", "snap:run"),
    "tone": Command(
        "does the mood of the sound agree with the mood of the picture?", "tone:parser", "tone:run"
    ),
    "transcribe": Command(
        "write subtitles for a film that has none", "transcribe:parser", "transcribe:run"
    ),
    "words": Command("find when each word of a subtitle is said", "words:parser", "words:run"),
}


def entry() -> None:
    """What the console script calls."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (see `avsync retime --help`)."""
    open_missing_streams()
    try:
        args = parse(argv)
        with warnings.catch_warnings():
            if not args.verbose:  # the libraries': nothing that who runs a command can act on
                warnings.simplefilter("ignore")
            return cast(int, _named(COMMANDS[args.command].run)(args))  # type: ignore[operator]
    except KeyboardInterrupt:
        print_error("interrupted; no file was left half written")
        return INTERRUPTED
    except StdoutError as error:
        print_error(str(error))
        return UNTOLD


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of one command line; on a wrong one, say so and exit with 2."""
    width = max(map(len, COMMANDS))
    parser = Parser(
        prog="avsync",
        description="Line things up in time.",
        epilog="commands (avsync COMMAND --help tells more):\n"
        + "".join(f"  {name:<{width}}  {command.help}\n" for name, command in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avsync {avsync.__version__}")
    parser.add_argument("command", choices=list(COMMANDS), help="what to do")
    rest = parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    rest.required = False  # by the command it may be; where that is missing, only that is
    given = parser.parse_args(_as_files(sys.argv[1:] if argv is None else argv))
    # Not argparse's subparsers: they cannot take options between files, as in "a.mkv -q a.srt".
    args = COMMANDS[given.command].make_parser().parse_intermixed_args(given.arguments)
    args.command = given.command
    return args


def _as_files(argv: Sequence[str]) -> list[str]:
    """What follows the first "--" is no option, whatever it begins with: "./-x.srt" for "-x.srt".

    parse_intermixed_args parses twice, and has forgotten the "--" the second time.
    """
    at = argv.index("--") + 1 if "--" in argv else len(argv)
    return [*argv[:at], *(f"./{word}" if word.startswith("-") else word for word in argv[at:])]


def _named(name: str) -> object:
    module, function = name.split(":")
    return cast(object, getattr(import_module(f"avsync.cli.{module}"), function))
