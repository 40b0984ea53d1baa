"""`avsync beats`: where the beats of a song are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.atomic import atomic_path
from avsync.cli.exits import DONE, REFUSED, USAGE, fail, fail_by
from avsync.cli.targets import UsageError, check_targets
from avsync.cli.terminal import Bar, print_error, print_line
from avsync.cli.values import Parser, add_loudness, bpm, meter
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.beats.grid import BeatGrid

_EPILOG = """\
The table on stdout has a line for each beat: seconds, bar.beat, tempo. Bars count from 1; a pickup
before the first bar is bar 0.

exit codes:
  0  done
  1  the song could not be read, or a file not written
  2  the command line is wrong; nothing was done
  3  there is no beat that could be trusted: nothing was written (--force writes what was found)
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync beats`."""
    made = Parser(
        prog="avsync beats",
        description="Find the beats, bars and tempo of a song.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("song", metavar="SONG", type=Path, help="a song, or a film with music")
    made.add_argument("--bpm", type=bpm, help="about how fast it is: settles doubts by the octave")
    made.add_argument("--meter", type=meter, help="beats in a bar: 4, 3, 4/4, 6/8 (two beats)")
    made.add_argument(
        "--force", action="store_true", help="give what was found even where it is doubtful"
    )
    made.add_argument("--model", metavar="PATH", type=Path, help="other weights")
    written = made.add_argument_group("what to write")
    written.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    written.add_argument("--csv", metavar="FILE", type=Path, help="a line for each beat")
    written.add_argument("--labels", metavar="FILE", type=Path, help="a label track for Audacity")
    written.add_argument(
        "--click", metavar="FILE.wav", type=Path, help="the song with a click on each beat"
    )
    written.add_argument("--plot", metavar="FILE", type=Path, help="draw them (.png, .svg, .pdf)")
    add_loudness(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Track, report, write; returns the exit code."""
    from avsync.beats.grid import LEAST_CONFIDENCE
    from avsync.beats.model import load_beat_model
    from avsync.beats.track import track_beats

    try:
        _check_targets(args)
        with Bar(quiet=args.quiet) as bar:
            grid = track_beats(
                args.song,
                bpm=args.bpm,
                meter=args.meter,
                min_confidence=0.0 if args.force else LEAST_CONFIDENCE,
                model=load_beat_model(args.model) if args.model else None,
                progress=bar,
            )
        if len(grid):
            _write(grid, args)
    except UsageError as error:
        return fail(str(error), args, USAGE)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_by(error, args)
    _report(grid, args)
    return DONE if len(grid) else REFUSED


def _check_targets(args: argparse.Namespace) -> None:
    """Refuse, before the work, what could not be written, or in an unknown format.

    Raises:
        UsageError: says which.
        OSError: an input is not there, or an output may not be written.
    """
    from avsync.plots.style import PLOT_EXTENSIONS

    if args.plot and args.plot.suffix.lower() not in PLOT_EXTENSIONS:
        raise UsageError(f"{args.plot}: a picture is {' '.join(sorted(PLOT_EXTENSIONS))}")
    if args.click and args.click.suffix.lower() != ".wav":
        raise UsageError(f"{args.click}: the click track is a .wav file")
    written = filter(None, (args.csv, args.labels, args.click, args.plot))
    check_targets([*written], [*filter(None, (args.song, args.model))])


def _write(grid: BeatGrid, args: argparse.Namespace) -> None:
    from avsync.beats.export import CLICK_RATE_HZ, to_csv, to_labels, write_click

    for target, text in ((args.csv, to_csv), (args.labels, to_labels)):
        if target is not None:
            with atomic_path(target) as temporary:
                temporary.write_text(text(grid), encoding="utf-8")
    if args.click is None and args.plot is None:
        return
    from avsync.media import read_audio

    song = read_audio(args.song, rate_hz=CLICK_RATE_HZ)
    if args.click is not None:
        write_click(grid, song, args.click)
    if args.plot is not None:
        from avsync.plots import plot_beats

        plot_beats(grid, song, args.plot)


def _report(grid: BeatGrid, args: argparse.Namespace) -> None:
    if args.json:
        from avsync.beats.export import to_json

        print_line(to_json(grid))
    if not len(grid):
        print_error(f"{args.song}: {grid.reason or 'no beats'}: no beats were found")
        return
    if args.json or args.quiet:
        return
    tempo = grid.local_tempo_bpm
    print_line(
        f"{grid.tempo_bpm:.1f} BPM ({tempo.min():.0f} to {tempo.max():.0f}), {grid.meter} beats in "
        f"a bar, {len(grid)} beats, {len(grid.downbeats)} bars, confidence {grid.confidence:.2f}"
    )
    for time, bar, place, speed in zip(grid.beats, grid.bars, grid.positions, tempo, strict=True):
        print_line(f"{time:9.3f}  {bar}.{place}  {speed:.1f}")
