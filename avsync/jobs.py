"""Retime one file: what to do, how, and what became of it.

`avsync.retime` works on values; this module adds what files need around it: where the result goes,
what is kept of the original, and an outcome that is small enough to be sent between processes.
"""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avsync.atomic import back_up, check_replaceable
from avsync.errors import AvsyncError, LowConfidence, SubtitleError
from avsync.timemap import Span

if TYPE_CHECKING:
    from avsync.aligner.model import RetimeModel
    from avsync.breaks import Break
    from avsync.cache import TokenCache
    from avsync.placement import Clamp
    from avsync.polishing.polish import Polishing
    from avsync.polishing.profiles import ProfileName
    from avsync.progress import Progress
    from avsync.refine import Refine
    from avsync.retime import RetimedSegment, Retiming
    from avsync.subtitles import Format, Repair, Subtitles
    from avsync.words.fit import Verdict, WordFit

__all__ = ["Failure", "Heard", "Job", "Listen", "Outcome", "Settings", "file_identity",
           "retime_file"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """How the words of subtitles are listened for; as in `avsync.align_words`."""

    model: str = "small"
    device: str = "auto"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One subtitle file to retime: `subtitles`, to fit `reference`, written to `output`.

    Where `output` is the subtitle file itself, the original is kept beside it as `.bak`.
    """

    reference: Path
    subtitles: Path
    output: Path
    plot: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every job of a batch is done; the defaults are those of `avsync.retime`."""

    audio_track: int | None = None
    subtitle_track: int | None = None
    refine: Refine | None = None
    min_confidence: float = 0.5
    force: bool = False
    lenient: bool = False
    fps: Fraction | None = None
    """frames per second of MicroDVD subtitles that do not say it themselves"""
    input_encoding: str | None = None
    encoding: str | None = None
    """of what is written; None: as it was"""
    model: Path | None = None
    """weights; None: those of the package"""
    cache: bool = True
    profile: ProfileName | None = None
    """then polish by these rules, and look for breaks at changes of shot; None: do not watch"""
    words: Listen | None = None
    """then make sure by the words; None: by the rhythm alone"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job could not be done: the message, and the file and line at fault where known."""

    message: str
    path: str | None = None
    line: int | None = None

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What an error says, in one line, whoever raised it."""
        if isinstance(error, OSError) and error.filename is not None and error.strerror:
            text = f"{os.fsdecode(error.filename)}: {error.strerror}"
        elif isinstance(error, AvsyncError | ValueError | OSError) and str(error):
            text = str(error)
        else:
            text = f"{type(error).__name__}: {error}".rstrip(": ")
        path = getattr(error, "path", None) or getattr(error, "filename", None)
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else None
        return cls(" ".join(text.split()), name, getattr(error, "line", None))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the words of subtitles said about their retiming."""

    verdict: Verdict
    reason: str
    language: str
    said: int
    """lines"""
    unsaid: tuple[int, ...]
    """the cues that nobody says, by their place in the file"""
    absent: tuple[Span, ...]
    """stretches of the subtitles as they came, seconds, that the film lacks"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job; small enough to come back from another machine.

    `output` is None when nothing was written. Segments end at the cues: none reaches to infinity.
    """

    job: Job
    status: Literal["retimed", "unchanged", "refused", "failed"]
    output: Path | None = None
    backup: Path | None = None
    plot: Path | None = None
    confidence: float = 0.0
    accepted: bool = False
    reason: str = ""
    segments: tuple[RetimedSegment, ...] = ()
    clamped: tuple[Clamp, ...] = ()
    repairs: tuple[Repair, ...] = ()
    breaks: tuple[Break, ...] = ()
    """of the time map, where the film was watched for its shots"""
    polishing: Polishing | None = None
    heard: Heard | None = None
    """what the words said, where they were listened for"""
    failure: Failure | None = None


def retime_file(
    job: Job,
    *,
    settings: Settings | None = None,
    model: RetimeModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Retime one subtitle file and write the result, whole or not at all.

    A result that is not to be trusted is an outcome, "refused", and not an error; the plot is drawn
    for it all the same, because it shows why.

    Raises:
        AvsyncError, OSError: something cannot be read, aligned or written.
        ValueError: the output is the reference.
    """
    from avsync.subtitles import read_subtitles

    if file_identity(job.output) == file_identity(job.reference):
        raise ValueError(f"{job.output} is the reference, which is not written to")
    settings = settings or Settings()
    subtitles = read_subtitles(
        job.subtitles,
        encoding=settings.input_encoding,
        lenient=settings.lenient,
        fps=settings.fps,
    )
    _check_writing(job, subtitles, settings)
    aligned = _by_words if settings.words is not None else _by_rhythm
    try:
        retiming, heard = aligned(job, settings, subtitles, model, cache, progress)
        refused = False
    except LowConfidence as refusal:
        if refusal.alignment is None:
            raise
        retiming, heard = _fit(refusal.alignment)
        refused = True
    outcome = replace(_outcome(job, subtitles, retiming), heard=heard)
    if job.plot is not None:
        from avsync.plots import plot_alignment

        plot_alignment(retiming, job.plot)
        outcome = replace(outcome, plot=job.plot)
    if refused:
        return replace(outcome, status="refused")
    if settings.profile is not None:
        retiming, outcome = _polished(
            job, settings, subtitles, retiming, outcome, model=model, cache=cache, progress=progress
        )
    backup = _write(job, subtitles, retiming, settings)
    return replace(outcome, output=job.output, backup=backup)


def _check_writing(job: Job, subtitles: Subtitles, settings: Settings) -> None:
    """Raise before the work what would keep its result from being written."""
    for target in filter(None, (job.output, job.plot)):
        check_replaceable(target)
    written_as = other_format(job.subtitles, job.output)
    rate = subtitles.fps if settings.fps is None else settings.fps
    if written_as == "microdvd" and rate is None:
        reason = "needs a frame rate to be MicroDVD; give fps= (--fps), the film's"
        raise SubtitleError(job.output, None, reason)


def _by_rhythm(
    job: Job,
    settings: Settings,
    subtitles: Subtitles,
    model: RetimeModel | None,
    cache: TokenCache | None,
    progress: Progress | None,
) -> tuple[Retiming, Heard | None]:
    from avsync.retime import retime

    retiming = retime(
        subtitles,
        to=_reference(job.reference, settings),
        model=model,
        audio_track=settings.audio_track,
        subtitle_track=settings.subtitle_track,
        refine=settings.refine,
        min_confidence=settings.min_confidence,
        force=settings.force,
        cache=cache,
        progress=progress,
    )
    return retiming, None


def _by_words(
    job: Job,
    settings: Settings,
    subtitles: Subtitles,
    model: RetimeModel | None,
    cache: TokenCache | None,
    progress: Progress | None,
) -> tuple[Retiming, Heard | None]:
    from avsync.words.fit import retime_by_words

    assert settings.words is not None
    return _fit(
        retime_by_words(
            subtitles,
            job.reference,
            speech_model=settings.words.model,
            language=settings.words.language,
            device=settings.words.device,
            model=model,
            audio_track=settings.audio_track,
            refine=settings.refine,
            min_confidence=settings.min_confidence,
            force=settings.force,
            cache=cache,
            progress=progress,
        )
    )


def _fit(result: Retiming | WordFit) -> tuple[Retiming, Heard | None]:
    """A retiming, and what is kept of what the words said about it."""
    from avsync.retime import Retiming

    if isinstance(result, Retiming):
        return result, None
    said = result.alignment.marks["said"]
    language = result.alignment.language
    heard = Heard(result.verdict, result.reason, language, said, result.unsaid, result.absent)
    return result.retiming, heard


def _polished(
    job: Job,
    settings: Settings,
    subtitles: Subtitles,
    retiming: Retiming,
    outcome: Outcome,
    *,
    model: RetimeModel | None,
    cache: TokenCache | None,
    progress: Progress | None,
) -> tuple[Retiming, Outcome]:
    """The retiming with its breaks and cues where the film's shots want them."""
    from avsync.breaks import breaks_of, snap_breaks
    from avsync.filmtiming import read_film_timing
    from avsync.polishing.polish import polish

    assert settings.profile is not None
    timing = read_film_timing(
        job.reference,
        audio_track=settings.audio_track,
        model=model,
        cache=cache,
        progress=progress,
    )
    changes = timing.shots.changes
    spans = [cue.span for cue in subtitles.cues]
    time_map = snap_breaks(retiming.time_map, spans, changes)
    polishing = polish(
        retiming.subtitles,
        changes,
        timing.shots.grid,
        profile=settings.profile,
        speech=timing.speech,
        written_as=other_format(job.subtitles, job.output),
    )
    same = retiming.unchanged and polishing.unchanged
    retiming = replace(retiming, time_map=time_map, subtitles=polishing.subtitles, unchanged=same)
    return retiming, replace(outcome, breaks=breaks_of(time_map), polishing=polishing)


def other_format(path: Path, output: Path) -> Format | None:
    """The format that ``output`` is written in, by its extension, if it is not that of ``path``."""
    from avsync.subtitles.reading import EXTENSIONS

    same = output.suffix.lower() == path.suffix.lower()
    return None if same else EXTENSIONS.get(output.suffix.lower())


def _reference(path: Path, settings: Settings) -> Path | Subtitles:
    from avsync.subtitles import SUBTITLE_EXTENSIONS, read_subtitles

    if path.suffix.lower() in SUBTITLE_EXTENSIONS:
        return read_subtitles(path, lenient=settings.lenient, fps=settings.fps)
    return path


def _outcome(job: Job, subtitles: Subtitles, retiming: Retiming) -> Outcome:
    first = min((cue.start for cue in subtitles.cues), default=0.0)
    last = max((cue.end for cue in subtitles.cues), default=0.0)
    segments = tuple(
        replace(segment, span=_finite(segment.span, first, last)) for segment in retiming.segments
    )
    return Outcome(
        job=job,
        status="unchanged" if retiming.unchanged else "retimed",
        confidence=float(retiming.confidence),
        accepted=bool(retiming.accepted),
        reason=retiming.reason,
        segments=segments,
        clamped=tuple(retiming.clamped),
        repairs=subtitles.repairs,
    )


def _finite(span: Span, first: float, last: float) -> Span:
    start = max(span.start, min(first, span.end))
    return Span(start, max(start, min(span.end, last)))


def _write(job: Job, subtitles: Subtitles, retiming: Retiming, settings: Settings) -> Path | None:
    """Write the result; the path of the original's copy if the original was replaced."""
    from avsync.subtitles import write_subtitles

    result = subtitles if retiming.unchanged else retiming.subtitles
    in_place = file_identity(job.output) == file_identity(job.subtitles)
    if in_place and retiming.unchanged and _keeps_encoding(subtitles, settings):
        return None
    backup = back_up(job.subtitles) if in_place else None
    try:
        write_subtitles(result, job.output, encoding=settings.encoding, fps=settings.fps)
    except BaseException:
        if backup is not None:
            backup.unlink()
        raise
    return backup


def _keeps_encoding(subtitles: Subtitles, settings: Settings) -> bool:
    wanted = settings.encoding
    return wanted is None or codecs.lookup(wanted) == codecs.lookup(subtitles.encoding)


def file_identity(path: Path) -> tuple[int, int] | str:
    """What tells a file from every other one, whatever names and links lead to it."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
