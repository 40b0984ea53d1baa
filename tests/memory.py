"""How much memory a piece of work takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROCESS = Path("/proc/self")


@dataclass
class Peak:
    """The most memory that was resident beyond what was so at the beginning, once it is over."""

    mib: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the block: ``with peak_memory() as peak: ...; assert peak.mib < 200``."""
    if not (_PROCESS / "clear_refs").exists():
        pytest.skip("reads the peak of resident memory from Linux's /proc")
    (_PROCESS / "clear_refs").write_text("5")  # the peak so far is forgotten
    before, peak = _status_mib("VmRSS"), Peak()
    yield peak
    peak.mib = _status_mib("VmHWM") - before


def _status_mib(field: str) -> float:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(field))
