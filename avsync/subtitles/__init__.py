"""Subtitle files: read, retime, write.

The libraries judge and convert (pysrt for SubRip, pysubs2 for the rest), and the original bytes
stay: every cue remembers where its time stamps stand, and retiming replaces these and nothing else.
"""

from __future__ import annotations

from avsync.subtitles.model import Cue, Format, Repair, Subtitles
from avsync.subtitles.reading import EXTENSIONS, parse_subtitles, read_subtitles
from avsync.subtitles.writing import to_bytes, write_subtitles

__all__ = [
    "SUBTITLE_EXTENSIONS",
    "Cue",
    "Format",
    "Repair",
    "Subtitles",
    "parse_subtitles",
    "read_subtitles",
    "to_bytes",
    "write_subtitles",
]

SUBTITLE_EXTENSIONS = frozenset(EXTENSIONS)
"""The extensions, in lower case, of the files that can be read and written."""
