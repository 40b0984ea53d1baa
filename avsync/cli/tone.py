"""`avsync tone`: does the mood of the sound agree with the mood of the picture?"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from avsync.atomic import atomic_path
from avsync.cli.exits import DONE, FAILED, USAGE, fail, fail_by, print_json, print_lines
from avsync.cli.targets import UsageError, check_targets
from avsync.cli.terminal import Bar, print_error
from avsync.cli.tone_report import candidate_record, explanation_lines, ranking_lines, table
from avsync.cli.values import Parser, add_loudness, add_no_cache, count, positive
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.tone.report import ToneReport
    from avsync.tone.score import Candidate, Windows

_STANDS_OUT = 0  # a number that nobody can give: windows count from 1

_EPILOG = """\
Valence (displeasing to pleasing) and arousal (calm to excited) lie in -1 to 1, each with a standard
error; agreement lies in -1 to 1, and 0 is what a sound and a picture have that were never meant for
each other. Disagreement may be meant: it is never called wrong. The numbers are about how most
people in the studies behind them would take it, not about anybody's feelings.

exit codes:
  0  done; a side that is missing is named
  1  nothing could be judged, or a file not read or written
  2  the command line is wrong; nothing was done
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync tone`."""
    made = Parser(
        prog="avsync tone",
        description="Does the mood of the sound agree with the mood of the picture?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("media", metavar="FILM", type=Path, help="a film, or sound alone")
    made.add_argument(
        "--try", dest="sounds", metavar="SOUND", type=Path, nargs="+", help="rank soundtracks"
    )
    made.add_argument(
        "--try-video", dest="pictures", metavar="FILM", type=Path, nargs="+",
        help="rank pictures for the sound of FILM",
    )  # fmt: skip
    cut = made.add_mutually_exclusive_group()
    cut.add_argument("--windows", metavar="S", type=_window, help="seconds of a window (5)")
    cut.add_argument("--shots", action="store_true", help="a window for each shot")
    cut.add_argument(
        "--scenes", metavar="FILE.csv", type=Path, help="windows by name: name,start_s,end_s"
    )
    made.add_argument("--audio-track", metavar="N", type=count, help="listen to this track")
    made.add_argument("--model", metavar="PATH", type=Path, help="other weights")
    add_no_cache(made, "heard and seen")
    written = made.add_argument_group("what to write")
    written.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    written.add_argument("--csv", metavar="FILE", type=Path, help="a line for each window")
    written.add_argument("--plot", metavar="FILE", type=Path, help="draw it (.png, .svg, .pdf)")
    written.add_argument("--html", metavar="FILE", type=Path, help="a page with film and curves")
    written.add_argument(
        "--embed", action="store_true", help="put the film itself into the page (small films)"
    )
    written.add_argument(
        "--explain", metavar="N", type=positive, nargs="?", const=_STANDS_OUT,
        help="which measures and moments made window N (from 1; alone: the one that stands out)",
    )  # fmt: skip
    written.add_argument("--explain-plot", metavar="FILE", type=Path, help="draw that explanation")
    add_loudness(made)
    return made


def _window(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 36_000:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 to 36000 seconds")
    return value


_window.__name__ = "number"


def run(args: argparse.Namespace) -> int:
    """Judge, report, write; returns the exit code."""
    try:
        _check(args)
        return _run(args)
    except UsageError as error:
        return fail(str(error), args, USAGE)
    except (AvsyncError, OSError, ValueError) as error:
        return fail_by(error, args)


def _check(args: argparse.Namespace) -> None:
    """Refuse, before the work, what cannot be done.

    Raises:
        UsageError: options contradict each other, or an output is of an unknown kind, or would
            overwrite what is read or another output.
        OSError: an input is not there, or an output cannot be written.
    """
    from avsync.plots.style import PLOT_EXTENSIONS

    if args.sounds and args.pictures:
        raise UsageError("--try ranks sounds, --try-video pictures: give one of them")
    if args.sounds and args.audio_track is not None:
        raise UsageError("--audio-track is of the sound of FILM, and --try brings other sounds")
    written = [args.csv, args.plot, args.html, args.explain_plot]
    ranking = bool(args.sounds or args.pictures)
    if ranking and (any(written) or args.explain is not None):
        raise UsageError("a ranking has a table and --json; give one film for other outputs")
    for target in (args.plot, args.explain_plot):
        if target and target.suffix.lower() not in PLOT_EXTENSIONS:
            raise UsageError(f"{target}: a picture is {' '.join(sorted(PLOT_EXTENSIONS))}")
    if args.html and args.html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{args.html}: a page is .html")
    if args.embed and not args.html:
        raise UsageError("--embed needs --html")
    inputs = [args.media, args.scenes, args.model]
    check_targets([*filter(None, written)], [*filter(None, inputs)])


def _run(args: argparse.Namespace) -> int:
    windows: Windows = "shots" if args.shots else (args.windows or 5.0)
    scenes = None
    if args.scenes is not None:
        from avsync.tone.scenes import read_scenes

        scenes = read_scenes(args.scenes)
        windows = scenes.spans
    from avsync.tone.score import OutsideFilm

    try:
        judged = _judge(args, windows)
    except OutsideFilm as error:
        if scenes is None:
            raise
        raise UsageError(f"{scenes.place(error.window)}: {error}") from error
    if isinstance(judged, tuple):
        return _report_ranking(judged, args)
    explained = None
    if args.explain is not None or args.explain_plot is not None:
        explained = _explained(judged, args)
    _write(judged, explained, args)
    _report(judged, explained, args)
    return DONE


def _judge(args: argparse.Namespace, windows: Windows) -> ToneReport | tuple[Candidate, ...]:
    """The report of one film, or the ranking of many."""
    with Bar(quiet=args.quiet) as bar:
        from avsync.cache import TokenCache
        from avsync.tone.model import load_tone_model
        from avsync.tone.score import score_tone, try_pictures, try_sounds

        model = load_tone_model(args.model)
        cache = TokenCache() if args.cache else None
        if args.sounds:
            return try_sounds(
                args.media, args.sounds, windows=windows, model=model, cache=cache, progress=bar
            )
        if args.pictures:
            return try_pictures(
                args.media,
                args.pictures,
                windows=windows,
                audio_track=args.audio_track,
                model=model,
                cache=cache,
                progress=bar,
            )
        return score_tone(
            args.media,
            windows=windows,
            audio_track=args.audio_track,
            model=model,
            cache=cache,
            progress=bar,
        )


def _write(report: ToneReport, explained: int | None, args: argparse.Namespace) -> None:
    if args.csv is not None:
        from avsync.tone.export import to_csv

        with atomic_path(args.csv) as temporary:
            temporary.write_text(to_csv(report), encoding="utf-8")
    if args.plot is not None:
        from avsync.plots import plot_tone

        plot_tone(report, args.plot)
    if args.html is not None:
        from avsync.tone.page import write_page

        write_page(report, args.html, embed=args.embed)
    if args.explain_plot is not None and explained is not None:
        from avsync.plots import plot_explanation

        plot_explanation(report.explain(explained), args.explain_plot)


def _explained(report: ToneReport, args: argparse.Namespace) -> int:
    """The window to explain, from 0: the one that was asked for, or the one that stands out."""
    if args.explain:
        if args.explain > len(report.windows):
            raise UsageError(
                f"--explain {args.explain}: there is no such window; "
                f"they are 1 to {len(report.windows)}"
            )
        return int(args.explain) - 1
    if report.agreement is not None:
        sizes = [abs(v) if math.isfinite(v) else -1 for v in report.agreement.windows]
    else:
        side = report.sound or report.picture
        assert side is not None
        sizes = [abs(v) if math.isfinite(v) else -1 for v in side.arousal]
    return sizes.index(max(sizes))


def _report(report: ToneReport, explained: int | None, args: argparse.Namespace) -> None:
    from avsync.tone.export import explanation_record, report_record

    explained = None if args.explain is None else explained
    if args.json:
        record = report_record(report)
        if explained is not None:
            record["explanation"] = explanation_record(report.explain(explained))
        print_json(record)
    elif not args.quiet:
        print_lines(table(report))
        if explained is not None:
            print_lines(explanation_lines(report, explained))
    for reason in report.missing if args.json or args.quiet else ():  # the table says it, too
        print_error(f"{report.path}: {reason}")


def _report_ranking(ranked: tuple[Candidate, ...], args: argparse.Namespace) -> int:
    if args.json:
        records = [candidate_record(one) for one in ranked]
        print_json({"path": str(args.media), "ranking": records})
    elif not args.quiet:
        print_lines(ranking_lines(ranked))
    for one in ranked:
        if one.report is None:
            print_error(f"{one.path}: {one.reason}")
    return DONE if any(one.report is not None for one in ranked) else FAILED
