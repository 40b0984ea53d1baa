"""What a section of the benchmark hands over: tables, numbers, goals. And how it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from joblib import Parallel, delayed
from tqdm import tqdm

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Goal:
    """Something that must be reached, and whether it was."""

    what: str
    found: str
    reached: bool


@dataclass(frozen=True)
class Report:
    """One section: its tables, and every number that they were made from."""

    title: str
    markdown: str
    numbers: object = field(repr=False)
    """nested lists and dictionaries, for JSON"""
    goals: tuple[Goal, ...] = ()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def percent(share: float) -> str:
    """A share as a percentage that is rounded down: 99.96% is not 100%."""
    tenths = int(share * 1000 + 1e-9)
    return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths / 10:.1f}%"


def lowest_highest(shares: Sequence[float]) -> str:
    """The range of some shares, such as "98.8–100%"."""
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low.rstrip('%')}–{high}"


def in_parallel(task: Callable[[T], R], items: Sequence[T], *, jobs: int, label: str) -> list[R]:
    """``task`` over ``items`` in ``jobs`` processes, results in order; progress on stderr."""
    results: Iterable[R] = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(task)(item) for item in items
    )
    bar: Iterable[R] = tqdm(results, total=len(items), desc=label, file=sys.stderr)
    return list(bar)
