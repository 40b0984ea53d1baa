"""find_offset: by how much a film's sound leads or lags its picture.

Two judges lay the sound over the picture. One looks at mouths (`SyncModel`) and is good at it; the
other at whatever moves (`PictureModel`), knows drawn films only, and is believed accordingly. What
every stretch of film says is added up over the whole of it (see `evidence`).
"""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.aligner.sync import SyncModel, face_evidence, load_sync_model, motion_logits
from avsync.cache import TokenCache
from avsync.faces import TOKEN_RATE_HZ
from avsync.offset.evidence import STEP_S, Window, confidence, weigh
from avsync.offset.result import Judgement, MinuteOffset, Offset
from avsync.offset.watching import Hearing, Models, Sight, listen, watch
from avsync.progress import Progress

REACH_S = 2.0
"""Seconds of lag that are looked at, each way."""
LONGEST_REACH_S = 10.0
LEAST_CONFIDENCE = 0.5
"""From this on an offset is accepted."""

FACE_TOKENS = 100  # of a mouth in one window, at most: four seconds
MOTION_TOKENS = 150  # of sound laid over what moves
FEWEST_TOKENS = 15  # that make a window
MINUTE_S = 60.0

FloatArray = npt.NDArray[np.float32]


def find_offset(
    path: str | os.PathLike[str],
    *,
    reach_s: float = REACH_S,
    audio_track: int | None = None,
    model: SyncModel | None = None,
    motion_model: PictureModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> Offset:
    """By how much a film's sound is late, with a confidence that is meant as a probability.

    Films without talking faces, and of music, narration or silence, come back not accepted, unless
    what moves in them is evidence enough. The result is the same to the last bit whether or not
    `cache` knows the film.

    Args:
        path: a film.
        reach_s: the largest offset that is looked for, either way.
        audio_track: FFmpeg's stream index; None takes the track that a player would choose.
        model, motion_model: from `load_sync_model` and `load_picture_model`; None loads those in
            the package.
        progress: called with "watching", "reading" and "encoding".

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no sound or no picture, only a still one, or is shorter than a second.
        ModelUnavailable: the package's weights are missing.
        ValueError: `reach_s` is not above 0, or above 10 s.
    """
    if not 0 < reach_s <= LONGEST_REACH_S:
        raise ValueError(f"reach_s lies above 0 and up to {LONGEST_REACH_S:g} s; got {reach_s!r}")
    models = Models(model or load_sync_model(), motion_model or load_picture_model())
    heard = listen(Path(path), audio_track, models, cache, progress)
    seen = watch(Path(path), models, cache, progress)
    windows = evidence_windows(seen, heard, reach=round(reach_s / STEP_S))
    return judge(windows, models.faces, duration=len(seen.motion) / TOKEN_RATE_HZ)


def evidence_windows(seen: Sight, heard: Hearing, *, reach: int) -> list[Window]:
    """What every stretch of a film says of each lag, from −`reach` to `reach` steps of 20 ms."""
    windows = []
    for mouth in seen.mouths:
        for first, last in _stretches(len(mouth.queries), FACE_TOKENS):
            start, end = mouth.start + first, mouth.start + last
            if not heard.faces[2 * start : 2 * end].any():
                continue
            said = face_evidence(mouth.queries[first:last], heard.faces, start=start, reach=reach)
            windows.append(_window("faces", start, end, said.logits, said.match))
    tokens = min(len(seen.motion), len(heard.motion) // 2)
    for start, end in _stretches(tokens, MOTION_TOKENS):
        if not heard.motion[2 * start : 2 * end].any():
            continue
        logits = motion_logits(
            heard.motion, seen.motion, start=start, length=end - start, reach=reach
        )
        windows.append(_window("motion", start, end, logits, logits / np.float32(end - start)))
    return windows


def judge(windows: list[Window], model: SyncModel, *, duration: float) -> Offset:
    """What the windows of a film of `duration` seconds amount to."""
    temperatures, calibration = model.temperatures.numpy(), model.calibration.numpy()

    def verdict(some: list[Window]) -> tuple[float | None, float]:
        found = weigh(some, temperatures)
        if found is None:
            return None, 0.0
        return round(found.offset_s, 4), confidence(found, calibration)

    minutes = []
    for number in range(max(1, math.ceil(duration / MINUTE_S))):
        start, end = number * MINUTE_S, min((number + 1) * MINUTE_S, duration)
        here = [w for w in windows if start <= (w.start_s + w.end_s) / 2 < end]
        minutes.append(MinuteOffset(start, end, *verdict(here)))
    offset, sure = verdict(windows)
    kinds = tuple(k for k in ("faces", "motion") if any(w.kind == k for w in windows))
    return Offset(
        offset_s=offset or 0.0,
        confidence=sure,
        accepted=offset is not None and sure >= LEAST_CONFIDENCE,
        per_minute=tuple(minutes),
        evidence=Judgement(kinds, _covered(windows)),
    )


def _window(kind: str, start: int, end: int, logits: FloatArray, match: FloatArray) -> Window:
    return Window(kind, start / TOKEN_RATE_HZ, end / TOKEN_RATE_HZ, logits, match)


def _stretches(length: int, longest: int) -> list[tuple[int, int]]:
    """[0, length) in equal parts of at most `longest`; none where there is too little."""
    if length < FEWEST_TOKENS:
        return []
    edges = np.linspace(0, length, math.ceil(length / longest) + 1).round().astype(int).tolist()
    return list(itertools.pairwise(edges))


def _covered(windows: list[Window]) -> float:
    """Seconds of film that any window is about."""
    total, until = 0.0, -math.inf
    for start, end in sorted((w.start_s, w.end_s) for w in windows):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return round(total, 3)
