"""What a file keeps besides its cues: the original bytes, and where in them the time stamps stand.

No writer reproduces a file that it did not write. So nothing is written anew: the bytes stay as
they were read, and retiming replaces the stamps that say another time now, each in the manner in
which it was written ("0:00:01.5" keeps its one digit of hours and its full stop).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

__all__ = ["Clock", "Document", "Mark", "Role"]


class Role(Enum):
    """What a time stamp says about its cue."""

    START = "start"
    END = "end"
    DURATION = "duration"
    INSIDE = "inside"  # a time within the cue, on the file's clock: <00:01.500> in WebVTT
    RELATIVE = "relative"  # a time within the cue, from its start: a timed span in TTML
    FLOOR = "floor"  # where a container of cues begins, which its cues count from (TTML)
    CEILING = "ceiling"  # where a container of cues ends, which cuts off its cues (TTML)


class Mark(NamedTuple):
    """A time stamp in the file: text[begin:end], which says `seconds`."""

    begin: int
    end: int
    seconds: float
    cue: int  # index of its cue; -1: of none
    role: Role


class Clock(Protocol):
    """How a format reads and writes a time."""

    def read(self, stamp: str) -> float:
        """The seconds that a stamp says; ValueError says why it is malformed."""

    def write(self, seconds: float, like: str) -> str:
        """The stamp nearest to `seconds`, in the manner of `like`; ValueError if there is none."""


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of a file after its byte order mark, with the marks in order, in bytes."""

    body: bytes
    marks: tuple[Mark, ...]
    spans: tuple[tuple[float, float], ...]  # start and end of every cue as the body says them
    clock: Clock
    rebased: bool = False  # a container begins after 0, so that stamps count from there
