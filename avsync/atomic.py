"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

__all__ = ["atomic_path", "back_up", "check_replaceable", "is_disk_error"]

# Errors that name no file, because they come from a write to an open one.
_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
}


def is_disk_error(number: int | None) -> bool:
    """Whether an error of that number is the disk's, and not of what was to be written."""
    return number in _DISK_ERRORS


def check_replaceable(target: str | os.PathLike[str]) -> None:
    """Raise now, before the work, what `atomic_path` would raise after it.

    Raises:
        OSError: the target is a directory, a device or read-only, or the directory in which it
            is to lie is not there or read-only; the error names the target.
    """
    final = Path(os.path.realpath(target))
    _check_replaceable(final)
    for mode, number in ((os.F_OK, errno.ENOENT), (os.W_OK | os.X_OK, errno.EACCES)):
        if not os.access(final.parent, mode):
            raise OSError(number, os.strerror(number), os.fspath(target))


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a temporary file that becomes `target` when the block ends without error.

    The temporary file lies beside the target, so that the last step is a rename within one file
    system, which no reader and no crash can see half done; it has the target's extension, for
    writers that choose their format by it. On any error it is removed and the target is as before.
    A link stays a link (what it points to is replaced), and an existing file keeps its permissions.

    Raises:
        OSError: the target is a directory, a device or read-only, or the disk is full; the error
            names the target.
    """
    final = Path(os.path.realpath(target))
    suffix = final.suffix if len(final.suffix) <= 16 else ""
    temporary = final.with_name(f".avsync-{secrets.token_hex(8)}{suffix}")
    try:
        existing = _check_replaceable(final)
        # Not tempfile: it makes files that only their owner can read, whatever the umask says.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _flush(temporary)
        if existing is not None:
            with suppress(OSError, AttributeError):  # only root may give a file away, on Unix
                os.chown(temporary, existing.st_uid, existing.st_gid)
            shutil.copymode(final, temporary)
        os.replace(temporary, final)
    except OSError as error:
        unnamed = error.filename is None and is_disk_error(error.errno)
        if unnamed or error.filename in (os.fspath(temporary), temporary):
            raise OSError(error.errno, error.strerror, os.fspath(target)) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def back_up(path: Path) -> Path:
    """Keep the original as path.bak, path.bak1, ...: the first that is free."""
    with open(path, "rb") as source:
        for number in count():
            backup = path.with_name(f"{path.name}.bak{number or ''}")
            try:  # exclusive: what bears that name by now is never overwritten
                backup.touch(exist_ok=False)
            except FileExistsError:
                continue
            try:
                with open(backup, "wb") as copy:
                    shutil.copyfileobj(source, copy)
                shutil.copystat(path, backup)
            except BaseException:
                backup.unlink()
                raise
            return backup
    raise AssertionError("unreachable")


def _check_replaceable(final: Path) -> os.stat_result | None:
    try:
        existing = final.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(existing.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(final))
    if stat.S_ISLNK(existing.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(final))
    if not stat.S_ISREG(existing.st_mode):
        raise OSError(errno.EINVAL, "is no regular file, so not replaced", os.fspath(final))
    if not os.access(final, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(final))
    return existing


def _flush(path: Path) -> None:
    # A rename may reach the disk before the data does; then a crash would leave an empty target.
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
