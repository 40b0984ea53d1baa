"""Jobs: one file done whole or not at all, and many that do not disturb one another."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import dialogue, srt

from avsync import batch
from avsync.batch import retime_many
from avsync.errors import AvsyncError, MediaError, SubtitleError
from avsync.jobs import Failure, Job, Settings, retime_file
from avsync.subtitles import read_subtitles


def season(directory: Path, episodes: int, *, shift: float = -4.0) -> list[Job]:
    """Episodes in sync as the references, and their subtitles, which are to move by `shift`."""
    jobs = []
    for number in range(1, episodes + 1):
        lines = dialogue(number, lines=80)
        reference, subtitles = directory / f"ref{number}.srt", directory / f"e{number}.srt"
        reference.write_text(srt(lines))
        subtitles.write_text(srt(lines, shift=-shift))
        jobs.append(Job(reference, subtitles, directory / f"e{number}.out.srt"))
    return jobs


def starts(path: Path) -> list[float]:
    return [cue.start for cue in read_subtitles(path).cues]


def assert_retimed(job: Job) -> None:
    assert starts(job.output) == pytest.approx(starts(job.reference), abs=0.1)


def test_one_file(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    outcome = retime_file(job)
    assert outcome.status == "retimed" and outcome.accepted
    assert outcome.output == job.output and outcome.backup is None
    assert [s.shift for s in outcome.segments] == pytest.approx([-4.0], abs=0.1)
    assert_retimed(job)


def test_segments_end_at_the_cues(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    (segment,) = retime_file(job).segments
    cues = read_subtitles(job.subtitles).cues
    assert segment.span.start == pytest.approx(cues[0].start)
    assert segment.span.end == pytest.approx(cues[-1].end)


def test_in_place_keeps_every_original(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    job = replace(job, output=job.subtitles)
    (tmp_path / "e1.srt.bak").write_text("an older backup")
    original = job.subtitles.read_bytes()
    outcome = retime_file(job)
    assert outcome.backup == tmp_path / "e1.srt.bak1"
    assert outcome.backup.read_bytes() == original
    assert (tmp_path / "e1.srt.bak").read_text() == "an older backup"
    assert_retimed(job)


def test_a_write_that_fails_leaves_the_original_and_no_backup(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    original = job.subtitles.read_bytes()
    with pytest.raises(SubtitleError):  # the text is not all ASCII
        job.subtitles.write_bytes(original.replace(b"Line 1 ", "Größe ".encode()))
        retime_file(replace(job, output=job.subtitles), settings=Settings(encoding="ascii"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e1.srt", "ref1.srt"]
    assert job.subtitles.read_bytes() == original.replace(b"Line 1 ", "Größe ".encode())


def test_what_is_in_sync_goes_through_byte_for_byte(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1, shift=0.0)
    odd = job.subtitles.read_bytes().replace(b"\n", b"\r\n").replace(b"00:00:05,0", b"0:00:05.0")
    job.subtitles.write_bytes(odd)
    outcome = retime_file(job)
    assert outcome.status == "unchanged" and job.output.read_bytes() == odd


def test_what_is_in_sync_is_not_replaced_in_place(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1, shift=0.0)
    before = job.subtitles.stat()
    outcome = retime_file(replace(job, output=job.subtitles))
    assert outcome.status == "unchanged" and outcome.backup is None
    assert job.subtitles.stat().st_ino == before.st_ino
    assert not list(tmp_path.glob("*.bak*"))


def test_a_refusal_writes_nothing_but_the_plot(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    job.reference.write_text(srt(dialogue(77, lines=80)))
    outcome = retime_file(replace(job, plot=tmp_path / "why.png"))
    assert outcome.status == "refused" and not outcome.accepted and outcome.reason
    assert outcome.output is None and not job.output.exists()
    assert outcome.plot is not None and outcome.plot.exists()


def test_force_writes_it_all_the_same(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    job.reference.write_text(srt(dialogue(77, lines=80)))
    outcome = retime_file(job, settings=Settings(force=True))
    assert outcome.output == job.output and job.output.exists()
    assert not outcome.accepted and outcome.reason


def test_the_reference_is_never_written_to(tmp_path: Path) -> None:
    (job,) = season(tmp_path, 1)
    before = job.reference.read_bytes()
    with pytest.raises(ValueError, match="reference"):
        retime_file(replace(job, output=job.reference))
    assert job.reference.read_bytes() == before


def test_many_in_order_and_failures_apart(tmp_path: Path) -> None:
    jobs = season(tmp_path, 4)
    jobs[1].subtitles.write_bytes(b"\x00\x01 this is no subtitle file")
    jobs[2].reference.unlink()
    seen: list[float] = []
    outcomes = retime_many(jobs, progress=lambda stage, fraction: seen.append(fraction))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [o.status for o in outcomes] == ["retimed", "failed", "failed", "retimed"]
    for outcome, path in ((outcomes[1], jobs[1].subtitles), (outcomes[2], jobs[2].reference)):
        assert outcome.failure is not None
        assert outcome.failure.path == str(path) and str(path) in outcome.failure.message
        assert "\n" not in outcome.failure.message
    assert_retimed(jobs[0])
    assert_retimed(jobs[3])
    assert seen == sorted(seen) and all(0 <= fraction <= 1 for fraction in seen)


def test_a_model_that_is_missing_fails_every_job(tmp_path: Path) -> None:
    outcomes = retime_many(season(tmp_path, 2), settings=Settings(model=tmp_path / "none"))
    assert [o.status for o in outcomes] == ["failed", "failed"]
    assert all(o.failure is not None and "none" in o.failure.message for o in outcomes)


def test_processes(tmp_path: Path) -> None:
    jobs = season(tmp_path, 3)
    jobs[1].subtitles.unlink()
    outcomes = retime_many(jobs, n_jobs=2)
    assert [o.status for o in outcomes] == ["retimed", "failed", "retimed"]
    assert_retimed(jobs[0])


class Killer(type(Path())):  # type: ignore[misc]
    """A path that ends the process to which it is sent."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


