"""The command line of `avsync retime`: every option and its help."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsync.cli.values import (
    Parser,
    add_loudness,
    add_no_cache,
    count,
    encoding,
    frame_rate,
    positive,
    probability,
    seconds,
)
from avsync.cli.words_options import add_words_options
from avsync.polishing.profiles import PROFILES

__all__ = ["retime_parser"]

_EPILOG = """\
Without -o, film.srt becomes film.retimed.srt beside it. The extension of OUT chooses the format.
A directory alone pairs its films and subtitles by name (film.mkv: film.srt, film.en.srt; or S01E02)
and retimes them all.

exit codes:
  0  done (also: already in sync)
  1  something could not be read, aligned or written
  2  the command line is wrong; nothing was done
  3  aligned, but not to be trusted: nothing was written (--force writes it)
Of many files, 1 if any failed, else 3 if any was refused.
"""


def retime_parser() -> argparse.ArgumentParser:
    """The parser of the command `avsync retime`."""
    parser = Parser(
        prog="avsync retime",
        description="Retime subtitles to the speech of a film, or to subtitles that fit it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_files(parser)
    _add_reading(parser)
    _add_aligning(parser)
    add_words_options(parser)
    _add_running(parser)
    _add_reporting(parser)
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reference",
        metavar="REFERENCE",
        type=Path,
        help="a film, a sound file, or subtitles in sync; or a directory of films and subtitles",
    )
    parser.add_argument(
        "subtitles", metavar="SUBTITLES", type=Path, nargs="*", help="what to retime"
    )
    target = parser.add_mutually_exclusive_group()
    # A string and not a Path, which would lose the "/" that says "a directory".
    target.add_argument(
        "-o", "--output", metavar="OUT", help="the file to write; a directory for several"
    )
    target.add_argument(
        "--in-place",
        action="store_true",
        help="replace the subtitles; the original stays beside them as .bak (.bak1, ...)",
    )
    parser.add_argument(
        "--force", action="store_true", help="write the result even where it is not to be trusted"
    )


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading and writing")
    track = group.add_mutually_exclusive_group()
    track.add_argument(
        "--audio-track",
        metavar="N",
        type=count,
        help="listen to this track of the film (see --list-tracks)",
    )
    track.add_argument(
        "--subtitle-track",
        metavar="N",
        type=count,
        help="retime to this text track of the film instead of its sound",
    )
    group.add_argument(
        "--list-tracks", action="store_true", help="show the tracks of REFERENCE, and end"
    )
    group.add_argument(
        "--encoding", metavar="NAME", type=encoding, help="of the output (as the input)"
    )
    group.add_argument(
        "--input-encoding", metavar="NAME", type=encoding, help="of the subtitles (guessed)"
    )
    group.add_argument(
        "--fps", metavar="RATE", type=frame_rate, help="of MicroDVD files: 25, 23.976, 24000/1001"
    )
    group.add_argument(
        "--lenient",
        action="store_true",
        help="keep all that can be kept of malformed subtitles, and say what was repaired",
    )


def _add_aligning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("aligning")
    group.add_argument(
        "--refine",
        action="store_true",
        help="then move each cue's start and end to the speech, by 0.5 s at most",
    )
    group.add_argument(
        "--lead-in", metavar="S", type=seconds, help="show a cue so long before its speech (0.1)"
    )
    group.add_argument(
        "--linger", metavar="S", type=seconds, help="keep a cue so long after its speech (0.3)"
    )
    group.add_argument(
        "--shots",
        action="store_true",
        help="then polish: times on the film's frames, in step with its shots",
    )
    group.add_argument(
        "--profile",
        choices=list(PROFILES),
        help="with --shots: whose rules (netflix); see avsync polish",
    )
    group.add_argument(
        "--min-confidence",
        metavar="P",
        type=probability,
        default=0.5,
        help="below this, 0 to 1, nothing is written (%(default)s)",
    )
    group.add_argument(
        "--model", metavar="PATH", type=Path, help="other weights than those of the package"
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many films")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs", metavar="N", type=positive, default=1, help="films at once (%(default)s)"
    )
    where.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="the scheduler of a Dask cluster, such as tcp://HOST:8786 (extra: avsync[cluster])",
    )
    add_no_cache(group, "heard in the film")


def _add_reporting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reporting")
    group.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    group.add_argument(
        "--plot",
        metavar="FILE",
        type=Path,
        help="draw the evidence (.png, .svg, .pdf); a directory for several",
    )
    add_loudness(group, table="summary", verbose="every clamped cue and every repair")
