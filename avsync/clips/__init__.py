"""What a clip shows, moment by moment: its shots, how much moves, how sharp and bright it is.

The only owner of scenedetect. `analyse_clip` decodes a clip once; `Clip` is plain data that a
planner can also be given by hand.
"""

from __future__ import annotations

from avsync.clips.clip import TOKEN_RATE_HZ, Clip

__all__ = ["TOKEN_RATE_HZ", "Clip"]
