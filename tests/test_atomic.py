"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from avsync.atomic import atomic_path, check_replaceable


def leftovers(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if name.startswith(".avsync-")]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the kernel refuse every write beyond `size` bytes of a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_writes_beside_the_target_with_its_extension(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".srt"
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["film.srt"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["film.srt"]


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    target.write_text("old")
    with (
        file_size_limit(1000),
        pytest.raises(OSError, match=r"film\.srt") as caught,
        atomic_path(target) as temporary,
    ):
        temporary.write_bytes(b"x" * 100_000)
    assert caught.value.errno == errno.EFBIG
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["film.srt"]


def test_a_disk_that_is_full_only_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match=r"film\.srt") as caught, atomic_path(tmp_path / "film.srt"):
        pass
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []


def test_new_files_get_the_permissions_of_the_umask(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.srt"):
        pass
    (tmp_path / "b.srt").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.srt", "b.srt")]
    assert modes[0] == modes[1]


def test_an_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    target.write_text("old")
    target.chmod(0o640)
    with atomic_path(target) as temporary:
        temporary.write_text("new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "library").mkdir()
    real = tmp_path / "library" / "film.srt"
    if exists:
        real.write_text("old")
    link = tmp_path / "link.srt"
    link.symlink_to(Path("library") / "film.srt")
    with atomic_path(link) as temporary:
        assert temporary.parent == real.parent
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert leftovers(real.parent) == []


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for target, kind in ((tmp_path, IsADirectoryError), (fifo, OSError), (loop, OSError)):
        with pytest.raises(kind), atomic_path(target):
            pytest.fail("the block must not run")
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert leftovers(tmp_path) == leftovers(tmp_path.parent) == []


@pytest.mark.parametrize("name", ["folder", "pipe", "nowhere/film.srt", "old.srt/film.srt"])
def test_what_cannot_be_replaced_is_known_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "old.srt").touch()
    os.mkfifo(tmp_path / "pipe")
    for fine in ("old.srt", "new.srt", "folder/new.srt"):
        check_replaceable(tmp_path / fine)
    with pytest.raises(OSError, match=name) as late, atomic_path(tmp_path / name):
        pass
    with pytest.raises(OSError, match=name) as early:
        check_replaceable(tmp_path / name)
    assert early.value.errno == late.value.errno
    assert early.value.filename == late.value.filename


def test_a_missing_directory_is_named_as_it_was_given(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "film.srt"
    with pytest.raises(FileNotFoundError) as caught, atomic_path(target):
        pytest.fail("the block must not run")
    assert caught.value.filename == str(target)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "film.srt"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(PermissionError), atomic_path(target):
        pytest.fail("the block must not run")
    assert target.read_text() == "old"


def test_an_unrelated_error_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "film.srt"):
        (tmp_path / "other").read_text()
    assert caught.value.filename == str(tmp_path / "other")
    assert os.listdir(tmp_path) == []


def test_a_long_name_fits(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 200 + "." + "y" * 54)
    with atomic_path(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
