"""Where a command writes to: whether it can is found out before the work, not after it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from avsync.atomic import check_replaceable
from avsync.jobs import file_identity

__all__ = ["UsageError", "check_directory", "check_target", "check_targets"]


class UsageError(ValueError):
    """The command line asks for what cannot be; nothing has been done."""


def check_target(path: Path, option: str = "") -> None:
    """Refuse a file that could not be written after an hour of work.

    Args:
        path: the file; it may be there already.
        option: what to call it by, such as "--plot", where its name alone does not say.

    Raises:
        UsageError: it is a directory, or lies in one that is not there.
        OSError: it, or the directory it is to lie in, may not be written.
    """
    name = f"{option} {path}".lstrip()
    if path.is_dir():
        raise UsageError(f"{name} is a directory; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"{name}: there is no directory {path.parent}; make it first")
    check_replaceable(path)


def check_targets(targets: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse outputs that cannot be written, or would overwrite what is read or one another.

    Raises:
        UsageError: one is an input, a directory or in none, or comes twice.
        OSError: an input is not there, or an output may not be written.
    """
    read = set()
    for path in inputs:
        os.stat(path)  # rather now than after an hour
        read.add(file_identity(path))
    seen = set()
    for path in targets:
        identity = file_identity(path)
        if identity in read:
            raise UsageError(f"{path} is read, and would be overwritten; name another output")
        if identity in seen:
            raise UsageError(f"{path} would be written twice; name another output")
        seen.add(identity)
        check_target(path)


def check_directory(path: Path) -> None:
    """Refuse a directory that could not be made, or not be written into.

    Raises:
        UsageError: a file is in its place.
        PermissionError: it, or the one in which it is to be made, may not be written.
    """
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        raise UsageError(f"{path}: {there} is a file and no directory; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(there))
