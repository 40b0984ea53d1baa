"""`avsync snap`: move the cuts of an edit onto the beats of a song."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, REFUSED, USAGE, fail, fail_with, print_json, print_lines
from avsync.cli.records import Record
from avsync.cli.targets import UsageError, check_targets
from avsync.cli.terminal import Bar, print_error
from avsync.cli.values import Parser, add_loudness, bpm, frame_rate, meter, positive, seconds
from avsync.errors import AvsyncError
from avsync.jobs import Failure

if TYPE_CHECKING:
    from avsync.beats.grid import BeatGrid
    from avsync.snap import Move, Snapping

_EPILOG = """\
A cut is moved as a roll edit: one shot ends and the next begins at the beat, over the same sources
as before. Nothing else moves, and the length stays. The extension of OUT chooses the format: .otio,
.edl, .fcpxml (Final Cut Pro), .xml (Final Cut Pro 7, Premiere Pro, DaVinci Resolve).

The song is found on the timeline by its file's name; --offset says where its beginning is
otherwise.

exit codes:
  0  done, whether or not every cut could be moved
  1  something could not be read or written
  2  the command line is wrong; nothing was done
  3  the song has no beat that can be trusted: nothing was written (--force writes)
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync snap`."""
    made = Parser(
        prog="avsync snap",
        description="Move the cuts of an edit onto the beats of a song.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("timeline", metavar="EDIT", type=Path, help="an .otio, .edl, .fcpxml or .xml")
    made.add_argument("song", metavar="SONG", type=Path, nargs="?", help="the music under it")
    made.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="(edit.otio becomes edit.snapped.otio)"
    )
    made.add_argument("--dry-run", action="store_true", help="only say what would be moved")
    made.add_argument(
        "--force", action="store_true", help="go by beats that are not to be trusted, too"
    )
    _add_snapping(made)
    _add_beats(made)
    made.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    add_loudness(made)
    return made


def _add_snapping(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("snapping")
    group.add_argument(
        "--window",
        metavar="S",
        type=seconds,
        default=0.25,
        help="how far a beat may be from a cut (%(default)s)",
    )
    group.add_argument(
        "--to", choices=("beat", "downbeat"), default="beat", help="(%(default)s); or bars only"
    )
    group.add_argument(
        "--min-shot",
        metavar="S",
        type=seconds,
        default=0.2,
        help="leave no shot shorter than this (%(default)s), unless it was",
    )
    group.add_argument(
        "--offset",
        metavar="S",
        type=_time,
        help="when the song's beginning is, or would be, on the timeline; may be negative",
    )
    group.add_argument(
        "--track", metavar="N", type=positive, help="the video track, from 1 for the lowest"
    )
    group.add_argument(
        "--fps", metavar="RATE", type=frame_rate, help="of an EDL: 25, 23.976, 30000/1001"
    )


def _add_beats(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("beats")
    group.add_argument("--bpm", type=bpm, help="about how fast the song is")
    group.add_argument("--meter", type=meter, help="beats in a bar: 4, 3, 4/4, 6/8 (two beats)")
    group.add_argument(
        "--beats",
        metavar="FILE",
        type=Path,
        help="take them from what avsync beats --json wrote, instead of listening",
    )


def _time(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: must be seconds")
    return value


_time.__name__ = "number"


def run(args: argparse.Namespace) -> int:
    """Find the beats, move the cuts, report; returns the exit code."""
    from avsync.beats.grid import LEAST_CONFIDENCE
    from avsync.snap import snap_timeline

    output = args.output or args.timeline.with_stem(f"{args.timeline.stem}.snapped")
    try:
        _check(args, output)
        grid = _beats(args)
        if not len(grid) or (grid.confidence < LEAST_CONFIDENCE and not args.force):
            return _refuse(grid, args)
        snapping = snap_timeline(
            args.timeline,
            grid,
            None if args.dry_run else output,
            window=args.window,
            to=args.to,
            minimum_shot=args.min_shot,
            offset=args.offset,
            song=args.song,
            track=args.track,
            frame_rate=args.fps,
        )
    except (AvsyncError, OSError) as error:
        return fail_with(Failure.of(error), args)
    except (UsageError, ValueError) as error:
        return fail(str(error), args, USAGE)
    _report(snapping, grid, args)
    return DONE


def _check(args: argparse.Namespace, output: Path) -> None:
    """Refuse a wrong command line before the work.

    Raises:
        UsageError: something is missing, of an unknown kind, or would be overwritten.
        OSError: an input is not there, or the output may not be written.
    """
    from avsync.timeline.formats import TIMELINE_EXTENSIONS

    if args.song is None and args.beats is None:
        raise UsageError("SONG is missing: to what beats? Give the song, or --beats")
    if args.beats is not None and (args.bpm is not None or args.meter is not None):
        raise UsageError("--bpm and --meter help to listen to a song; --beats are there already")
    known = " ".join(sorted(TIMELINE_EXTENSIONS))
    for path in (args.timeline, output):
        if path.suffix.lower() not in TIMELINE_EXTENSIONS:
            raise UsageError(f"{path}: a timeline's extension is one of {known}")
    if args.fps is not None and args.timeline.suffix.lower() != ".edl":
        raise UsageError(f"--fps is of an EDL; {args.timeline} says its own frame rate")
    read = [args.timeline, args.beats or args.song]
    if args.song is not None and args.song.exists():  # of a song whose --beats are known, a name
        read.append(args.song)
    check_targets([] if args.dry_run else [output], read)


def _beats(args: argparse.Namespace) -> BeatGrid:
    if args.beats is not None:
        from avsync.beats.files import read_beats

        return read_beats(args.beats)
    from avsync.beats.grid import LEAST_CONFIDENCE
    from avsync.beats.track import track_beats
    from avsync.timeline.files import load_timeline

    load_timeline(args.timeline, frame_rate=args.fps)  # rather fail now than after the listening
    with Bar(quiet=args.quiet) as bar:
        return track_beats(
            args.song,
            bpm=args.bpm,
            meter=args.meter,
            min_confidence=0.0 if args.force else LEAST_CONFIDENCE,
            progress=bar,
        )


def _refuse(grid: BeatGrid, args: argparse.Namespace) -> int:
    source = args.beats or args.song
    doubt = f"its beats are not to be trusted (confidence {grid.confidence:.2f})"
    reason = grid.reason or (doubt if len(grid) else "there are no beats in it")
    helps = not args.force and (len(grid) or args.beats is None)
    more = "; --force goes by what was found" if helps else ""
    return fail(f"{source}: {reason}: nothing was moved{more}", args, REFUSED)


def _report(snapping: Snapping, grid: BeatGrid, args: argparse.Namespace) -> None:
    for note in snapping.notes:
        print_error(note)
    if args.json:
        print_json(_record(snapping, grid, args))
    elif not args.quiet:
        print_lines(_line(move, snapping) for move in snapping.moves)
        print_lines([_summary(snapping)])


def _line(move: Move, snapping: Snapping) -> str:
    before, after = (float(frame / snapping.frame_rate) for frame in (move.before, move.after))
    if move.beat is None:
        return f"{move.cut + 1:4}  {before:9.3f} s  left: {move.reason}"
    change = f"{move.frames:+d} frames" if move.frames else "there already"
    return f"{move.cut + 1:4}  {before:9.3f} → {after:9.3f} s  {change}, beat at {move.beat:.3f} s"


def _summary(snapping: Snapping) -> str:
    cuts = len(snapping.moves)
    done = f"{snapping.on_beat} of {cuts} cuts on a beat, {snapping.moved} moved"
    return f"{done}: {snapping.output}" if snapping.output else f"{done}; nothing was written"


def _record(snapping: Snapping, grid: BeatGrid, args: argparse.Namespace) -> Record:
    rate = snapping.frame_rate
    return {
        "timeline": str(args.timeline),
        "song": None if args.song is None else str(args.song),
        "output": None if snapping.output is None else str(snapping.output),
        "frame_rate": str(rate),
        "tempo_bpm": round(grid.tempo_bpm, 3),
        "confidence": round(grid.confidence, 4),
        "offset_s": round(snapping.offset, 6),
        "window_s": args.window,
        "to": args.to,
        "cuts": len(snapping.moves),
        "on_beat": snapping.on_beat,
        "moved": snapping.moved,
        "moves": [
            {
                "cut": move.cut + 1,
                "before_frame": move.before,
                "after_frame": move.after,
                "before_s": round(float(move.before / rate), 6),
                "after_s": round(float(move.after / rate), 6),
                "beat_s": None if move.beat is None else round(move.beat, 6),
                "reason": move.reason,
            }
            for move in snapping.moves
        ],
        "notes": list(snapping.notes),
    }
