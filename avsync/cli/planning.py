"""From a command line to jobs: which files, written where, and what must not be overwritten."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avsync.cli.targets import UsageError, check_target
from avsync.cli.words_options import listen_from
from avsync.jobs import Job, Settings, file_identity
from avsync.pairing import Pair, Unpaired, pair_files

__all__ = ["Plan", "UsageError", "make_plan", "settings_from"]

_PLOT_EXTENSIONS = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; `many` when a table says it better than a summary."""

    jobs: tuple[Job, ...]
    unpaired: tuple[Unpaired, ...]
    many: bool


def settings_from(args: argparse.Namespace) -> Settings:
    """How every job is done."""
    refine = None
    if args.refine:
        from avsync.refine import Refine

        given = {"lead_in": args.lead_in, "linger": args.linger}
        refine = Refine(**{name: value for name, value in given.items() if value is not None})
    elif args.lead_in is not None or args.linger is not None:
        raise UsageError("--lead-in and --linger say how to refine: add --refine")
    if args.profile is not None and not args.shots:
        raise UsageError("--profile says how to polish: add --shots")
    try:
        words = listen_from(args)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Settings(
        audio_track=args.audio_track,
        subtitle_track=args.subtitle_track,
        refine=refine,
        min_confidence=args.min_confidence,
        force=args.force,
        lenient=args.lenient,
        fps=args.fps,
        input_encoding=args.input_encoding,
        encoding=args.encoding,
        model=args.model,
        cache=args.cache,
        profile=(args.profile or "netflix") if args.shots else None,
        words=words,
    )


def make_plan(args: argparse.Namespace) -> Plan:
    """The jobs that a command line asks for.

    Raises:
        UsageError: two results would be one file, or one would overwrite what it is made from.
        OSError: a directory cannot be listed or made.
    """
    unpaired: tuple[Unpaired, ...] = ()
    if args.reference.is_dir():
        if args.subtitles:
            raise UsageError(
                f"{args.reference} is a directory, whose subtitles are found by name: "
                "leave SUBTITLES out, or give one film"
            )
        pairing = pair_files(args.reference)
        pairs, unpaired = pairing.pairs, pairing.unpaired
    else:
        _check_reference(args)
        _check_subtitles(args.reference, args.subtitles)
        pairs = tuple(Pair(args.reference, path) for path in args.subtitles)
    many = args.reference.is_dir() or len(pairs) > 1
    outputs = _outputs([pair.subtitles for pair in pairs], args, many)
    plots = _plots([pair.subtitles for pair in pairs], args.plot, many)
    jobs = tuple(
        Job(pair.film, pair.subtitles, output, plot)
        for pair, output, plot in zip(pairs, outputs, plots, strict=True)
    )
    _check_targets(jobs, in_place=args.in_place)
    for named in (outputs if args.output else []) + plots:
        if named is not None:  # after all checks: a refused command line leaves nothing behind
            named.parent.mkdir(parents=True, exist_ok=True)
    return Plan(jobs, unpaired, many)


def _check_reference(args: argparse.Namespace) -> None:
    from avsync.subtitles import SUBTITLE_EXTENSIONS

    written = args.reference.suffix.lower() in SUBTITLE_EXTENSIONS
    if written and (args.audio_track is not None or args.subtitle_track is not None):
        raise UsageError(f"{args.reference} is a subtitle file and has no tracks to choose from")
    if args.refine and (written or args.subtitle_track is not None):
        raise UsageError("--refine moves cues to speech, so it needs a film or its sound")
    if args.words and (written or args.subtitle_track is not None):
        raise UsageError("--words listens to what is said, so it needs a film or its sound")
    if args.shots and written:
        raise UsageError("--shots looks at the film, so it needs one and not subtitles")


def _check_subtitles(reference: Path, subtitles: Sequence[Path]) -> None:
    from avsync.media import MEDIA_EXTENSIONS
    from avsync.subtitles import SUBTITLE_EXTENSIONS

    if not subtitles:
        raise UsageError(f"SUBTITLES is missing: what is to be retimed to {reference}?")
    for path in subtitles:
        extension = path.suffix.lower()
        if path.is_dir():
            raise UsageError(f"{path} is a directory: give subtitle files, or one directory alone")
        if extension in MEDIA_EXTENSIONS - SUBTITLE_EXTENSIONS:
            raise UsageError(f"{path} is no subtitle file; the film comes first, then subtitles")


def _outputs(subtitles: Sequence[Path], args: argparse.Namespace, many: bool) -> list[Path]:
    """Where each result goes."""
    if args.in_place:
        return list(subtitles)
    if args.output is None:
        return [path.with_name(f"{path.stem}.retimed{path.suffix}") for path in subtitles]
    target = Path(args.output)
    if many or target.is_dir() or args.output.endswith((os.sep, "/")):
        _check_directory(target, "-o")
        return [target / path.name for path in subtitles]
    from avsync.subtitles import SUBTITLE_EXTENSIONS

    if target.suffix.lower() not in SUBTITLE_EXTENSIONS:
        known = " ".join(sorted(SUBTITLE_EXTENSIONS))
        raise UsageError(f"-o {target}: the extension chooses the format, one of {known}")
    check_target(target, "-o")
    return [target]


def _plots(subtitles: Sequence[Path], target: Path | None, many: bool) -> list[Path | None]:
    """Where each picture goes."""
    if target is None:
        return [None] * len(subtitles)
    if many:
        _check_directory(target, "--plot")
        return [target / f"{path.name}.png" for path in subtitles]
    if target.suffix.lower() not in _PLOT_EXTENSIONS:
        known = " ".join(_PLOT_EXTENSIONS)
        raise UsageError(f"--plot {target}: the extension chooses the format, one of {known}")
    check_target(target, "--plot")
    return [target]


def _check_directory(path: Path, option: str) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"{option} {path} is a file; for several subtitles it is a directory")


def _check_targets(jobs: Sequence[Job], *, in_place: bool) -> None:
    read = {file_identity(path): path for job in jobs for path in (job.reference, job.subtitles)}
    written: dict[object, Path] = {}
    for job in jobs:
        for target in (job.output, job.plot):
            if target is None:
                continue
            identity = file_identity(target)
            if identity in written:
                raise UsageError(
                    f"{target} would be written twice; give the subtitles different names, "
                    "or retime them one at a time"
                )
            written[identity] = target
            own = in_place and target is job.output and identity != file_identity(job.reference)
            if identity in read and not own:
                raise UsageError(
                    f"{target} would overwrite {read[identity]}, which is read; name another "
                    "output, or replace the subtitles with --in-place"
                )
