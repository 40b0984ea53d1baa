"""What reaches a person's terminal: lines without control characters, and a progress bar."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

__all__ = [
    "Bar",
    "StdoutError",
    "open_missing_streams",
    "print_error",
    "print_line",
    "printable",
]

_STEPS = 1000
_ROWS = 24  # of the terminal; all that matters is that one bar fits


class StdoutError(Exception):
    """What was to be said could not be written to stdout: its disk is full, say.

    No OSError, because those are of the files that a command reads and writes: this one is nobody's
    to handle but `main`'s.
    """


def open_missing_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr (`2>&-`) one to nowhere.

    Else the first file that it opens would take the number of the missing one, and with it what a
    library in C writes there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 -- for good
            setattr(sys, name, nowhere)


def printable(text: str) -> str:
    """`text` on one line, with all that a terminal could take for a command escaped.

    File names and cues are other people's: they may hold colour codes, line breaks, text that runs
    from right to left to disguise an extension, or bytes that are no characters.
    """
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else ascii(c)[1:-1] for c in text
    )


def print_line(text: str = "") -> None:
    """One line on stdout; a reader that has gone away (`| head`) is not an error.

    Raises:
        StdoutError: it cannot be written.
    """
    _print(printable(text), sys.stdout)


def print_error(text: str) -> None:
    """One line on stderr; where that cannot be written, nobody can be told."""
    _print(f"avsync: {printable(text)}", sys.stderr)


def _print(line: str, stream: Any) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with _writing(stream):
        # A terminal of a narrow encoding must not turn a result into a failure.
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


@contextmanager
def _writing(stream: Any) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Whatever is written later, also by the interpreter when it ends, goes nowhere in peace.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            reason = error.strerror or str(error)
            raise StdoutError(f"cannot write to standard output: {reason}") from error


def _width() -> int:
    # A terminal may not know its size, and says 0 by 0; tqdm would then draw nothing.
    return min(100, os.get_terminal_size(sys.stderr.fileno()).columns or 80)


class Bar:
    """A `Progress` that draws a bar on stderr, where that is a terminal and nobody said --quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar: Any = None
        self._stage = ""
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=_STEPS,
                file=sys.stderr,
                leave=False,
                ncols=_width(),
                nrows=_ROWS,
                bar_format="{desc:<18.18} {percentage:3.0f}% |{bar}| {elapsed}",
            )

    def __call__(self, stage: str, fraction: float, /) -> None:
        if self._bar is None:
            return
        if stage != self._stage:
            self._stage = stage
            self._bar.set_description_str(printable(stage), refresh=False)
        self._bar.n = round(_STEPS * max(0.0, min(1.0, fraction)))
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
