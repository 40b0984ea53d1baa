"""Read back the beats that `avsync beats --json` wrote, or that another program put in its form."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.beats.grid import BeatGrid
from avsync.errors import MediaError

_LARGEST_BYTES = 1 << 26
_NEAR = 2e-3  # seconds; a downbeat is one of the beats, but for rounding
_HINT = "give what avsync beats --json writes"


def read_beats(path: str | os.PathLike[str]) -> BeatGrid:
    """The beat grid in a JSON file.

    Only ``beats`` is needed: seconds, ascending. ``positions`` or ``downbeats``, ``meter``,
    ``confidence``, ``duration_s``, ``energy_db``, ``accents`` (with ``accent_strengths``),
    ``drops``, ``reason`` and ``song`` are taken where they are there; what else there is, is not
    looked at.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it is not such JSON; the message says which value is wrong.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError(path, f"it cannot be read ({error.strerror})") from error
    if len(content) > _LARGEST_BYTES:
        raise MediaError(path, f"over {_LARGEST_BYTES >> 20} MiB: no song has so many beats")
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MediaError(path, f"it is no JSON ({error}): {_HINT}") from error
    if not isinstance(record, dict) or "beats" not in record:
        raise MediaError(path, f'it is no JSON object with "beats": {_HINT}')
    try:
        return _grid(record)
    except (ValueError, OverflowError) as error:
        raise MediaError(path, f"{error}: {_HINT}") from error


def _grid(record: dict[str, object]) -> BeatGrid:
    beats = _numbers(record, "beats")
    meter = record.get("meter")
    if meter is None:
        meter = 4
    if not isinstance(meter, int) or isinstance(meter, bool):
        raise ValueError(f'"meter" is {meter!r}, not a whole number')
    confidence = _number(record, "confidence", 1.0)
    if not 0 <= confidence <= 1:
        raise ValueError(f'"confidence" is {confidence!r}, not a number from 0 to 1')
    song = record.get("song")
    accents, strengths = _numbers(record, "accents"), _numbers(record, "accent_strengths")
    if len(strengths) and len(strengths) != len(accents):
        raise ValueError('"accents" and "accent_strengths" are not of one length')
    return BeatGrid(
        beats,
        positions=_positions(record, beats, meter),
        meter=meter,
        duration=_number(record, "duration_s", 0.0),
        confidence=confidence,
        energy=_numbers(record, "energy_db"),
        accent_times=accents,
        accent_strengths=strengths if len(strengths) else np.ones(len(accents)),
        drops=_numbers(record, "drops"),
        reason=str(record.get("reason") or ""),
        path=Path(song) if isinstance(song, str) and song else None,
    )


def _positions(
    record: dict[str, object], beats: npt.NDArray[np.float64], meter: int
) -> npt.NDArray[np.int64]:
    """The place of each beat in its bar: as it is told, or counted from the downbeats."""
    told = _numbers(record, "positions")
    if len(told):
        if np.any(told != np.round(told)) or np.any(told < 1):
            raise ValueError('"positions" are whole numbers from 1')
        return told.astype(np.int64)
    downbeats = _numbers(record, "downbeats")
    if not len(downbeats) or not len(beats):
        return np.zeros(0, np.int64)
    nearest = np.abs(beats[None, :] - downbeats[:, None]).argmin(axis=1)
    for downbeat, beat in zip(downbeats, beats[nearest], strict=True):
        if abs(downbeat - beat) > _NEAR:
            raise ValueError(f'the downbeat at {downbeat:g} s is none of the "beats"')
    first = int(nearest.min())
    positions = (np.arange(len(beats)) - first) % max(1, meter) + 1  # counts for the pickup
    starts = np.zeros(len(beats), bool)
    starts[nearest] = True
    bar = np.cumsum(starts)
    begins = np.flatnonzero(starts)
    after = np.arange(len(beats)) >= first
    positions[after] = np.arange(len(beats))[after] - begins[bar[after] - 1] + 1
    return positions.astype(np.int64)


def _numbers(record: dict[str, object], key: str) -> npt.NDArray[np.float64]:
    values = record.get(key)
    if values is None:
        return np.zeros(0)
    if not isinstance(values, list) or not all(map(_is_number, values)):
        raise ValueError(f'"{key}" is no list of numbers')
    found: Sequence[float] = [float(value) for value in values]
    if not all(map(math.isfinite, found)):  # JSON knows no NaN, but Python's reader does
        raise ValueError(f'"{key}" holds a number that is not finite')
    return np.array(found, np.float64)


def _number(record: dict[str, object], key: str, missing: float) -> float:
    value = record.get(key, missing)
    if value is None:
        return missing
    if not _is_number(value) or not math.isfinite(value):  # type: ignore[arg-type]
        raise ValueError(f'"{key}" is {value!r}, not a finite number')
    return float(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
