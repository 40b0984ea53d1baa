"""Scenes by name: the windows that a CSV file asks for."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avsync.textfile import read_utf8
from avsync.timemap import Span

__all__ = ["Scenes", "read_scenes"]

_COLUMNS = ("name", "start_s", "end_s")
_LINE = "each line is name,start_s,end_s in seconds, the start before the end"


@dataclass(frozen=True, slots=True)
class Scenes:
    """Windows by name, and where each of them is written."""

    path: str
    spans: Mapping[str, Span]
    """seconds, in the order of the file"""
    lines: Mapping[str, int]
    """from 1"""

    def place(self, name: str) -> str:
        """Where a scene is written, as messages name a place: "scenes.csv:3"."""
        return f"{self.path}:{self.lines[name]}"


def read_scenes(path: str | os.PathLike[str]) -> Scenes:
    """Windows by name, from a CSV file with a head: name, start_s, end_s.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, or says nothing; a number is none, or a name comes twice.
    """
    name = os.fspath(path)
    reader = csv.DictReader(
        io.StringIO(read_utf8(name), newline=""), skipinitialspace=True, strict=True
    )
    spans: dict[str, Span] = {}
    lines: dict[str, int] = {}
    try:
        _check_head(name, reader.fieldnames or ())
        for row in reader:
            scene, line = row["name"], reader.line_num
            if scene in spans:
                raise ValueError(f"{name}:{line}: the scene {scene!r} comes twice; name it anew")
            spans[scene], lines[scene] = _span(row, f"{name}:{line}"), line
    except csv.Error as error:
        raise ValueError(
            f"{name}:{reader.reader.line_num}: it is no CSV ({error}): {_LINE}"
        ) from error
    if not spans:
        raise ValueError(f"{name}: there is no scene in it; under name,start_s,end_s, {_LINE}")
    return Scenes(name, spans, lines)


def _check_head(path: str, columns: Sequence[str]) -> None:
    if columns and not set(_COLUMNS) <= set(columns):
        shown = ",".join(columns)
        shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
        raise ValueError(
            f"{path}:1: the head is {shown}; write {','.join(_COLUMNS)}, with commas between them"
        )


def _span(row: Mapping[str, str | None], place: str) -> Span:
    written = [row[column] for column in _COLUMNS[1:]]
    try:
        start, end = (float(text or "") for text in written)
    except ValueError:
        start = end = math.nan
    if not 0 <= start < end < math.inf or None in row:  # a decimal comma makes one field too many
        shown = ",".join(text or "" for text in row.values() if not isinstance(text, list))
        raise ValueError(f"{place}: {shown} is no scene; {_LINE}")
    return Span(start, end)
