"""How much of each file there is beside what a timeline shows of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.timeline.clock import frames_of
from avsync.timeline.items import speed_change, url_of
from avsync.timeline.places import name_of, to_path
from avsync.timeline.sources import look_at

ENDLESS = Fraction(10**9)
"""Frames of what needs no file, or of a file whose length nobody knows."""
_HALF = Fraction(1, 2)


class Material:
    """How much of each file there is beside what is shown of it."""

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self._folder, self.rate = folder, rate
        self._known: dict[str, tuple[Fraction, Fraction] | None] = {}
        self.notes: list[str] = []

    def spare(self, item: Any) -> tuple[Fraction, Fraction]:
        """Frames of the timeline that could be shown before and after an item."""
        if isinstance(item, otio.schema.Gap) or _is_generated(item):
            return ENDLESS, ENDLESS
        if speed_change(item):
            return Fraction(0), Fraction(0)
        shown = item.trimmed_range()
        start = frames_of(shown.start_time, self.rate)
        end = start + frames_of(shown.duration, self.rate)
        limits = self._limits(item)
        if limits is None or not (limits[0] <= start + _HALF and start < limits[1]):
            self._note(item)
            return max(start, Fraction(0)), ENDLESS
        return max(start - limits[0], Fraction(0)), max(limits[1] - end, Fraction(0))

    def _limits(self, item: Any) -> tuple[Fraction, Fraction] | None:
        reference = getattr(item, "media_reference", None)
        if reference is None and not isinstance(item, otio.schema.Clip):
            whole = item.available_range()  # of a nested timeline
        else:
            whole = reference.available_range if reference is not None else None
        if whole is not None:
            start = frames_of(whole.start_time, self.rate)
            return start, start + frames_of(whole.duration, self.rate)
        url = url_of(item)
        if url not in self._known:
            path = to_path(url, self._folder)
            length = look_at(path).duration if path is not None else None
            self._known[url] = None if length is None else (Fraction(0), length * self.rate)
        return self._known[url]

    def _note(self, item: Any) -> None:
        name = name_of(url_of(item)) or item.name or "a clip"
        note = f"{name} is not at hand: whether it has enough material was not checked"
        if note not in self.notes:
            self.notes.append(note)


def _is_generated(item: Any) -> bool:
    return isinstance(getattr(item, "media_reference", None), otio.schema.GeneratorReference)
