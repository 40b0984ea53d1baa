"""Timelines as files: the extension chooses the format, and what goes wrong names the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from avsync.atomic import atomic_path
from avsync.cutlist import CutList
from avsync.errors import MediaError, RenderError
from avsync.timeline.building import build_timeline
from avsync.timeline.edl_reading import NoRate, read_edl
from avsync.timeline.edl_writing import write_edl
from avsync.timeline.fcp7 import read_fcp7, write_fcp7
from avsync.timeline.fcpxml_reading import read_fcpxml
from avsync.timeline.fcpxml_writing import write_fcpxml
from avsync.timeline.flattening import flatten
from avsync.timeline.formats import TIMELINE_EXTENSIONS
from avsync.timeline.items import rate_of
from avsync.timeline.markup import to_element

_LARGEST_BYTES = 1 << 28
# How adapters fail on what they do not expect: in every way there is.
_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    otio.exceptions.OTIOError,
)
_KNOWN = " ".join(sorted(TIMELINE_EXTENSIONS))


def write_timeline(cuts: CutList, path: str | os.PathLike[str]) -> None:
    """Write a cut list for an editing program: OTIO, EDL, FCPXML or Final Cut Pro 7 XML.

    Frame numbers are those of the cut list, in every format; read back, they are the same. Beats
    are markers (in an EDL, LOC comments). The file is written whole or not at all, and the same
    cut list with the same media gives the same bytes. Media that is not at hand can be named all
    the same; where it is at hand, its length, size and rate are written too.

    Raises:
        ValueError: another extension than those of `TIMELINE_EXTENSIONS`.
        RenderError: the format cannot hold the cut list.
        OSError: the file cannot be written.
    """
    with _writing(path):
        timeline = build_timeline(cuts)
    save_timeline(timeline, path, cuts.frame_rate)


def read_timeline(path: str | os.PathLike[str], *, frame_rate: Fraction | None = None) -> CutList:
    """Read the cut list that an editing program wrote.

    Args:
        path: an .otio, .edl, .fcpxml or .xml file.
        frame_rate: frames per second of an EDL, which does not say it itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another extension than those of `TIMELINE_EXTENSIONS`.
        MediaError: it cannot be read, or holds what a cut list cannot: gaps, several tracks of
            picture, nested timelines, changes of speed.
    """
    timeline = load_timeline(path, frame_rate=frame_rate)
    with reading(path, "turned into a cut list"):
        return flatten(timeline, Path(os.path.abspath(path)).parent)


def load_timeline(path: str | os.PathLike[str], *, frame_rate: Fraction | None = None) -> Any:
    """Read a file into OpenTimelineIO's model, with all that it holds.

    Raises:
        FileNotFoundError, ValueError, MediaError: as for `read_timeline`.
    """
    extension = _extension(path)
    text = _text(path)
    with reading(path):
        if extension == ".edl":
            return read_edl(text, frame_rate)
        if extension == ".otio":
            json.loads(text)  # OpenTimelineIO may end the whole process on what is none
            found = otio.adapters.read_from_string(text, "otio_json")
        else:  # both kinds of XML are met under either name
            root = to_element(text)
            if root.tag not in ("fcpxml", "xmeml"):
                raise ValueError(f"<{root.tag}> is neither FCPXML nor Final Cut Pro 7 XML")
            found = read_fcpxml(root) if root.tag == "fcpxml" else read_fcp7(text)
        timeline = _only_one(found)
        rate_of(timeline)  # that it has one
        return timeline


def save_timeline(timeline: Any, path: str | os.PathLike[str], frame_rate: Fraction) -> None:
    """Write OpenTimelineIO's model, in the format that the extension names.

    Raises:
        ValueError: another extension than those of `TIMELINE_EXTENSIONS`.
        RenderError: the format cannot hold it.
        OSError: the file cannot be written.
    """
    extension = _extension(path)
    with _writing(path):
        if extension == ".otio":
            text = otio.adapters.write_to_string(timeline, "otio_json") + "\n"
        elif extension == ".edl":
            text = write_edl(timeline, frame_rate)
        elif extension == ".fcpxml":
            text = write_fcpxml(timeline, frame_rate)
        else:
            text = write_fcp7(timeline, frame_rate)
        content = text.encode("utf-8")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _extension(path: str | os.PathLike[str]) -> str:
    extension = Path(path).suffix.lower()
    if extension not in TIMELINE_EXTENSIONS:
        raise ValueError(f"{os.fspath(path)}: a timeline's extension is one of {_KNOWN}")
    return extension


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError(path, f"it cannot be read ({error.strerror})") from error
    if len(content) > _LARGEST_BYTES:
        raise MediaError(path, f"over {_LARGEST_BYTES >> 20} MiB: no timeline is so large")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")  # old EDLs


def _only_one(found: Any) -> Any:
    if isinstance(found, otio.schema.SerializableCollection):
        timelines = [item for item in found if isinstance(item, otio.schema.Timeline)]
        if len(timelines) != 1:
            names = ", ".join(repr(timeline.name) for timeline in timelines)
            raise ValueError(f"it holds {len(timelines)} timelines ({names}): export just one")
        return timelines[0]
    if not isinstance(found, otio.schema.Timeline):
        raise ValueError(f"it holds no timeline but a {type(found).__name__}")
    return found


@contextmanager
def reading(path: str | os.PathLike[str], what: str = "read") -> Iterator[None]:
    """Turn every error about what a file holds into one that names the file.

    Raises:
        MediaError: something went wrong inside.
    """
    try:
        yield
    except NoRate as error:
        raise MediaError(path, f"{error}") from error
    except _FAILURES as error:
        raise MediaError(path, f"this timeline cannot be {what}: {_said(error)}") from error


@contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise RenderError(path, f"it cannot be written: {_said(error)}") from error


def _said(error: Exception) -> str:
    """An error in one line; of those that were not meant to be read, what kind they are."""
    said = " ".join(str(error).split())
    if said and isinstance(error, ValueError | otio.exceptions.OTIOError):
        return said
    return f"{type(error).__name__} {said}".strip()
