"""Reading and writing subtitle files."""

from __future__ import annotations

import os
from fractions import Fraction

from avsync.subtitles.model import Format, Subtitles

__all__ = [
    "SUBTITLE_EXTENSIONS",
    "parse_subtitles",
    "read_subtitles",
    "to_bytes",
    "write_subtitles",
]

SUBTITLE_EXTENSIONS = frozenset({".srt", ".ass", ".ssa", ".vtt", ".sub", ".ttml", ".dfxp"})


def read_subtitles(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    lenient: bool = False,
    fps: float | Fraction | None = None,
) -> Subtitles:
    """Read a subtitle file."""
    raise NotImplementedError


def parse_subtitles(
    data: bytes,
    *,
    format: Format,
    path: str | os.PathLike[str] = "<memory>",
    encoding: str | None = None,
    lenient: bool = False,
    fps: float | Fraction | None = None,
) -> Subtitles:
    """Read subtitles of a known format from bytes."""
    raise NotImplementedError


def write_subtitles(
    subtitles: Subtitles,
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    fps: float | Fraction | None = None,
) -> None:
    """Write a subtitle file, in the format of its extension."""
    raise NotImplementedError


def to_bytes(
    subtitles: Subtitles,
    *,
    format: Format | None = None,
    encoding: str | None = None,
    fps: float | Fraction | None = None,
) -> bytes:
    """The bytes of a subtitle file."""
    raise NotImplementedError
