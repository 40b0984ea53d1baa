"""Small text files that a user writes: lists of times, tables of scenes."""

from __future__ import annotations

import os

__all__ = ["read_utf8"]

_LARGEST_BYTES = 1 << 24


def read_utf8(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is in another encoding, or no text; or larger than anybody writes.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise ValueError(f"{name}: over {_LARGEST_BYTES >> 20} MiB; is this the right file?")
    try:
        text, place = content.decode("utf-8-sig"), content.find(b"\0")
    except UnicodeDecodeError as error:
        text, place = "", error.start
    if place >= 0:  # a zero byte is UTF-16 that does not say so, or no text at all
        line = content[:place].count(b"\n") + 1
        raise ValueError(f"{name}:{line}: it is not UTF-8; save it as text in UTF-8")
    return text
