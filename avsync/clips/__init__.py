"""What a clip shows, moment by moment: its shots, how much moves, how sharp and bright it is.

The only owner of scenedetect and OpenCV. `analyse_clip` decodes a clip once; `Clip` is plain data
that a planner can also be given by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from avsync.clips.clip import TOKEN_RATE_HZ, Clip

if TYPE_CHECKING:
    from avsync.clips.analyse import analyse_clip as analyse_clip
    from avsync.clips.film import find_shots as find_shots

__all__ = ["TOKEN_RATE_HZ", "Clip", "analyse_clip", "find_shots"]


def __getattr__(name: str) -> object:
    if name == "analyse_clip":  # brings torch along, which a Clip does not need
        from avsync.clips.analyse import analyse_clip

        return analyse_clip
    if name == "find_shots":
        from avsync.clips.film import find_shots

        return find_shots
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
