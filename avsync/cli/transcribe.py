"""`avsync transcribe`: subtitles for a film that has none."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, fail_by, print_json, print_lines
from avsync.cli.terminal import Bar
from avsync.cli.values import Parser, add_no_cache
from avsync.cli.words_options import add_model_options, check_output
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.cache import TokenCache
    from avsync.clips.film import Shots
    from avsync.progress import Progress
    from avsync.subtitles import Subtitles
    from avsync.words.transcribe import Transcript

_EXTENSIONS = (".srt", ".vtt", ".ass")
_EPILOG = """\
A first draft: cues end at clauses, within reading speed and line length, timed to the words.

exit codes:
  0  done
  1  a file could not be read or written, nobody speaks, or the model is not there
  2  the command line is wrong; nothing was done
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync transcribe`."""
    made = Parser(
        prog="avsync transcribe",
        description="Write subtitles for a film that has none.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("film", metavar="FILM", type=Path, help="a film, or its sound")
    made.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help=".srt, .vtt or .ass"
    )
    made.add_argument("--translate", action="store_true", help="into English")
    made.add_argument(
        "--shots", action="store_true", help="put cues on the film's frames, in step with its shots"
    )
    made.add_argument("--force", action="store_true", help="write over a file that is there")
    made.add_argument("--json", action="store_true", help="what was done as JSON on stdout")
    add_no_cache(made, "heard in the film")
    add_model_options(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Transcribe, write, report; returns the exit code."""
    from avsync.cache import TokenCache
    from avsync.subtitles import write_subtitles
    from avsync.words.transcribe import transcribe

    cache = TokenCache() if args.cache else None
    try:
        check_output(args.output, _EXTENSIONS, (args.film,))
        if args.output.exists() and not args.force:
            raise ValueError(f"{args.output}: is there already; --force writes over it")
        with Bar(quiet=args.quiet) as bar:
            shots = _shots(args, cache, bar) if args.shots else None
            transcript = transcribe(
                args.film,
                model=args.model or "small",
                translate=args.translate,
                language=args.language,
                device=args.device,
                precision=args.precision,
                audio_track=args.audio_track,
                cache=cache,
                progress=bar,
            )
            subtitles = transcript.subtitles
            if shots is not None:
                subtitles = _in_step(transcript, shots, args)
        write_subtitles(subtitles, args.output)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_by(error, args)
    _report(transcript, args)
    return DONE


def _shots(args: argparse.Namespace, cache: TokenCache | None, progress: Progress) -> Shots:
    # Before the long work: a file without a picture has no shots.
    from avsync.clips.film import find_shots

    return find_shots(args.film, cache=cache, progress=progress)


def _in_step(transcript: Transcript, shots: Shots, args: argparse.Namespace) -> Subtitles:
    from avsync.polishing.polish import polish
    from avsync.timemap import Span

    polished = polish(
        transcript.subtitles,
        shots.changes,
        shots.grid,
        speech=[Span(word.start, word.end) for word in transcript.words],
        language="en" if args.translate else transcript.language,
    )
    return polished.subtitles


def _report(transcript: Transcript, args: argparse.Namespace) -> None:
    spoken = sum(span.end - span.start for span in transcript.speech)
    if args.json:
        print_json(
            {
                "output": str(args.output),
                "language": transcript.language,
                "cues": len(transcript.captions),
                "words": len(transcript.words),
                "speech_s": round(spoken, 3),
            }
        )
    elif not args.quiet:
        words, cues = len(transcript.words), len(transcript.captions)
        heard = f"{spoken:.0f} s of speech ({transcript.language})"
        print_lines([f"{args.output}: {words} words in {cues} cues, from {heard}"])
