"""What `avsync montage` does once its command line is read: listen, plan, write, report."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, FAILED, REFUSED, USAGE, fail, fail_with, print_json, print_lines
from avsync.cli.montage_options import FILM_EXTENSIONS, FILM_OPTIONS, parser
from avsync.cli.montage_report import plan_lines, plan_record, warning_lines
from avsync.cli.targets import UsageError, check_targets
from avsync.cli.terminal import Bar, print_error
from avsync.errors import AlignmentError, AvsyncError, LowConfidence
from avsync.jobs import Failure, file_identity

if TYPE_CHECKING:
    from avsync.beats.grid import BeatGrid
    from avsync.montage import Filters, MontagePlan
    from avsync.progress import Progress

__all__ = ["parser", "run"]


def run(args: argparse.Namespace) -> int:
    """Listen, plan, write, report; returns the exit code."""
    try:
        clips = _check(args)
        with Bar(quiet=args.quiet) as bar:
            plan = _plan(args, clips, bar)
        for line in warning_lines(plan):
            print_error(line)
        with Bar(quiet=args.quiet) as bar:
            written = _write(plan, args, bar)
    except (AvsyncError, OSError, ValueError, UsageError) as error:
        for line in getattr(error, "__notes__", ()):  # what was left out before it failed
            print_error(line)
        return _fail(error, args)
    _report(plan, written, args)
    return DONE


def _fail(error: Exception, args: argparse.Namespace) -> int:
    """Say what failed, in words of the command line; returns the exit code."""
    if isinstance(error, LowConfidence):
        more = "" if args.force else " (--force goes by what was found)"
        return fail(f"{error.reason}: nothing was written{more}", args, REFUSED)
    if isinstance(error, AlignmentError):
        return fail(_as_options(error.reason), args, FAILED)
    if isinstance(error, AvsyncError | OSError):
        return fail_with(Failure.of(error), args)
    return fail(str(error), args, USAGE)


def _check(args: argparse.Namespace) -> list[Path]:
    """Refuse a wrong command line before the work; returns the clips.

    Raises:
        UsageError: something is missing, of an unknown kind, or would be overwritten.
        OSError: an input is not there, or an output cannot be written.
    """
    from avsync.plots.style import PLOT_EXTENSIONS
    from avsync.timeline.formats import TIMELINE_EXTENSIONS

    outputs = args.output or []
    if not (outputs or args.dry_run or args.plot):
        raise UsageError("nothing to do: name a film or a timeline with -o, or use --dry-run")
    if args.beats is not None and (args.bpm is not None or args.meter is not None):
        raise UsageError("--bpm and --meter help to listen to a song; --beats are there already")
    if args.energy_beats and (args.every.strip().lower() != "energy" or args.pattern or args.times):
        raise UsageError("--energy-beats says how --every energy is to cut")
    if args.seed is not None and args.order != "shuffled":
        raise UsageError("--seed is of what is drawn by lot: add --order shuffled")
    known = (*FILM_EXTENSIONS, *sorted(TIMELINE_EXTENSIONS))
    for path in outputs:
        if path.suffix.lower() not in known:
            raise UsageError(f"-o {path}: the extension chooses the format: {' '.join(known)}")
    if args.plot is not None and args.plot.suffix.lower() not in PLOT_EXTENSIONS:
        raise UsageError(f"--plot {args.plot}: a picture is {' '.join(sorted(PLOT_EXTENSIONS))}")
    _check_film_options(args)
    _filters(args)
    targets = [*outputs, *filter(None, [args.plot])]
    clips = _expand(args.clips, {file_identity(path) for path in (args.song, *targets)})
    check_targets(targets, [*filter(None, [args.song, args.beats, args.model]), *clips])
    return clips


def _check_film_options(args: argparse.Namespace) -> None:
    given = [name for name in FILM_OPTIONS if getattr(args, name) is not None]
    films = [path for path in args.output or [] if path.suffix.lower() in FILM_EXTENSIONS]
    if given and not films:
        raise UsageError(f"--{given[0]} is of a film, and none is written: name one with -o")


def _expand(given: Sequence[Path], left_out: set[tuple[int, int] | str]) -> list[Path]:
    """The clips, with directories replaced by the films in them."""
    from avsync.media import MEDIA_EXTENSIONS

    clips: list[Path] = []
    for path in given:
        if not path.is_dir():
            clips.append(path)
            continue
        inside = [
            file
            for file in sorted(path.iterdir(), key=lambda file: file.name)
            if file.suffix.lower() in MEDIA_EXTENSIONS
            and not file.name.startswith(".")
            and file.is_file()
            and file_identity(file) not in left_out
            and _may_be_film(file)
        ]
        if not inside:
            raise UsageError(f"{path}: there is no film in this directory")
        clips += inside
    return clips


def _may_be_film(path: Path) -> bool:
    """Whether a file is not plainly one of sound alone; what cannot be read is to be spoken of."""
    from avsync.media import probe

    try:
        return bool(probe(path).video)
    except OSError:
        return True


def _grid(args: argparse.Namespace, progress: Progress) -> BeatGrid:
    from avsync.beats.grid import LEAST_CONFIDENCE

    if args.beats is not None:
        from avsync.beats.files import read_beats

        return replace(read_beats(args.beats), path=args.song)
    from avsync.beats.track import track_beats

    return track_beats(
        args.song,
        bpm=args.bpm,
        meter=args.meter,
        min_confidence=0.0 if args.force else LEAST_CONFIDENCE,
        progress=progress,
    )


def _plan(args: argparse.Namespace, clips: Sequence[Path], progress: Progress) -> MontagePlan:
    from avsync.aligner.picture import load_picture_model
    from avsync.cache import TokenCache
    from avsync.montage import plan

    model = None if args.model is None else load_picture_model(args.model)
    return plan(
        clips,
        _grid(args, progress),
        every=args.every,
        pattern=args.pattern,
        times=args.times,
        energy_beats=args.energy_beats,
        min_shot=args.min_shot,
        max_shot=args.max_shot,
        start=args.start,
        end=args.end,
        length=args.length,
        fade_in=args.fade_in,
        fade_out=args.fade_out,
        frame_rate=args.fps,
        order=args.order,
        seed=args.seed or 0,
        repeat=args.repeat,
        across_shots=args.across_shots,
        filters=_filters(args),
        dissolve=args.dissolve.seconds,
        dissolve_beats=args.dissolve.beats,
        model=model,
        cache=TokenCache() if args.cache else None,
        strict=args.strict,
        force=args.force,
        name=(args.output or [args.song])[0].stem,
        progress=progress,
    )


def _filters(args: argparse.Namespace) -> Filters:
    from avsync.montage import Filters

    names = [field.name for field in fields(Filters)]
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.no_filters and given:
        raise UsageError(f"--no-filters leaves out what --{min(given).replace('_', '-')} says")
    try:
        return replace(Filters.none() if args.no_filters else Filters(), **given)
    except ValueError as error:
        raise UsageError(_as_options(str(error))) from error


def _write(plan: MontagePlan, args: argparse.Namespace, progress: Progress) -> list[Path]:
    """Write what was asked for: what is quick first, so that it is there if the rest fails."""
    written: list[Path] = []
    if args.plot is not None:
        from avsync.plots import plot_montage

        plot_montage(plan, args.plot, progress=progress)
        written.append(args.plot)
    outputs = [] if args.dry_run else args.output or []
    film = {name: getattr(args, name) for name in ("fit", "preview", "preset", "crf")}
    film["source_sound"] = args.sound
    given = {name: value for name, value in film.items() if value is not None}
    for path in sorted(outputs, key=lambda path: path.suffix.lower() in FILM_EXTENSIONS):
        if path.suffix.lower() not in FILM_EXTENSIONS:
            from avsync.timeline import write_timeline

            write_timeline(plan.cuts, path)
        else:
            plan.cuts.render(
                path,
                size=film_size(plan, args.ratio) if args.ratio else args.size,
                progress=progress,
                **given,
            )
        written.append(path)
    return written


def film_size(plan: MontagePlan, ratio: Fraction) -> tuple[int, int]:
    """The size of that ratio whose short side is that of the clips shown most, in even numbers."""
    sizes = {clip.path: clip.size for clip in plan.clips}
    shown = Counter[tuple[int, int]]()
    for shot in plan.cuts.shots:
        shown[sizes[shot.source]] += shot.frames
    _, usual = max((frames, size) for size, frames in shown.items())
    short = min(usual)
    width, height = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
    return 2 * round(Fraction(width) / 2), 2 * round(Fraction(height) / 2)


def _as_options(text: str) -> str:
    """A message of the library with its arguments, "(every, max_shot)", as they are called here."""

    def option(found: re.Match[str]) -> str:
        return "--" + found[0].replace("_", "-")

    listed = r"(?<=\()[a-z_, ]+(?=\))|(?<=relax )[a-z_]+"
    return re.sub(listed, lambda found: re.sub(r"[a-z_]+", option, found[0]), text)


def _report(plan: MontagePlan, written: Sequence[Path], args: argparse.Namespace) -> None:
    if args.json:
        print_json(plan_record(plan, written))
    elif not args.quiet:
        table = args.dry_run or args.verbose
        print_lines(plan_lines(plan, written, table=table, reasons=args.verbose))
