"""TokenCache: what was seen or heard once need not be decoded and encoded again."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.atomic import atomic_path
from avsync.tokens import TokenSequence

_CHUNK_BYTES = 1 << 20
_CHUNKS = 16
_SUFFIX = ".safetensors"
_ABANDONED_SECONDS = 3600.0  # a temporary file older than this has lost its process


def made_once(
    make: Callable[[], Sequence[TokenSequence]],
    path: str | os.PathLike[str],
    *,
    track: int,
    version: str,
    cache: TokenCache | None,
    names: Sequence[str] = ("",),
) -> list[TokenSequence]:
    """What ``make`` makes of a track of a file, from the cache if it holds all of it.

    Values come as the cache keeps them, in half precision, also when they have just been made and
    without a cache: a first run comes out as every later one does.

    Args:
        version: of what makes it; goes up when the meaning of what is made changes.
        names: of the sequences that are made together, one each; one alone needs none.

    Raises:
        OSError: the file is missing or cannot be read.
        (And whatever ``make`` raises.)
    """
    keys: list[str] = []
    if cache is not None:
        key = cache.key(path, track=track, model_version=version)
        keys = [_named(key, name) for name in names]
        stored = [tokens for key in keys if (tokens := cache.load(key)) is not None]
        if len(stored) == len(keys):
            return stored
    made = [_halved(tokens) for tokens in make()]
    if cache is not None:
        for key, tokens in zip(keys, made, strict=True):
            cache.store(key, tokens)
    return made


def _named(key: str, name: str) -> str:
    return blake2b(f"{key} {name}".encode(), digest_size=32).hexdigest() if name else key


def _halved(tokens: TokenSequence) -> TokenSequence:
    with np.errstate(over="ignore"):
        return replace(tokens, values=tokens.values.astype(np.float16).astype(np.float32))


@dataclass(frozen=True, slots=True)
class TokenCache:
    """Token sequences on disk, by what they were made of; the least recently used go first.

    An entry's name is its content's digest, so nothing is ever out of date and processes may share
    a cache without locks: an entry appears whole or not at all, and two that write the same one
    write the same. Values are kept as float16, a relative error of 2**-11.

    A cache may only ever save time. So trouble with it is no error: an entry that is damaged is
    removed and missing, and a directory that cannot be written holds nothing.
    """

    directory: Path | None = None
    """None: the user's cache directory"""
    max_bytes: int = 512 << 20

    def key(self, path: str | os.PathLike[str], *, track: int, model_version: str) -> str:
        """The name of the tokens that a model makes of a track of a file.

        The file is known by its size and 16 chunks of 1 MiB: the first, the last and some evenly
        between, which take a blink for 10 GB; a file of up to 16 MiB is known by all of it. (A
        change to a longer file that keeps its size and all of those chunks is not seen.)

        Raises:
            OSError: the file is missing or cannot be read.
        """
        digest = blake2b(digest_size=32)
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest.update(repr((1, size, track, model_version)).encode())
            last = max(0, size - _CHUNK_BYTES)
            for number in range(_CHUNKS):
                file.seek(last * number // (_CHUNKS - 1))
                digest.update(file.read(_CHUNK_BYTES))
        return digest.hexdigest()

    def load(self, key: str) -> TokenSequence | None:
        """The tokens by that name, now the most recently used ones; None if they are not there."""
        path = self._entry(key)
        if path is None:
            return None
        try:
            tokens = _read(path)
        except OSError:  # not there, or not for us to read
            return None
        except Exception:  # whatever a damaged file makes the libraries raise
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):  # a read-only cache serves as well
            os.utime(path)
        return tokens

    def store(self, key: str, tokens: TokenSequence) -> None:
        """Keep tokens by that name, and drop the least recently used ones beyond `max_bytes`."""
        path = self._entry(key)
        with np.errstate(over="ignore"):
            values = tokens.values.astype(np.float16)
        if path is None or values.nbytes > self.max_bytes or not np.isfinite(values).all():
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                temporary.write_bytes(_pack(values, tokens))
            self._evict(path.parent)

    def _entry(self, key: str) -> Path | None:
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise ValueError(f"not a key that TokenCache.key made: {key!r}")
        directory = self.directory or _default_directory()
        return directory / (key + _SUFFIX) if directory is not None else None

    def _evict(self, directory: Path) -> None:
        entries = []
        for path in directory.glob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                status = path.stat()
                entries.append((status.st_mtime, status.st_size, path))
        left = self.max_bytes
        now = time.time()
        for used, size, path in sorted(entries, reverse=True):
            if path.name.startswith("."):  # being written, by this or another process
                expired = now - used > _ABANDONED_SECONDS
            else:
                left -= size
                expired = left < 0
            if expired:
                with suppress(OSError):
                    path.unlink()


def _default_directory() -> Path | None:
    from platformdirs import user_cache_dir

    try:
        directory = Path(user_cache_dir("avsync", appauthor=False))
    except RuntimeError:  # there is no home directory
        return None
    # Older releases return "~/..." then: no folder of that name is to be made here.
    return directory if directory.is_absolute() else None


def _pack(values: npt.NDArray[np.float16], tokens: TokenSequence) -> bytes:
    from safetensors.numpy import save

    facts = {"rate_hz": tokens.rate_hz.hex(), "start": tokens.start.hex()}
    return save({"values": values}, {**facts, "crc32": str(zlib.crc32(values.tobytes()))})


def _read(path: Path) -> TokenSequence:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        facts = file.metadata()
        values = file.get_tensor("values")
    if values.dtype != np.float16 or zlib.crc32(values.tobytes()) != int(facts["crc32"]):
        raise ValueError("damaged")
    return TokenSequence(
        values.astype(np.float32), float.fromhex(facts["rate_hz"]), float.fromhex(facts["start"])
    )
