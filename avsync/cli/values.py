"""The values that options take: their bounds, and what is said of a wrong one."""

from __future__ import annotations

import argparse
import codecs
import math
from fractions import Fraction
from typing import NoReturn

from avsync.cli.terminal import print_error, print_line


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and harmless to a terminal."""

    def error(self, message: str) -> NoReturn:
        print_error(f"{message}; see {self.prog} --help")
        self.exit(2)

    def _print_message(self, message: str, file: object = None) -> None:
        # Of --help and --version: argparse's own says nothing where they cannot be written.
        for line in message.splitlines():
            print_line(line)


def count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 or more")
    return value


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return value


def seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 10 seconds")
    return value


def probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 1")
    return value


def frame_rate(text: str) -> Fraction:
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: must be frames per second, 1 to 1000")
    # 23.976 and its like are short for thousands over 1001.
    nominal = Fraction(math.ceil(value) * 1000, 1001)
    return nominal if abs(value - nominal) < Fraction(1, 200) else value


def encoding(text: str) -> str:
    try:
        found = codecs.lookup(text)
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(f"{text}: is no encoding; try utf-8, cp1252") from None
    if not found._is_text_encoding:
        raise argparse.ArgumentTypeError(f"{text}: is no text encoding; try utf-8, cp1252")
    return text


count.__name__ = positive.__name__ = "whole number"  # argparse names the type in its message
seconds.__name__ = probability.__name__ = "number"


def bpm(text: str) -> float:
    value = float(text)
    if not 28 <= value <= 430:
        raise argparse.ArgumentTypeError(f"{text}: must be 28 to 430 beats a minute")
    return value


def meter(text: str) -> int:
    """Beats in a bar: "4", "3/4"; in eighths by threes ("6/8") a beat is a dotted quarter."""
    count, _, unit = text.partition("/")
    value = int(count)
    if unit == "8" and value > 3 and value % 3 == 0:
        value //= 3
    if not 1 <= value <= 16 or unit not in ("", "2", "4", "8"):
        raise argparse.ArgumentTypeError(f"{text}: must be 1 to 16 beats, or like 3/4, 6/8")
    return value


bpm.__name__ = "number"
meter.__name__ = "meter"


def add_loudness(
    group: argparse._ActionsContainer,
    *,
    table: str = "table",
    verbose: str = "the libraries' warnings",
) -> None:
    """The options -q and -v of a command that prints a ``table``; -v shows what is ``verbose``."""
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help=f"no bar and no {table}")
    loudness.add_argument("-v", "--verbose", action="store_true", help=verbose)


def add_no_cache(group: argparse._ActionsContainer, learnt: str) -> None:
    """The option --no-cache, as ``cache``; ``learnt`` says what a cache keeps."""
    group.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help=f"do not keep what was {learnt} for the next run",
    )
