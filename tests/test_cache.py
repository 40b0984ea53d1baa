from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import avsync.cache
from avsync.cache import TokenCache, made_once
from avsync.tokens import TokenSequence

KEY = "0" * 64
OTHER = "1" * 64


def tokens_of(count: int, *, seed: int = 0) -> TokenSequence:
    values = np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)
    return TokenSequence(values, rate_hz=50.0, start=0.01)


def entries(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def entry_bytes(tmp_path: Path, tokens: TokenSequence) -> int:
    TokenCache(tmp_path / "measure").store(KEY, tokens)
    return sum(path.stat().st_size for path in (tmp_path / "measure").iterdir())


@settings(max_examples=30, deadline=None)
@given(
    values=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9),
        elements=st.floats(-1000, 1000, width=32),
    ),
    rate_hz=st.floats(0.1, 1000),
    start=st.floats(-10, 1e5),
)
def test_what_is_stored_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, rate_hz: float, start: float
) -> None:
    cache = TokenCache(tmp_path_factory.mktemp("cache"))
    cache.store(KEY, TokenSequence(values, rate_hz, start))
    loaded = cache.load(KEY)
    assert loaded is not None
    assert loaded.values.dtype == np.float32
    np.testing.assert_allclose(loaded.values, values, rtol=2**-11, atol=1e-7)
    assert (loaded.rate_hz, loaded.start) == (rate_hz, start)


def test_a_miss_is_none(tmp_path: Path) -> None:
    assert TokenCache(tmp_path).load(KEY) is None
    assert TokenCache(tmp_path / "nowhere").load(KEY) is None