def test_a_worker_that_dies_takes_no_other_film_with_it(tmp_path: Path) -> None:
    jobs = season(tmp_path, 3)
    jobs[1] = replace(jobs[1], subtitles=Killer(jobs[1].subtitles))
    outcomes = retime_many(jobs, n_jobs=2)
    assert [o.status for o in outcomes] == ["retimed", "failed", "retimed"]
    assert outcomes[1].failure is not None and "worker" in outcomes[1].failure.message


def test_a_cluster_of_two_workers(
    tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    jobs = season(tmp_path, 3)
    jobs[1].subtitles.write_text("1\nnonsense\n")
    monkeypatch.chdir(tmp_path)
    relative = [
        Job(Path(j.reference.name), Path(j.subtitles.name), Path(j.output.name)) for j in jobs
    ]
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as local:
        outcomes = retime_many(relative, dask=local.scheduler_address)
    assert [o.status for o in outcomes] == ["retimed", "failed", "retimed"]
    assert_retimed(jobs[0])
    assert_retimed(jobs[2])


def test_no_cluster_answers(tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_CONNECT_S", 1)
    with pytest.raises(AvsyncError, match=r"127\.0\.0\.1:9"):
        retime_many(season(tmp_path, 2), dask="tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    "address", ["nonsense", "tcp://host", "host:port", ":8786", "host:99999", "http://host:80", ""]
)
def test_what_is_no_address_is_refused_before_anybody_connects(address: str) -> None:
    with pytest.raises(ValueError, match=r"no scheduler's address.*tcp://HOST:8786"):
        retime_many([], dask=address)


def test_jobs_are_counted_from_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="n_jobs"):
        retime_many([], n_jobs=0)
    assert retime_many([]) == ()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.mkv"), ("a.mkv", None)),
        (MediaError("a.mkv", "has no sound"), ("a.mkv", None)),
        (SubtitleError("a.srt", 7, "has no times"), ("a.srt", 7)),
        (ValueError("min_confidence\nmust be small"), (None, None)),
        (MemoryError(), (None, None)),
    ],
)
def test_a_failure_keeps_the_facts(
    error: Exception, expected: tuple[str | None, int | None]
) -> None:
    failure = Failure.of(error)
    assert (failure.path, failure.line) == expected
    assert failure.message and "\n" not in failure.message
    assert pickle.loads(pickle.dumps(failure)) == failure


def test_a_film_is_listened_to_once_also_where_nothing_is_kept(tmp_path: Path) -> None:
    fixtures = Path(__file__).parent.parent / "fixtures"
    job = Job(fixtures / "film.mp4", fixtures / "film.shifted.srt", tmp_path / "film.srt")
    told: list[tuple[str, float]] = []
    (outcome,) = retime_many(
        [job],
        settings=Settings(cache=False, profile="netflix"),
        progress=lambda stage, fraction: told.append((stage, fraction)),
    )
    assert outcome.polishing is not None
    assert told.count(("reading", 1.0)) == 1
