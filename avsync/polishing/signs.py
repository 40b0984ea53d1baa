"""Signs: cues that are drawn at a place of the picture and timed to it, not to what is said."""

from __future__ import annotations

import re

__all__ = ["is_sign"]

_SIGN = re.compile(r"\{[^{}]*\\(?:pos|move|i?clip|org)\(|\{[^{}]*\\p[1-9]")


def is_sign(text: str, format: str) -> bool:
    """Whether a raw cue text sets itself to a place of the picture, or is a drawing."""
    return format in ("ass", "ssa") and _SIGN.search(text) is not None
