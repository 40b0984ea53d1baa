"""`avsync offset`: a film's sound against its picture, or recordings over each other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, REFUSED, fail_by, print_json, print_lines
from avsync.cli.offset_report import offset_lines, offset_record, recording_lines, recordings_record
from avsync.cli.targets import check_directory, check_target
from avsync.cli.terminal import Bar, print_error
from avsync.cli.values import Parser, add_loudness, add_no_cache, count, probability
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.offset.recordings import Recording, Recordings
    from avsync.offset.result import Offset

_EPILOG = """\
One film: by how much its sound is late against its picture. With --fix OUT.mp4 it is copied with
the sound set right; nothing is encoded anew.

Several files: where each lies on the clock of the first, and how fast its own clock runs. With
--fix each is written anew as sound that fits the first from 0 to its end: into a folder as
NAME.aligned.wav, or, for a single recording, as the .wav or .flac named.

exit codes:
  0  done
  1  a file could not be read or written
  2  the command line is wrong; nothing was done
  3  not sure enough (of many recordings: of some): those were not written (--force writes them)
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync offset`."""
    made = Parser(
        prog="avsync offset",
        description="Is the sound in sync with the picture? Where do recordings lie over each "
        "other?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="a film; or a film or recording, and others of the same event",
    )
    made.add_argument(
        "--audio-track", metavar="N", type=count, help="listen to this track of the first file"
    )
    made.add_argument(
        "--min-confidence", metavar="P", type=probability, help="the threshold, 0 to 1 (0.5)"
    )
    made.add_argument(
        "--force", action="store_true", help="write what was found even where it is doubtful"
    )
    made.add_argument("--model", metavar="PATH", type=Path, help="other weights (one film)")
    add_no_cache(made, "seen and heard (one film)")
    written = made.add_argument_group("what to write")
    written.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    written.add_argument(
        "--fix",
        metavar="OUT",
        type=Path,
        help="the film set right; or the recordings on the first one's clock (a folder or a file)",
    )
    written.add_argument(
        "-o",
        "--otio",
        metavar="FILE.otio",
        type=Path,
        help="a timeline with each recording on its own tracks",
    )
    add_loudness(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Measure, report, write; returns the exit code."""
    try:
        if len(args.files) == 1:
            return _run_film(args)
        return _run_recordings(args)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_by(error, args)


def _run_film(args: argparse.Namespace) -> int:
    from avsync.cache import TokenCache

    film = args.files[0]
    if args.otio is not None:
        raise ValueError("--otio is for several recordings; give at least two files")
    _check_film_target(film, args.fix)
    with Bar(quiet=args.quiet) as bar:
        from avsync.aligner.sync import load_sync_model
        from avsync.offset.picture import find_offset

        offset = find_offset(
            film,
            audio_track=args.audio_track,
            model=load_sync_model(args.model) if args.model else None,
            cache=TokenCache() if args.cache else None,
            progress=bar,
        )
        accepted = _accepted(offset, args)
        output = args.fix if args.fix is not None and (accepted or args.force) else None
        if output is not None:
            from avsync.render.remux import shift_sound

            by_s = -offset.offset_s
            shift_sound(film, output, by_s, audio_track=args.audio_track, progress=bar)
    if args.json:
        print_json(offset_record(film, offset, accepted, output))
    elif not args.quiet and (accepted or args.force):
        print_lines(offset_lines(film, offset, output))
    if not accepted:
        print_error(f"{film}: {_doubt(offset)}")
    return DONE if accepted or args.force else REFUSED


def _accepted(offset: Offset, args: argparse.Namespace) -> bool:
    if args.min_confidence is None:
        return offset.accepted
    return bool(offset.confidence >= args.min_confidence)


def _doubt(offset: Offset) -> str:
    seen = " and ".join(offset.evidence.kinds)
    if not seen:
        return "neither a talking face nor movement that goes with the sound was found"
    return (
        f"not sure enough ({offset.sentence}, says what was seen of {seen}; confidence "
        f"{offset.confidence:.2f}): a longer film may tell, and --force believes it"
    )


def _check_film_target(film: Path, target: Path | None) -> None:
    """Refuse, before the work, to write over the film or in an unknown format."""
    if target is None:
        return
    from avsync.render.remux import REMUX_FORMATS

    if target.suffix.lower() not in REMUX_FORMATS:
        known = " ".join(sorted(REMUX_FORMATS))
        raise ValueError(f"{target}: a film's extension is one of {known}")
    _check_not_input(target, [film])
    check_target(target)


def _check_not_input(target: Path, inputs: Sequence[Path]) -> None:
    for path in inputs:
        if target.exists() and path.exists() and target.samefile(path):
            raise ValueError(f"{target}: is one of the inputs; write to another file")


def _run_recordings(args: argparse.Namespace) -> int:
    targets = _targets(args)
    with Bar(quiet=args.quiet) as bar:
        from avsync.offset.recordings import LEAST_CONFIDENCE, align_recordings

        least = LEAST_CONFIDENCE if args.min_confidence is None else args.min_confidence
        found = align_recordings(
            args.files[0],
            args.files[1:],
            audio_track=args.audio_track,
            min_confidence=least,
            progress=bar,
        )
        usable = [one.offset_s is not None and (one.accepted or args.force) for one in found.others]
        outputs = [target if use else None for target, use in zip(targets, usable, strict=True)]
        timeline = args.otio if any(usable) else None
        for one, output in zip(found.others, outputs, strict=True):
            if output is not None:
                _write_aligned(one, found, output, bar)
        if timeline is not None:
            chosen = [one for one, use in zip(found.others, usable, strict=True) if use]
            _write_timeline(found, chosen, timeline)
    if args.json:
        print_json(recordings_record(found, outputs, timeline))
    elif not args.quiet:
        print_lines(recording_lines(found, usable, outputs, timeline))
    for one in found.others:
        if not one.accepted:
            print_error(f"{one.path}: {one.reason}")
    return DONE if all(usable) else REFUSED


def _targets(args: argparse.Namespace) -> list[Path | None]:
    """The file that each recording is to be written to; checked before the work."""
    for name, given in (("--model", args.model), ("--no-cache", not args.cache)):
        if given:
            raise ValueError(f"{name} is for one film; several recordings need no model")
    if args.otio is not None:
        if args.otio.suffix.lower() != ".otio":
            raise ValueError(f"{args.otio}: recordings are written as .otio")
        _check_not_input(args.otio, args.files)
        check_target(args.otio)
    others = args.files[1:]
    if args.fix is None:
        return [None] * len(others)
    from avsync.render.aligned import ALIGNED_FORMATS

    if args.fix.suffix.lower() in ALIGNED_FORMATS and not args.fix.is_dir():
        if len(others) > 1:
            raise ValueError(f"{args.fix}: is one file for {len(others)} recordings; give a folder")
        _check_not_input(args.fix, args.files)
        _check_made(args.fix)
        return [args.fix]
    if (args.fix.suffix or args.fix.exists()) and not args.fix.is_dir():
        known = " ".join(sorted(ALIGNED_FORMATS))
        raise ValueError(f"{args.fix}: aligned sound is written as one of {known}, or in a folder")
    targets = _names_in(args.fix, others)
    for target in targets:
        _check_not_input(target, args.files)
        _check_made(target)
    return [*targets]


def _check_made(target: Path) -> None:
    """As `check_target`, of a file whose folder is made where it is not there."""
    check_directory(target.parent)
    if target.parent.is_dir():
        check_target(target)


def _names_in(folder: Path, recordings: Sequence[Path]) -> list[Path]:
    targets: list[Path] = []
    for path in recordings:
        target = folder / f"{path.stem}.aligned.wav"
        again = 2
        while target in targets:  # recorders number their files alike
            target = folder / f"{path.stem}.aligned{again}.wav"
            again += 1
        targets.append(target)
    return targets


def _write_aligned(one: Recording, found: Recordings, target: Path, bar: Bar) -> None:
    from avsync.render.aligned import write_aligned

    assert one.offset_s is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    write_aligned(
        one.path,
        target,
        offset_s=one.offset_s,
        drift_ppm=one.drift_ppm,
        duration_s=found.duration_s,
        audio_track=one.track,
        progress=bar,
    )


def _write_timeline(found: Recordings, chosen: Sequence[Recording], path: Path) -> None:
    from avsync.timeline.multitrack import Laid, write_multitrack

    laid = [Laid(path=found.first, offset_s=0.0, drift_ppm=0.0, confidence=1.0)]
    laid += [
        Laid(
            path=one.path,
            offset_s=one.offset_s or 0.0,
            drift_ppm=one.drift_ppm,
            confidence=one.confidence,
        )
        for one in chosen
    ]
    write_multitrack(laid, path)
