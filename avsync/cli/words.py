"""`avsync words`: when each word of a subtitle file is said."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.cli.exits import DONE, REFUSED, fail_by, print_json, print_lines
from avsync.cli.terminal import Bar, print_error, printable
from avsync.cli.values import Parser, count, encoding, seconds
from avsync.cli.words_options import add_model_options, check_output
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.words.result import WordAlignment

_EXTENSIONS = (".vtt", ".ass", ".srt", ".json")
_EPILOG = """\
The subtitles have to fit the film: `avsync retime` sees to that.

exit codes:
  0  done
  1  a file could not be read or written, or the model is not there
  2  the command line is wrong; nothing was done
  3  nobody says any of it: wrong film or language, and nothing was written (--force writes it)
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync words`."""
    made = Parser(
        prog="avsync words",
        description="Find when each word of a subtitle file is said, and which lines nobody says.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("film", metavar="FILM", type=Path, help="a film, or its sound")
    made.add_argument("subtitles", metavar="SUBTITLES", type=Path, help="subtitles that fit it")
    made.add_argument(
        "-o", "--output", metavar="FILE", type=Path,
        help=".vtt with word times, .ass for karaoke, .srt a word at a time, .json",
    )  # fmt: skip
    made.add_argument(
        "--chars", metavar="N", type=count, help="in .srt: words up to N characters (one word)"
    )
    made.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    made.add_argument("--force", action="store_true", help="write it though nobody seems to say it")
    made.add_argument(
        "--engine", choices=("whisper", "ctc"), default="whisper",
        help="whisper: any language; ctc: sharper edges",
    )  # fmt: skip
    made.add_argument(
        "--slack", metavar="S", type=seconds, default=1.0,
        help="seconds around its cue in which a line may be said (1)",
    )  # fmt: skip
    made.add_argument("--encoding", type=encoding, help="of the subtitles, if it is not found out")
    made.add_argument("--lenient", action="store_true", help="repair malformed subtitles")
    add_model_options(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Align, report, write; returns the exit code."""
    try:
        if args.output is None and not args.json:
            raise ValueError("say where to write the words with -o, or give --json")
        check_output(args.output, _EXTENSIONS, (args.film, args.subtitles))
        if args.chars is not None and (args.output is None or args.output.suffix.lower() != ".srt"):
            raise ValueError("--chars says how much an .srt shows at a time: write one with -o")
        alignment = _aligned(args)
        heard = not alignment.words or alignment.marks["said"] + alignment.marks["uncertain"] > 0
        if args.output is not None and (heard or args.force):
            from avsync.words.files import write_words

            write_words(alignment, args.output, characters=args.chars or 0)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_by(error, args)
    _report(alignment, args)
    if heard or args.force:
        return DONE
    print_error(f"{args.subtitles}: nobody says any of it in {args.film}; nothing was written")
    return REFUSED


def _aligned(args: argparse.Namespace) -> WordAlignment:
    from avsync.subtitles import read_subtitles
    from avsync.words.align import align_words

    subtitles = read_subtitles(args.subtitles, encoding=args.encoding, lenient=args.lenient)
    with Bar(quiet=args.quiet) as bar:
        return align_words(
            subtitles,
            args.film,
            model=args.model,
            engine=args.engine,
            language=args.language,
            device=args.device,
            precision=args.precision,
            slack=args.slack,
            audio_track=args.audio_track,
            progress=bar,
        )


def _report(alignment: WordAlignment, args: argparse.Namespace) -> None:
    if args.json:
        from avsync.words.files import words_record

        print_json(words_record(alignment))
        return
    if args.quiet:
        return
    marks = ", ".join(f"{number} {mark}" for mark, number in alignment.marks.items() if number)
    lines = [f"{len(alignment.words)} words in {len(alignment.cues)} cues ({marks})"]
    for cue in alignment.cues:
        if cue.mark in ("not said", "uncertain") or args.verbose:
            text = " ".join(cue.text.visible.split())
            lines.append(f"  {cue.start:9.3f}  {cue.mark:<9}  {cue.score:.2f}  {printable(text)}")
    print_lines(lines)
