"""`avsync polish`: subtitles on a film's frames, in step with its shots."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, REFUSED, USAGE, fail, fail_with, print_json, print_lines
from avsync.cli.records import Record, rules_record
from avsync.cli.report import rules_lines
from avsync.cli.targets import UsageError, check_targets
from avsync.cli.terminal import Bar, print_error
from avsync.cli.values import Parser, add_loudness, add_no_cache, count, encoding, frame_rate
from avsync.errors import AvsyncError
from avsync.jobs import Failure, other_format
from avsync.polishing.profiles import PROFILES
from avsync.textfile import read_utf8

if TYPE_CHECKING:
    from avsync.filmtiming import FilmTiming
    from avsync.polishing.polish import Polishing
    from avsync.subtitles import Subtitles

_EPILOG = """\
Without -o, film.srt becomes film.polished.srt beside it. The extension of OUT chooses the format.
Texts, order and styles stay as they are; signs that are set to a place in the picture only move to
the nearest frame. Subtitles are to be in sync: use avsync retime --shots if they are not.

Without a film: avsync polish film.srt --fps 25 --shots-file cuts.txt

exit codes:
  0  done (also: nothing to do)
  1  something could not be read or written
  2  the command line is wrong; nothing was done
  3  with --check: there are violations
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync polish`."""
    made = Parser(
        prog="avsync polish",
        description="Time subtitles as professionals deliver them: to frames and to shot changes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "film", metavar="FILM", type=Path, nargs="?", help="whose shots, frames and speech count"
    )
    made.add_argument("subtitles", metavar="SUBTITLES", type=Path, help="what to polish")
    made.add_argument("-o", "--output", metavar="OUT", type=Path, help="the file to write")
    made.add_argument(
        "--profile", choices=list(PROFILES), default="netflix", help="whose rules (%(default)s)"
    )
    made.add_argument(
        "--check", action="store_true", help="write nothing; the exit code is 3 if a rule is broken"
    )
    _add_film(made)
    _add_subtitles(made)
    reporting = made.add_argument_group("reporting")
    reporting.add_argument(
        "--report", action="store_true", help="list every violation, before and after"
    )
    reporting.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    add_loudness(reporting)
    return made


def _add_film(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the film")
    group.add_argument(
        "--shots-file",
        metavar="FILE",
        type=Path,
        help="take the shot changes from here: seconds, one a line",
    )
    group.add_argument(
        "--fps",
        metavar="RATE",
        type=frame_rate,
        help="without a film, or of MicroDVD: 25, 23.976, 30000/1001",
    )
    group.add_argument("--audio-track", metavar="N", type=count, help="listen to this track")
    group.add_argument(
        "--no-speech",
        dest="speech",
        action="store_false",
        help="do not listen: a cue's ends may move by half a second, whatever is spoken there",
    )
    add_no_cache(group, "seen and heard")


def _add_subtitles(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the subtitles")
    group.add_argument(
        "--language", metavar="CODE", help="for the reading speed: en, de, ja (as in film.en.srt)"
    )
    group.add_argument(
        "--encoding", metavar="NAME", type=encoding, help="of the output (as the input)"
    )
    group.add_argument(
        "--input-encoding", metavar="NAME", type=encoding, help="of the subtitles (guessed)"
    )
    group.add_argument(
        "--lenient", action="store_true", help="keep all that can be kept of malformed subtitles"
    )


def run(args: argparse.Namespace) -> int:
    """Watch, polish, write, report; returns the exit code."""
    from avsync.polishing.polish import polish
    from avsync.subtitles import read_subtitles, write_subtitles

    try:
        output = _output(args)
        subtitles = read_subtitles(
            args.subtitles, encoding=args.input_encoding, lenient=args.lenient, fps=args.fps
        )
        _check_rate(args, subtitles, output)
        shots, timing = _timing(args)
        polishing = polish(
            subtitles,
            shots,
            timing.shots.grid if timing else args.fps,
            profile=args.profile,
            speech=timing.speech if timing else None,
            language=args.language or language_in(args.subtitles),
            written_as=other_format(args.subtitles, output),
        )
        if not args.check:
            write_subtitles(polishing.subtitles, output, encoding=args.encoding, fps=args.fps)
    except UsageError as error:
        return fail(str(error), args, USAGE)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_with(Failure.of(error), args)
    _report(polishing, None if args.check else output, args)
    return REFUSED if args.check and polishing.before else DONE


def language_in(path: Path) -> str | None:
    """The code before a file's extension, as in film.en.srt or film.pt-BR.srt."""
    code = Path(path.stem).suffix.lstrip(".")
    plain = code.split("-")[0].split("_")[0]
    return code if 2 <= len(plain) <= 3 and plain.isascii() and plain.isalpha() else None


def _output(args: argparse.Namespace) -> Path:
    from avsync.subtitles import SUBTITLE_EXTENSIONS

    path: Path = args.subtitles
    output: Path = args.output or path.with_name(f"{path.stem}.polished{path.suffix}")
    if args.film is None and args.fps is None:
        raise UsageError("FILM is missing: give it, or its frame rate with --fps")
    if args.film is not None and args.film.suffix.lower() in SUBTITLE_EXTENSIONS:
        raise UsageError(f"{args.film} is no film; the film comes first, then the subtitles")
    if args.film is None and args.audio_track is not None:
        raise UsageError("--audio-track is of a film: give it")
    if args.audio_track is not None and not args.speech:
        raise UsageError("--audio-track is what to listen to, and --no-speech not to: give one")
    if args.check and (args.output is not None or args.encoding is not None):
        raise UsageError("--check writes nothing: leave out -o and --encoding")
    if output.suffix.lower() not in SUBTITLE_EXTENSIONS:
        known = " ".join(sorted(SUBTITLE_EXTENSIONS))
        raise UsageError(f"-o {output}: the extension chooses the format, one of {known}")
    read = filter(None, (args.film, path, args.shots_file))
    check_targets([] if args.check else [output], [*read])
    return output


def _check_rate(args: argparse.Namespace, subtitles: Subtitles, output: Path) -> None:
    in_frames = subtitles.format == "microdvd" or output.suffix.lower() == ".sub"
    if args.film is not None and args.fps is not None and not in_frames:
        raise UsageError(f"--fps is for MicroDVD, or without a film: {args.film} has its own rate")


def _timing(args: argparse.Namespace) -> tuple[list[float], FilmTiming | None]:
    shots = None if args.shots_file is None else _shots_in(args.shots_file)
    if args.film is None:
        return shots or [], None
    from avsync.cache import TokenCache
    from avsync.filmtiming import read_film_timing

    with Bar(quiet=args.quiet) as bar:
        timing = read_film_timing(
            args.film,
            listen=args.speech,
            audio_track=args.audio_track,
            cache=TokenCache() if args.cache else None,
            progress=bar,
        )
    if timing.speech is None and args.speech:
        print_error(f"{args.film}: there is no sound to listen to: polished as with --no-speech")
    return list(timing.shots.changes) if shots is None else shots, timing


def _shots_in(path: Path) -> list[float]:
    found = []
    for number, line in enumerate(read_utf8(path).splitlines(), start=1):
        text = line.split("#")[0].strip()
        try:
            seconds = float(text or 0)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds):
            raise ValueError(f"{path}:{number}: {text!r} is no time in seconds, such as 12.48")
        if text:
            found.append(seconds)
    return found


def _report(polishing: Polishing, output: Path | None, args: argparse.Namespace) -> None:
    if args.json:
        files: Record = {
            "film": None if args.film is None else str(args.film),
            "subtitles": str(args.subtitles),
            "output": None if output is None else str(output),
            "profile": args.profile,
        }
        print_json(files | rules_record(polishing))
    elif not args.quiet:
        print_lines(_lines(polishing, output, args))


def _lines(polishing: Polishing, output: Path | None, args: argparse.Namespace) -> Iterator[str]:
    cues = len(polishing.subtitles.cues)
    yield f"{args.subtitles}: {len(polishing.moved)} of {cues} cues moved ({args.profile})"
    yield from rules_lines(polishing, each=args.report)
    if output is not None:
        yield f"  written to {output}"
