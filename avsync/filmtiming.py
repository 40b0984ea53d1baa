"""What a film says about the timing of its subtitles: its shots, its frames and its speech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsync.clips.film import Shots, find_shots
from avsync.errors import MediaError
from avsync.media import probe
from avsync.timemap import Span

if TYPE_CHECKING:
    from avsync.aligner.model import RetimeModel
    from avsync.cache import TokenCache
    from avsync.progress import Progress
    from avsync.tokens import TokenSequence

__all__ = ["FilmTiming", "read_film_timing", "speech_spans"]

SPOKEN = 0.5
"""From this probability on, a token is speech."""
SHORTEST_S = 0.06  # of speech: less is a click


@dataclass(frozen=True, slots=True, eq=False)
class FilmTiming:
    """All that ``polish`` needs of a film."""

    shots: Shots
    speech: tuple[Span, ...] | None
    """None: the film has no sound, or nobody listened"""


def read_film_timing(
    path: Path,
    *,
    listen: bool = True,
    audio_track: int | None = None,
    model: RetimeModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> FilmTiming:
    """Watch a film for its shots, and listen to it for its speech.

    Args:
        listen: False to leave the sound alone.
        audio_track: stream index, if not the film's default track.
        model: what listens; None loads the one in the package.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it has no picture, or one that cannot be read; or a track that was asked for is
            not there.
    """
    shots = find_shots(path, cache=cache, progress=progress)
    silent = not any(track.kind == "audio" for track in probe(path).tracks)
    if not listen or (silent and audio_track is None):
        return FilmTiming(shots, None)
    from avsync.aligner.model import load_model
    from avsync.retime import encode_soundtrack

    model = model or load_model()
    try:
        tokens = encode_soundtrack(
            path, model, audio_track=audio_track, cache=cache, progress=progress
        )
    except MediaError:
        if audio_track is not None:
            raise
        return FilmTiming(shots, None)  # a track that cannot be decoded says nothing of the words
    return FilmTiming(shots, speech_spans(model, tokens))


def speech_spans(model: RetimeModel, tokens: TokenSequence) -> tuple[Span, ...]:
    """Where somebody speaks, by the speech head: a token stands for half a step to either side."""
    spoken = model.audio.speech_probability(tokens) >= SPOKEN
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken.astype(np.int8), [0]])))
    at = tokens.start + (edges.reshape(-1, 2) - 0.5) / tokens.rate_hz
    spans = (Span(float(a), float(b)) for a, b in at)
    return tuple(span for span in spans if span.duration >= SHORTEST_S)
