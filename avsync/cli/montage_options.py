"""The command line of `avsync montage`: every option and its help."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from avsync.cli.values import Parser, add_loudness, add_no_cache, bpm, count, frame_rate, meter

FILM_EXTENSIONS = (".mp4", ".m4v", ".mov", ".mkv")
FILM_OPTIONS = ("size", "ratio", "fit", "sound", "preset", "crf", "preview")
"""Of what is rendered; a timeline has no use for them. Not given, each is None."""
PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)

_EPILOG = """\
A directory among the CLIPS stands for all films in it, in order of name. The extension of OUT
chooses what is written: .mp4 .m4v .mov .mkv are films; .otio .edl .fcpxml .xml (Final Cut 7,
Premiere) are timelines with the beats as markers. -o may be given several times.

--every takes a number of beats, or "beat", "bar", "4 bars", "phrase" (8 bars, anew from each drop),
"energy" (the louder the music, the shorter the shots), "drops" or "onsets".

exit codes:
  0  done
  1  something could not be read, planned or written (such as: too few clips for so many shots)
  2  the command line is wrong; nothing was done
  3  there is no beat that could be trusted: nothing was written (--force takes what was found)
"""


@dataclass(frozen=True, slots=True)
class Dissolve:
    """The length of dissolves; one of the two is 0."""

    seconds: float = 0.0
    beats: float = 0.0


def parser() -> argparse.ArgumentParser:
    """The parser of `avsync montage`."""
    made = Parser(
        prog="avsync montage",
        description="Cut clips to the beats of a song.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("song", metavar="SONG", type=Path, help="the music, or a film with it")
    made.add_argument("clips", metavar="CLIPS", type=Path, nargs="+", help="films, or directories")
    made.add_argument(
        "-o", "--output", metavar="OUT", type=Path, action="append", help="a film or a timeline"
    )
    _add_cutting(made)
    _add_music(made)
    _add_choosing(made)
    _add_film(made)
    _add_running(made)
    return made


def _add_cutting(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("where to cut")
    rule = group.add_mutually_exclusive_group()
    rule.add_argument("--every", metavar="RULE", type=_rule, default="bar", help="(%(default)s)")
    rule.add_argument(
        "--pattern", metavar="N,N,...", type=_beats, help="beats of one shot after the other"
    )
    rule.add_argument(
        "--times", metavar="T,T,...", type=_times, help="at the beats nearest to these times"
    )
    group.add_argument(
        "--energy-beats",
        metavar="N,N,...",
        type=_beats,
        help="with --every energy: beats of a shot in the quietest music, ..., the loudest (4,2,1)",
    )
    group.add_argument("--min-shot", metavar="S", type=_positive, help="no shot shorter than this")
    group.add_argument("--max-shot", metavar="S", type=_positive, help="no shot longer than this")
    group.add_argument(
        "--dissolve",
        metavar="LENGTH",
        type=_dissolve,
        default=Dissolve(),
        help='from shot to shot: seconds, or beats as in "1 beat" (none)',
    )


def _add_music(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the music")
    group.add_argument("--start", metavar="T", type=_time, default=0.0, help="(the beginning)")
    last = group.add_mutually_exclusive_group()
    last.add_argument("--end", metavar="T", type=_time, help="(the end of the song)")
    last.add_argument("--length", metavar="T", type=_time, help="of the montage")
    group.add_argument("--fade-in", metavar="S", type=_time, default=0.0, help="of the music")
    group.add_argument("--fade-out", metavar="S", type=_time, default=0.0, help="of the music")
    group.add_argument("--bpm", type=bpm, help="about how fast the song is")
    group.add_argument("--meter", type=meter, help="beats in a bar: 4, 3, 4/4, 6/8 (two beats)")
    group.add_argument(
        "--beats",
        metavar="FILE",
        type=Path,
        help="take them from what avsync beats --json wrote, instead of listening",
    )


def _add_choosing(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("what to show")
    group.add_argument(
        "--order",
        choices=("match", "sequential", "shuffled"),
        default="match",
        help="moments that match the music (%(default)s), clips as given, or by lot",
    )
    group.add_argument("--seed", metavar="N", type=count, help="of shuffled (0)")
    group.add_argument(
        "--repeat", action="store_true", help="show moments again when footage runs out"
    )
    group.add_argument(
        "--across-shots", action="store_true", help="let shots run over the cuts within a clip"
    )
    for option, kind, text in (
        ("--min-exposure", _share, "0 black to 1 white: darker moments are left out (0.04)"),
        ("--max-exposure", _share, "brighter moments are left out (0.96)"),
        (
            "--min-sharpness",
            _amount,
            "0 blurred to about 1 crisp: softer moments are left out (0.05)",
        ),
        (
            "--min-motion",
            _amount,
            "in 64ths of the picture's width per 1/25 s: stiller moments are left out (none)",
        ),
        ("--max-motion", _amount, "shakier moments are left out (none)"),
        (
            "--min-faces",
            _share,
            "share of the picture that faces cover: the rest is left out (none)",
        ),
    ):
        group.add_argument(option, metavar="X", type=kind, help=text)
    group.add_argument("--no-filters", action="store_true", help="leave no moment out")
    group.add_argument("--model", metavar="PATH", type=Path, help="other weights for matching")


def _add_film(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("the film")
    group.add_argument(
        "--fps", metavar="RATE", type=frame_rate, help="25, 23.976, 30000/1001 (as most clips)"
    )
    shape = group.add_mutually_exclusive_group()
    shape.add_argument("--size", metavar="WxH", type=_size, help="pixels (as most clips)")
    shape.add_argument("--ratio", metavar="W:H", type=_ratio, help="16:9, 9:16, 1:1, ...")
    group.add_argument(
        "--fit",
        choices=("letterbox", "crop", "blur"),
        help="what becomes of clips of another ratio (letterbox)",
    )
    group.add_argument(
        "--sound",
        choices=("mute", "mix", "duck"),
        help="of the clips, under the music (mute)",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        choices=PRESETS,
        help="of x264: ultrafast ... veryslow, which makes smaller files (veryfast)",
    )
    group.add_argument("--crf", metavar="N", type=_crf, help="0 perfect to 51 small (20)")
    group.add_argument(
        "--preview",
        action="store_true",
        default=None,
        help="flash and beep on each beat, to check the sync",
    )


def _add_running(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("running and reporting")
    group.add_argument("--dry-run", action="store_true", help="only print the plan")
    group.add_argument("--json", action="store_true", help="the plan as JSON on stdout")
    group.add_argument("--plot", metavar="FILE", type=Path, help="draw the plan (.png, .svg, .pdf)")
    group.add_argument(
        "--strict", action="store_true", help="fail where a clip cannot be used, leave none out"
    )
    group.add_argument(
        "--force", action="store_true", help="go by beats that are not to be trusted, too"
    )
    add_no_cache(group, "seen in the clips")
    add_loudness(group, table="summary", verbose="every shot, and why")


def _rule(text: str) -> str:
    from avsync.montage.pacing import Every

    try:
        Every.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _time(text: str) -> float:
    """Seconds, or minutes and seconds as in 1:02.5, or with hours before them."""
    value = 0.0
    for part in text.split(":"):
        value = 60 * value + float(part)
    if text.count(":") > 2 or "-" in text or not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: must be seconds, or like 1:02.5")
    return value


def _positive(text: str) -> float:
    value = _time(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: must be more than 0")
    return value


def _times(text: str) -> tuple[float, ...]:
    from avsync.montage.pacing import Pacing

    values = tuple(_time(part) for part in text.split(","))
    try:
        return Pacing(times=values).times
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 1")
    return value


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be a number, 0 or more")
    return value


def _beats(text: str) -> tuple[int, ...]:
    values = tuple(int(part) for part in text.split(","))
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be beats, 1 or more each, as in 4,4,2,1,1")
    return values


def _dissolve(text: str) -> Dissolve:
    found = re.fullmatch(r"([0-9.]+)\s*(b|beats?)?", text.strip())
    value = float(found[1]) if found else math.nan
    if found is None or not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'{text}: must be seconds, or like "1 beat"')
    return Dissolve(beats=value) if found[2] else Dissolve(seconds=value)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)[xX×](\d+)", text)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (16 <= width <= 16384 and 16 <= height <= 16384) or width % 2 or height % 2:
        raise argparse.ArgumentTypeError(f"{text}: must be like 1920x1080, in even numbers")
    return width, height


def _ratio(text: str) -> Fraction:
    try:
        value = Fraction(text.replace(":", "/"))
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not Fraction(1, 10) <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text}: must be like 16:9")
    return value


def _crf(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 51:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 51")
    return value


_time.__name__ = _positive.__name__ = _times.__name__ = "time"
_share.__name__ = _amount.__name__ = "number"
_dissolve.__name__, _crf.__name__, _beats.__name__ = "length", "whole number", "list of beats"
