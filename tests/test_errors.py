"""The error taxonomy: what an error says, what it is, and that it survives a trip to a worker."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from avsync.errors import (
    AlignmentError,
    AvsyncError,
    LowConfidence,
    MediaError,
    ModelUnavailable,
    RenderError,
    SubtitleError,
)

ERRORS = [
    MediaError("film.mkv", "has no sound"),
    SubtitleError("film.srt", 12, "'x' is not a time"),
    SubtitleError(Path("film.srt"), None, "is empty"),
    ModelUnavailable("retime", "is damaged; install avsync again"),
    AlignmentError("nothing to align"),
    AlignmentError("has no cues", path="film.srt"),
    LowConfidence("too many peaks", alignment={"confidence": 0.1}),
    RenderError("out.mp4", "no such codec"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_survives_pickling_with_its_facts(error: AvsyncError, copied) -> None:
    twin = copied(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_names_file_and_line() -> None:
    assert str(SubtitleError("film.srt", 12, "is wrong")) == "film.srt:12: is wrong"
    assert str(SubtitleError("film.srt", None, "is empty")) == "film.srt: is empty"
    assert str(AlignmentError("has no cues", path="film.srt")) == "film.srt: has no cues"
    assert SubtitleError(Path("a") / "b.srt", 1, "x").path == str(Path("a") / "b.srt")


def test_is_also_the_builtin_that_fits() -> None:
    assert issubclass(MediaError, OSError)
    assert issubclass(SubtitleError, ValueError)
    assert issubclass(LowConfidence, AlignmentError)
    assert all(isinstance(error, AvsyncError) for error in ERRORS)


def test_low_confidence_keeps_the_alignment() -> None:
    alignment = object()
    assert LowConfidence("why", alignment=alignment).alignment is alignment


def test_control_characters_of_a_file_name_do_not_reach_the_message() -> None:
    message = str(MediaError("a\n\x1b[31mb\u202e\udc80é\u3000日.mkv", "is broken"))
    assert message.startswith("a\\n\\x1b[31mb\\u202e\\udc80é\u3000日.mkv")
    assert "\n" not in message
    assert "\x1b" not in message
    message.encode("utf-8")


def test_subclass_with_other_arguments_survives_pickling() -> None:
    twin = pickle.loads(pickle.dumps(_Special(3)))
    assert (type(twin), twin.number, str(twin)) == (_Special, 3, "number 3")


class _Special(AlignmentError):
    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"number {number}")
