"""The beats of a song."""

from __future__ import annotations

from avsync.beats.grid import BeatGrid

__all__ = ["BeatGrid"]