def test_the_key_tells_content_track_and_model_apart(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    film, copy = tmp_path / "a.mkv", tmp_path / "copy of a.mkv"
    film.write_bytes(b"x" * 5000)
    copy.write_bytes(b"x" * 5000)
    key = cache.key(film, track=1, model_version="1")
    assert cache.key(copy, track=1, model_version="1") == key
    keys = {
        key,
        cache.key(film, track=2, model_version="1"),
        cache.key(film, track=1, model_version="2"),
        cache.key(film, track=11, model_version=""),
    }
    film.write_bytes(b"x" * 4999 + b"y")
    keys.add(cache.key(film, track=1, model_version="1"))
    film.write_bytes(b"x" * 5001)
    keys.add(cache.key(film, track=1, model_version="1"))
    assert len(keys) == 6


@pytest.mark.parametrize("size", [1, 1 << 20, (1 << 20) + 1, 9_999_999, 16 << 20])
def test_every_byte_of_a_file_up_to_16_mib_counts(tmp_path: Path, size: int) -> None:
    cache = TokenCache(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(bytes(size))
    key = cache.key(film, track=0, model_version="1")
    for place in {0, size // 3, size // 2, size - 1}:
        content = bytearray(size)
        content[place] = 1
        film.write_bytes(content)
        assert cache.key(film, track=0, model_version="1") != key


def test_the_key_of_a_huge_file_is_quick_and_sees_both_ends(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    film = tmp_path / "huge.mkv"
    with film.open("wb") as file:
        file.truncate(20 << 30)  # sparse: takes no room
    started = time.perf_counter()
    key = cache.key(film, track=0, model_version="1")
    assert time.perf_counter() - started < 2.0
    with film.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert cache.key(film, track=0, model_version="1") != key


def test_a_missing_film_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TokenCache(tmp_path).key(tmp_path / "none.mkv", track=0, model_version="1")


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 63, "0" * 64 + "\n", "Z" * 64])
def test_a_key_is_no_path(tmp_path: Path, key: str) -> None:
    cache = TokenCache(tmp_path)
    with pytest.raises(ValueError, match="not a key"):
        cache.load(key)
    with pytest.raises(ValueError, match="not a key"):
        cache.store(key, tokens_of(1))


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flip", "tail", "no metadata"])
def test_a_damaged_entry_is_a_miss_and_removed(tmp_path: Path, damage: str) -> None:
    cache = TokenCache(tmp_path)
    cache.store(KEY, tokens_of(100))
    (entry,) = tmp_path.iterdir()
    content = bytearray(entry.read_bytes())
    if damage == "empty":
        content = bytearray()
    elif damage == "text":
        content = bytearray(b"<html>not found</html>" * 40)
    elif damage == "cut":
        del content[-100:]
    elif damage == "flip":
        content[-100] ^= 0x10
    elif damage == "tail":
        content += b"more"
    else:
        from safetensors.numpy import save

        content = bytearray(save({"values": np.zeros((3, 2), np.float16)}))
    entry.write_bytes(content)
    assert cache.load(KEY) is None
    assert entries(tmp_path) == []
    cache.store(KEY, tokens_of(100))
    assert cache.load(KEY) is not None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    size = entry_bytes(tmp_path, tokens_of(1000))
    cache = TokenCache(tmp_path / "cache", max_bytes=3 * size + size // 2)
    keys = [digit * 64 for digit in "0123"]
    for age, key in zip((400, 300, 200), keys[:3], strict=True):
        cache.store(key, tokens_of(1000))
        used = time.time() - age
        os.utime(tmp_path / "cache" / f"{key}.safetensors", (used, used))
    assert cache.load(keys[0]) is not None  # the oldest, but used now
    cache.store(keys[3], tokens_of(1000))
    kept = [key for key in keys if cache.load(key) is not None]
    assert kept == [keys[0], keys[2], keys[3]]
    assert len(entries(tmp_path / "cache")) == 3


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path, max_bytes=1000)
    cache.store(KEY, tokens_of(1000))
    assert entries(tmp_path) == []


def test_tokens_beyond_float16_are_not_kept(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    for value in (1e6, float("nan"), float("inf")):
        cache.store(KEY, TokenSequence(np.full((2, 2), value, np.float32), 50.0))
    assert entries(tmp_path) == []


def test_a_directory_that_cannot_be_made_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = TokenCache(tmp_path / "file" / "cache")
    cache.store(KEY, tokens_of(3))
    assert cache.load(KEY) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_read_only_directory_still_serves(tmp_path: Path) -> None:
    TokenCache(tmp_path).store(KEY, tokens_of(3))
    tmp_path.chmod(0o500)
    try:
        cache = TokenCache(tmp_path)
        assert cache.load(KEY) is not None
        cache.store(OTHER, tokens_of(3))
        assert cache.load(OTHER) is None
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_the_old_entry_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = TokenCache(tmp_path)
    cache.store(KEY, tokens_of(3, seed=1))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    cache.store(KEY, tokens_of(3, seed=2))
    cache.store(OTHER, tokens_of(3))
    monkeypatch.undo()
    assert entries(tmp_path) == [f"{KEY}.safetensors"]
    loaded = cache.load(KEY)
    assert loaded is not None
    np.testing.assert_allclose(loaded.values, tokens_of(3, seed=1).values, rtol=1e-3)


def test_what_a_killed_process_left_is_cleared_and_what_another_writes_is_not(
    tmp_path: Path,
) -> None:
    abandoned, busy = tmp_path / ".avsync-dead.safetensors", tmp_path / ".avsync-busy.safetensors"
    for path in (abandoned, busy):
        path.write_bytes(b"half")
    old = time.time() - 7200
    os.utime(abandoned, (old, old))
    TokenCache(tmp_path).store(KEY, tokens_of(3))
    assert entries(tmp_path) == [busy.name, f"{KEY}.safetensors"]


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(bytes(5000))
    TokenCache(tmp_path, max_bytes=2000).store(KEY, tokens_of(3))
    assert entries(tmp_path) == [f"{KEY}.safetensors", "notes.txt"]


def test_without_a_home_nothing_is_made_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    monkeypatch.setattr(avsync.cache.os.path, "expanduser", lambda path: path)
    cache = TokenCache()
    cache.store(KEY, tokens_of(3))
    assert cache.load(KEY) is None
    assert entries(tmp_path) == []


_WORKER = """
import sys
from pathlib import Path
import numpy as np
from avsync.cache import TokenCache, made_once
from avsync.tokens import TokenSequence

cache = TokenCache(Path(sys.argv[1]), max_bytes=100_000)
tokens = TokenSequence(np.arange(8000, dtype=np.float32).reshape(1000, 8) % 999, 50.0)
for turn in range(60):
    key = f"{turn % 9}" * 64
    cache.store(key, tokens)
    loaded = cache.load(key)
    assert loaded is None or np.array_equal(loaded.values, tokens.values)
"""


def test_processes_share_a_cache(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WORKER, str(tmp_path)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for worker in workers:
        _, complaint = worker.communicate(timeout=60)
        assert worker.returncode == 0, complaint.decode()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000
    assert all(name[0] != "." for name in entries(tmp_path))


@pytest.mark.parametrize("cached", [True, False])
def test_what_is_made_once_is_as_it_comes_back(tmp_path: Path, cached: bool) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(b"frames and sound")
    cache = TokenCache(tmp_path / "cache") if cached else None
    made: list[str] = []

    def both() -> list[TokenSequence]:
        made.append("both")
        return [tokens_of(5, seed=1), tokens_of(7, seed=2)]

    def ask(version: str, *names: str) -> list[TokenSequence]:
        return made_once(both, film, track=1, version=version, cache=cache, names=names)

    first, again = ask("1", "seen", "heard"), ask("1", "seen", "heard")
    assert made == (["both"] if cached else ["both"] * 2)
    for one, other, exact in zip(first, again, both(), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.values, exact.values.astype(np.float16))
    del made[:]
    ask("2", "seen", "heard")  # another version: made anew
    if cache is not None:  # and when one of them has gone
        (entry, *_) = sorted(cache.directory.iterdir()) if cache.directory else []
        entry.unlink()
        ask("1", "seen", "heard")
        ask("2", "seen", "heard")
        assert made == ["both"] * 2
