"""The options that `avsync words` and `avsync transcribe` share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from avsync.cli.targets import check_target
from avsync.cli.values import add_loudness, count
from avsync.jobs import Listen, file_identity


def add_model_options(made: argparse.ArgumentParser) -> None:
    """Which model runs where, in which language, on which track; and how loud the command is."""
    model = made.add_argument_group("the model")
    model.add_argument(
        "--model", metavar="NAME", help="tiny, base, small (used if none is given), medium, "
        "large-v3, turbo, or a checkpoint's path; a named one is downloaded once",
    )  # fmt: skip
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    model.add_argument(
        "--precision", choices=("auto", "float32", "float16", "bfloat16"), default="auto",
        help="auto: float16 on a CUDA device, else float32",
    )  # fmt: skip
    model.add_argument("--language", metavar="CODE", help="what is spoken: en, de, ja ... (heard)")
    made.add_argument(
        "--audio-track", metavar="N", type=count, help="stream index, if not the default track"
    )
    add_loudness(made, verbose="every line, every warning")


def add_words_options(made: argparse.ArgumentParser) -> None:
    """Those of `avsync retime`, whose --model are other weights."""
    group = made.add_argument_group("words")
    group.add_argument(
        "--words", action="store_true",
        help="make sure by what is said: tell another film, language or cut, and leave lines that "
        "nobody says out of the fit",
    )  # fmt: skip
    group.add_argument(
        "--words-model", metavar="NAME", help="Whisper's model or a checkpoint's path (small)"
    )
    group.add_argument("--device", help="with --words: auto, cpu, cuda, cuda:1, mps (auto)")
    group.add_argument(
        "--language", metavar="CODE", help="with --words: what is spoken: en, de, ja ... (heard)"
    )


def listen_from(args: argparse.Namespace) -> Listen | None:
    """How to listen for the words, if that is wanted.

    Raises:
        ValueError: an option of the words without --words, or no language of Whisper's.
    """
    given = {"model": args.words_model, "device": args.device, "language": args.language}
    given = {name: value for name, value in given.items() if value is not None}
    if not args.words:
        if given:
            raise ValueError(
                "--words-model, --device and --language say how to listen: add --words"
            )
        return None
    if args.language is not None:
        from avsync.words.whisper_engine import language_code

        given["language"] = language_code(args.language)
    return Listen(**given)


def check_output(output: Path | None, extensions: Sequence[str], inputs: Sequence[Path]) -> None:
    """Refuse, before the work, what could not be written: over an input, in an unknown format.

    Raises:
        ValueError: says which.
        OSError: the file or its directory is read-only.
    """
    if output is None:
        return
    if output.suffix.lower() not in extensions:
        raise ValueError(f"{output}: is written as one of {' '.join(extensions)}; name it so")
    for path in inputs:
        if path.exists() and file_identity(output) == file_identity(path):
            raise ValueError(f"{output}: is an input; write to another file")
    check_target(output)
