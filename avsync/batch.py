"""Retime many files at once, on this machine's cores or on a Dask cluster.

joblib runs the batch; its task is one film with all of its subtitles, so that the film is listened
to once, in one place. One job that fails, or one worker that dies, does not stop the others.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from avsync.errors import AvsyncError
from avsync.jobs import Failure, Job, Outcome, Settings, retime_file

if TYPE_CHECKING:
    from avsync.cache import TokenCache
    from avsync.progress import Progress

__all__ = ["retime_many"]

_CONNECT_S = 10
_SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A job and its place among all jobs."""

    number: int
    job: Job


_Film = tuple[_Numbered, ...]
"""All jobs of one film: never none."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The progress of one job as a part of the whole batch's."""

    progress: Progress
    done: int
    total: int

    def __call__(self, stage: str, fraction: float, /) -> None:
        name = stage if self.total == 1 else f"{self.done + 1}/{self.total} {stage}"
        self.progress(name, (self.done + min(1.0, fraction)) / self.total)


def retime_many(
    jobs: Sequence[Job],
    *,
    settings: Settings | None = None,
    n_jobs: int = 1,
    dask: str | None = None,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """Retime every job; the outcomes come in the order of the jobs, failed ones among them.

    With `dask`, the address of a scheduler such as "tcp://10.0.0.5:8786", the work is done by that
    cluster's workers, which need avsync and the same files under the same absolute paths; else by
    `n_jobs` processes of this machine (1: in this process).

    Raises:
        ValueError: n_jobs < 1, or `dask` is no address.
        AvsyncError: no cluster answers at `dask`, or the extra avsync[cluster] is not installed.
    """
    if n_jobs < 1:
        raise ValueError(f"n_jobs is 1 or more, got {n_jobs}")
    if dask is not None:
        _check_address(dask)
    settings = settings or Settings()
    if dask is not None and settings.model is not None:
        settings = replace(settings, model=Path(os.path.abspath(settings.model)))
    groups: dict[Path, list[_Numbered]] = {}
    for number, job in enumerate(jobs):
        job = job if dask is None else _absolute(job)
        groups.setdefault(job.reference, []).append(_Numbered(number, job))
    films = [tuple(group) for group in groups.values()]
    if dask is None and (n_jobs == 1 or len(films) == 1):
        return tuple(_here(films, settings, progress, len(jobs)))
    outcomes = _elsewhere(films, settings, progress, len(jobs), n_jobs=n_jobs, dask=dask)
    return tuple(outcomes)


def _here(
    films: Sequence[_Film],
    settings: Settings,
    progress: Progress | None,
    total: int,
) -> list[Outcome]:
    done: dict[int, Outcome] = {}
    for film in films:
        done |= _retime_film(film, settings, progress, len(done), total)
    return [done[number] for number in range(total)]


def _elsewhere(
    films: Sequence[_Film],
    settings: Settings,
    progress: Progress | None,
    total: int,
    *,
    n_jobs: int,
    dask: str | None,
) -> list[Outcome]:
    done: dict[int, Outcome] = {}

    def run(some: Sequence[_Film]) -> str:
        """Add what comes back to `done`; what went wrong, if a worker was lost."""
        from joblib import Parallel, delayed

        tasks = (delayed(_retime_film)(film, settings) for film in some)
        try:
            for result in Parallel(return_as="generator_unordered")(tasks):
                done.update(result)
                if progress is not None:
                    progress(f"{len(done)}/{total} retiming", len(done) / total)
        except Exception as error:
            return f"its worker died ({Failure.of(error).message}); try fewer --jobs"
        return ""

    with _backend(n_jobs, dask):
        if progress is not None:
            progress(f"0/{total} retiming", 0.0)
        run(films)
        # A worker that is killed (for want of memory, say) takes the whole pool with it: what is
        # missing then goes one film at a time, so that the guilty one falls alone.
        for film in [film for film in films if film[0].number not in done]:
            trouble = run([film])
            for item in film if trouble else ():
                lost = Outcome(job=item.job, status="failed", failure=Failure(trouble))
                done[item.number] = lost
    return [done[number] for number in range(total)]


def _retime_film(
    film: _Film,
    settings: Settings,
    progress: Progress | None = None,
    done: int = 0,
    total: int = 1,
) -> dict[int, Outcome]:
    """Every job of one film, with one model and one cache."""
    from avsync.aligner.model import load_model

    with ExitStack() as stack:
        try:
            model = load_model(settings.model)
            cache = stack.enter_context(_cache(settings, len(film)))
        except Exception as error:
            return {item.number: _failed(item.job, error) for item in film}
        outcomes = {}
        for index, item in enumerate(film):
            part = None if progress is None else _Part(progress, done + index, total)
            try:
                outcomes[item.number] = retime_file(
                    item.job, settings=settings, model=model, cache=cache, progress=part
                )
            except Exception as error:
                outcomes[item.number] = _failed(item.job, error)
        return outcomes


@contextmanager
def _cache(settings: Settings, uses: int) -> Iterator[TokenCache | None]:
    from avsync.cache import TokenCache

    if settings.cache:
        yield TokenCache()
    elif uses > 1 or settings.profile:  # nothing is to stay, but a film is listened to once
        with tempfile.TemporaryDirectory(prefix="avsync-") as directory:
            yield TokenCache(Path(directory))
    else:
        yield None


@contextmanager
def _backend(n_jobs: int, dask: str | None) -> Iterator[None]:
    from joblib import parallel_config

    if dask is None:
        with parallel_config(backend="loky", n_jobs=n_jobs):
            yield
        return
    with _client(dask) as client, parallel_config(backend="dask", client=client):
        yield


def _check_address(address: str) -> None:
    # distributed.Client takes half a minute to refuse one, and leaves a traceback behind.
    if address.startswith("inproc://"):
        return
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        named = parts.hostname and parts.port and parts.scheme in _SCHEMES
    except ValueError:  # of a port that is no number
        named = None
    if not named:
        raise ValueError(f"{address!r} is no scheduler's address, which looks like tcp://HOST:8786")


def _client(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise AvsyncError(
            "a Dask cluster needs the extra: pip install 'avsync[cluster]'"
        ) from error
    try:
        connect: Any = distributed.Client  # which ships no types
        return connect(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise AvsyncError(
            f"no Dask scheduler answers at {address!r} ({Failure.of(error).message}); "
            "an address looks like tcp://HOST:8786"
        ) from error


def _absolute(job: Job) -> Job:
    # A worker on another machine has another working directory.
    return Job(
        Path(os.path.abspath(job.reference)),
        Path(os.path.abspath(job.subtitles)),
        Path(os.path.abspath(job.output)),
        None if job.plot is None else Path(os.path.abspath(job.plot)),
    )


def _failed(job: Job, error: Exception) -> Outcome:
    return Outcome(job=job, status="failed", failure=Failure.of(error))
