"""A beat grid for other programs: JSON, CSV, Audacity labels, and a click that one can hear."""

from __future__ import annotations

import csv
import io
import json
import os
import wave

import numpy as np
import numpy.typing as npt

from avsync.atomic import atomic_path
from avsync.beats.grid import BeatGrid
from avsync.media import Audio

CLICK_RATE_HZ = 44_100
_CLICK_SECONDS = 0.03
_DOWNBEAT_HZ, _BEAT_HZ = 1_760.0, 1_175.0


def to_json(grid: BeatGrid) -> str:
    """One JSON object on one line; times in seconds to the millisecond's tenth."""

    def rounded(values: npt.NDArray[np.float64]) -> list[float]:
        return [round(float(value), 4) for value in values]

    record = {
        "song": None if grid.path is None else os.fspath(grid.path),
        "tempo_bpm": round(grid.tempo_bpm, 3) or None,
        "meter": grid.meter if len(grid) else None,
        "confidence": round(grid.confidence, 4),
        "reason": grid.reason,
        "duration_s": round(grid.duration, 4),
        "beats": rounded(grid.beats),
        "downbeats": rounded(grid.downbeats),
        "positions": grid.positions.tolist(),
        "local_tempo_bpm": rounded(grid.local_tempo_bpm),
        "energy_db": rounded(grid.energy),
        "accents": rounded(grid.accent_times),
        "accent_strengths": rounded(grid.accent_strengths),
        "drops": rounded(grid.drops),
    }
    return json.dumps(record, allow_nan=False)


def to_csv(grid: BeatGrid) -> str:
    """A line for each beat: time_s, bar, beat (its place in the bar), tempo_bpm, energy_db."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time_s", "bar", "beat", "tempo_bpm", "energy_db"])
    rows = zip(
        grid.beats, grid.bars, grid.positions, grid.local_tempo_bpm, grid.energy, strict=True
    )
    for time, bar, beat, tempo, energy in rows:
        writer.writerow([f"{time:.4f}", bar, beat, f"{tempo:.2f}", f"{energy:.1f}"])
    return out.getvalue()


def to_labels(grid: BeatGrid) -> str:
    """Audacity's label track: start, end and name, parted by tabs; the name is bar.beat."""
    rows = zip(grid.beats, grid.bars, grid.positions, strict=True)
    return "".join(f"{time:.6f}\t{time:.6f}\t{bar}.{beat}\n" for time, bar, beat in rows)


def write_click(grid: BeatGrid, song: Audio, path: str | os.PathLike[str]) -> None:
    """Write the song, half as loud, with a click on each beat, a higher one on each downbeat.

    16-bit mono WAV at the song's rate: a click starts on the sample of its beat.

    Raises:
        OSError: the file cannot be written.
    """
    mixed = 0.5 * song.samples
    for tone, times in (
        (_BEAT_HZ, grid.beats[grid.positions != 1]),
        (_DOWNBEAT_HZ, grid.downbeats),
    ):
        click = _click(tone, song.rate_hz)
        for start in np.round(times * song.rate_hz).astype(int):
            part = mixed[start : start + len(click)]
            part += click[: len(part)]
    pcm = np.round(mixed.clip(-1.0, 1.0) * 32767).astype("<i2")
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(song.rate_hz)
        file.writeframes(pcm.tobytes())


def _click(tone_hz: float, rate_hz: int) -> npt.NDArray[np.float32]:
    at = np.arange(int(_CLICK_SECONDS * rate_hz)) / rate_hz
    sound = 0.6 * np.cos(2 * np.pi * tone_hz * at) * np.exp(-at / 0.008)
    return sound.astype(np.float32)
