"""Embedded subtitles as the bytes of a subtitle file."""

from __future__ import annotations

import os


def read_subtitle_track(path: str | os.PathLike[str], *, track: int) -> tuple[bytes, str]:
    """Not there yet."""
    raise NotImplementedError
