"""Every failure that avsync reports itself.

Bad arguments stay `ValueError` and a missing file stays `FileNotFoundError`; what is here says
that some *content* or some *result* is at fault. An error keeps its facts as attributes and builds
its own message from them: the place first, then the reason, which ends with what to do about it.
All of them survive pickling, so a worker process can send them back.
"""

from __future__ import annotations

import os
import unicodedata
from typing import Any

__all__ = [
    "AlignmentError",
    "AvsyncError",
    "LowConfidence",
    "MediaError",
    "ModelUnavailable",
    "RenderError",
    "SubtitleError",
]


class AvsyncError(Exception):
    """The base of every error below: catch this one to catch them all."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class with its finished message instead of with its facts.
        return _restore, (type(self), self.args, self.__dict__)


class MediaError(AvsyncError, OSError):
    """A film or sound file cannot be read as it is."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        super().__init__(f"{_shown(self.path)}: {reason}")


class SubtitleError(AvsyncError, ValueError):
    """A subtitle file cannot be read, or cannot be written as asked.

    `line` counts from 1 and is None when no single line is at fault.
    """

    def __init__(self, path: str | os.PathLike[str], line: int | None, reason: str) -> None:
        self.path = os.fspath(path)
        self.line = line
        self.reason = reason
        place = _shown(self.path) if line is None else f"{_shown(self.path)}:{line}"
        super().__init__(f"{place}: {reason}")


class ModelUnavailable(AvsyncError):
    """A trained model is missing or cannot be loaded."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"model {_shown(name)}: {reason}")


class AlignmentError(AvsyncError):
    """Two sequences cannot be lined up at all; `path` is the file at fault, if it is a file's."""

    def __init__(self, reason: str, *, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else os.fspath(path)
        self.reason = reason
        super().__init__(reason if self.path is None else f"{_shown(self.path)}: {reason}")


class LowConfidence(AlignmentError):
    """An alignment was found and is not to be trusted; `alignment` keeps it for a closer look."""

    def __init__(self, reason: str, *, alignment: Any = None) -> None:
        self.alignment = alignment
        super().__init__(reason)


class RenderError(AvsyncError):
    """A file cannot be rendered."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        super().__init__(f"{_shown(self.path)}: {reason}")


def _restore(kind: type[AvsyncError], args: tuple[Any, ...], facts: dict[str, Any]) -> AvsyncError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


def _shown(name: str) -> str:
    # A file name may hold line breaks and terminal escapes; a message may not.
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else ascii(c)[1:-1] for c in name
    )
