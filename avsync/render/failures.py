"""What it means when FFmpeg cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from avsync.atomic import is_disk_error
from avsync.errors import RenderError


@contextmanager
def ffmpeg_failures(target: Path, trouble: str, remedy: str = "") -> Iterator[None]:
    """Errors of FFmpeg as they concern somebody who wanted a file.

    Args:
        trouble: what could not be done, such as "cannot be encoded".
        remedy: what to do about it.

    Raises:
        OSError: the disk is full or fails. It has no name, for that would be the temporary file's:
            `avsync.atomic.atomic_path` gives it the target's.
        RenderError: whatever else FFmpeg says, of `target`.
    """
    try:
        yield
    except av.FFmpegError as error:
        if is_disk_error(error.errno):
            raise OSError(error.errno, error.strerror) from error
        reason = error.strerror or str(error)
        after = f": {remedy}" if remedy else ""
        raise RenderError(target, f"{trouble} ({reason}){after}") from error
