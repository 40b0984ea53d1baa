"""Cut lists for other programs: timelines of editing programs, and moviepy clips.

The only owner of opentimelineio and moviepy; each is imported when it is first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from avsync.timeline.formats import TIMELINE_EXTENSIONS

if TYPE_CHECKING:
    from avsync.timeline.files import read_timeline as read_timeline
    from avsync.timeline.files import write_timeline as write_timeline
    from avsync.timeline.scripting import to_moviepy as to_moviepy

__all__ = ["TIMELINE_EXTENSIONS", "read_timeline", "to_moviepy", "write_timeline"]

_HOMES = {"read_timeline": "files", "write_timeline": "files", "to_moviepy": "scripting"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
