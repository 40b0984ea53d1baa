"""What several test modules need: dialogue to align, and a cache that is not the user's."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # one test to a core: threads of theirs would contend
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Line:
    """One line of dialogue, in seconds."""

    start: float
    end: float
    text: str


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a test caches is left in the user's cache, and nothing there reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def cluster() -> None:
    """For tests that need the extra avsync[cluster]."""
    if find_spec("distributed") is None:
        reason = "needs the extra: pip install 'avsync[cluster]'"
        if "cluster" in os.environ.get("AVSYNC_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def tiny_whisper() -> Path:
    """The checkpoint of fixtures/words."""
    path = ROOT / "fixtures" / "words" / "tiny.pt"
    if not path.exists():
        reason = "make it: python scripts/train_tiny_whisper.py fixtures/words"
        if "tiny-whisper" in os.environ.get("AVSYNC_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def film() -> Path:
    """The short film of fixtures/."""
    return ROOT / "fixtures" / "film.mp4"


@pytest.fixture(scope="session")
def film_subtitles() -> Path:
    """The subtitles in fixtures/ that do not fit the film."""
    return ROOT / "fixtures" / "film.shifted.srt"


def environment(**more: str) -> dict[str, str]:
    """For a Python process of its own, which is to find the same avsync as this one."""
    import avsync

    places = [str(Path(avsync.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))} | more


def dialogue(seed: int = 0, *, lines: int = 120) -> list[Line]:
    """A conversation with the rhythm of speech: another seed is another film."""
    chance = random.Random(seed)
    spoken, now = [], 5.0
    for number in range(1, lines + 1):
        length = chance.uniform(0.9, 4.5)
        text = f"Line {number} " + "word " * round(length * 2.5)
        spoken.append(Line(round(now, 3), round(now + length, 3), text.strip()))
        now += length + chance.choice((0.1, 0.2, 0.4, 1.0, 2.5, 6.0)) * chance.uniform(0.5, 1.5)
    return spoken


def srt(lines: Sequence[Line], *, shift: float = 0.0, rate: float = 1.0) -> str:
    """The lines as a SubRip file on another clock: `rate * time + shift`."""
    return "".join(
        f"{number}\n{_stamp(rate * line.start + shift)} --> {_stamp(rate * line.end + shift)}\n"
        f"{line.text}\n\n"
        for number, line in enumerate(lines, start=1)
    )


def _stamp(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
