"""Work that runs ahead of whoever asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(source: Iterator[T], depth: int) -> Generator[T, None, None]:
    """The same items, made by another thread, up to `depth` of them before they are asked for."""
    with ThreadPoolExecutor(1, thread_name_prefix="avsync-decode") as worker:
        pending = deque(worker.submit(next, source, None) for _ in range(depth))
        try:
            while (item := pending.popleft().result()) is not None:
                pending.append(worker.submit(next, source, None))
                yield item
        finally:
            for future in pending:
                future.cancel()
