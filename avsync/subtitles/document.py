"""What a file keeps besides its cues: the original bytes, and where in them the time stamps stand.

No writer reproduces a file that it did not write. So nothing is written anew: the bytes stay as
they were read, and retiming replaces the stamps that say another time now, each in the manner in
which it was written ("0:00:01.5" keeps its one digit of hours and its full stop).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

__all__ = ["Clock", "Document", "Edit", "Mark", "Role", "Unplaceable", "decoded", "replaced"]


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
    """A time stamp in the file: text[begin:end], in characters, which says `seconds`."""

    begin: int
    end: int
    seconds: float
    cue: int  # index of its cue; -1: of none
    role: Role


class Edit(NamedTuple):
    """Replace text[begin:end]."""

    begin: int
    end: int
    replacement: str


class Clock(Protocol):
    """How a format reads and writes a time."""

    def read(self, stamp: str) -> float:
        """The seconds that a stamp says; ValueError says why it is malformed."""

    def write(self, seconds: float, like: str) -> str:
        """The stamp nearest to `seconds`, in the manner of `like`; ValueError if there is none."""


class Unplaceable(ValueError):
    """A text does not encode to the bytes that it was decoded from."""


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of a file after its byte order mark, with the marks in the order of their text."""

    body: bytes
    encoding: str
    marks: tuple[Mark, ...]
    spans: tuple[tuple[float, float], ...]  # start and end of every cue as the body says them
    clock: Clock
    rebased: bool = False  # a container begins after 0, so that stamps count from there

    @property
    def text(self) -> str:
        """The body, with a surrogate for each byte that could not be decoded."""
        return decoded(self.body, self.encoding)


def decoded(body: bytes, encoding: str) -> str:
    """The text of a body that has been read before."""
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return body.decode(encoding, "surrogateescape")


def replaced(body: bytes, text: str, encoding: str, edits: Iterable[Edit]) -> bytes:
    """`body`, which decodes to `text`, with the edits of the text done to the bytes.

    Not by encoding the edited text: an encoding with two codes for one character (Windows-932)
    would change what nobody touched.

    Raises:
        Unplaceable: the place of an edit cannot be told.
    """
    pieces, done, offset, copied = [], 0, 0, 0
    for edit in edits:
        offset += len(encoded(text[done : edit.begin], encoding))
        old = encoded(text[edit.begin : edit.end], encoding)
        if not body.startswith(old, offset):
            raise Unplaceable(f"does not come out of {encoding} as it went in")
        pieces += [body[copied:offset], edit.replacement.encode(encoding)]
        offset += len(old)
        done, copied = edit.end, offset
    if offset + len(encoded(text[done:], encoding)) != len(body):
        raise Unplaceable(f"does not come out of {encoding} as it went in")
    return b"".join([*pieces, body[copied:]])


def encoded(text: str, encoding: str) -> bytes:
    """The bytes of a text that `decoded` gave."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "surrogateescape")
