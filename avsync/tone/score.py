"""score_tone: listen, look, judge; and which of many sounds suits a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from avsync.cache import TokenCache
from avsync.errors import AvsyncError, MediaError
from avsync.media import Audio
from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tone.hearing import Ears, Heard, hear
from avsync.tone.kept import heard_of, seen_of_film
from avsync.tone.model import ToneModel, load_tone_model
from avsync.tone.report import ToneReport
from avsync.tone.seeing import Seen
from avsync.tone.summary import summarise
from avsync.tone.windows import WINDOW_S, clock, windows_of

__all__ = ["Candidate", "OutsideFilm", "score_tone", "try_pictures", "try_sounds"]

Windows = float | Literal["shots"] | Sequence[Span] | Mapping[str, Span]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One sound for a picture, or one picture for a sound."""

    path: str
    report: ToneReport | None
    """None where it could not be judged"""
    reason: str = ""
    """why not"""

    @property
    def agreement(self) -> float:
        """Overall; −inf where it could not be judged."""
        found = self.report.agreement if self.report is not None else None
        return found.overall if found is not None else -np.inf


class OutsideFilm(ValueError):
    """A window that was asked for is no part of what there is to judge; `window` is its name."""

    def __init__(self, window: str, span: Span, duration: float) -> None:
        self.window, self.span, self.duration = window, span, duration
        super().__init__(window, span, duration)  # what a copy in another process is made from

    def __str__(self) -> str:
        return (
            f"the window {self.window!r}, {self.span.start:g} to {self.span.end:g} s, does not lie "
            f"in what is judged, which is {self.duration:.2f} s long; give times within that"
        )


def score_tone(
    media: str | os.PathLike[str] | Audio,
    *,
    picture: str | os.PathLike[str] | None = None,
    windows: Windows = WINDOW_S,
    audio_track: int | None = None,
    model: ToneModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> ToneReport:
    """Tone of a film's sound and of its picture over time, and how well they agree.

    A side that is missing is None in the report, whose `missing` says why.

    Args:
        media: a film, a sound file, or sound that was read already.
        picture: a film whose picture is to be judged with that sound; None for `media`'s own.
        windows: seconds of a window; "shots"; spans; or spans by name.
        audio_track: FFmpeg's stream index; None for the default one.
        model: as `load_tone_model` gives it; None loads the one in the package.
        cache: where what was heard and seen of files is kept; None for nowhere.
        progress: called with "reading", "encoding" and "watching".

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: there is neither a sound nor a picture to judge, or it cannot be read.
        OutsideFilm: one of the windows is no part of the film.
        ValueError: the windows are none, or "shots" of something without a picture.
    """
    model = model or load_tone_model()
    ears = Ears.load()
    source = media if picture is None else picture
    missing: list[str] = []
    reasons: list[str] = []
    heard = seen = None
    try:
        if isinstance(media, Audio):
            heard = hear(media, ears, progress=progress)
        else:
            heard = heard_of(media, ears, audio_track=audio_track, cache=cache, progress=progress)
    except MediaError as error:
        missing.append(f"no sound: {error.reason}")
        reasons.append(error.reason)
    if isinstance(source, Audio):
        missing.append("no picture: only sound was given")
    else:
        try:
            seen = seen_of_film(source, ears.picture, cache=cache, progress=progress)
        except MediaError as error:
            missing.append(f"no picture: {error.reason}")
            reasons.append(error.reason)
    name = "sound" if isinstance(media, Audio) else os.fspath(media)
    if heard is None and seen is None:
        broken = len(reasons) == 2 and reasons[0] == reasons[1]
        raise MediaError(name, reasons[0] if broken else "; ".join(missing))
    return report_of(heard, seen, model, path=name, windows=windows, missing=tuple(missing))


def report_of(
    heard: Heard | None,
    seen: Seen | None,
    model: ToneModel,
    *,
    path: str = "",
    windows: Windows = WINDOW_S,
    missing: tuple[str, ...] = (),
) -> ToneReport:
    """The report of what was heard and seen."""
    lengths = [side.duration for side in (heard, seen) if side is not None]
    duration = min(lengths) if missing == () else max(lengths)
    if isinstance(windows, str):
        if seen is None:
            raise ValueError("windows by shots need a picture; give seconds")
        starts = [start for start in seen.shots if start < duration]
        spans = [Span(a, b) for a, b in zip(starts, [*starts[1:], duration], strict=True)]
        named = {f"shot {n}": span for n, span in enumerate(spans, start=1)}
    elif isinstance(windows, Mapping):
        named = {name: _within(name, span, duration) for name, span in windows.items()}
    elif not isinstance(windows, int | float):
        named = {f"{clock(s.start)}-{clock(s.end)} ({n})": s for n, s in enumerate(windows, 1)}
        named = {name: _within(name, span, duration) for name, span in named.items()}
    else:
        spans = windows_of(duration, windows)
        named = {f"{clock(span.start)}-{clock(span.end)}": span for span in spans}
    if not named:
        raise ValueError("there are no windows to judge; give one or more")
    return summarise(heard, seen, model, path, duration, named, missing)


def _within(name: str, span: Span, duration: float) -> Span:
    if not 0 <= span.start < min(span.end, duration):
        raise OutsideFilm(name, span, duration)
    return Span(span.start, min(span.end, duration))


def try_sounds(
    picture: str | os.PathLike[str],
    sounds: Sequence[str | os.PathLike[str]],
    *,
    windows: Windows = WINDOW_S,
    model: ToneModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> tuple[Candidate, ...]:
    """Rank candidate soundtracks for a picture, the best first; each begins with the picture.

    The picture is looked at once. What cannot be judged comes last, with the reason.

    Raises:
        FileNotFoundError: there is no such picture.
        MediaError: there is no picture to judge.
    """
    model, ears = model or load_tone_model(), Ears.load()
    seen = seen_of_film(picture, ears.picture, cache=cache, progress=progress)
    found = []
    for sound in sounds:
        try:
            heard = heard_of(sound, ears, cache=cache, progress=progress)
            report = report_of(heard, seen, model, path=os.fspath(sound), windows=windows)
            found.append(Candidate(os.fspath(sound), report))
        except (AvsyncError, OSError, OutsideFilm) as error:
            found.append(Candidate(os.fspath(sound), None, _reason(error)))
    return _ranked(found)


def try_pictures(
    sound: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    *,
    windows: Windows = WINDOW_S,
    audio_track: int | None = None,
    model: ToneModel | None = None,
    cache: TokenCache | None = None,
    progress: Progress | None = None,
) -> tuple[Candidate, ...]:
    """Rank candidate pictures for a sound, the best first: `try_sounds` the other way round.

    `audio_track` is FFmpeg's stream index in `sound`; None for the default one.
    """
    model, ears = model or load_tone_model(), Ears.load()
    heard = heard_of(sound, ears, audio_track=audio_track, cache=cache, progress=progress)
    found = []
    for picture in pictures:
        try:
            seen = seen_of_film(picture, ears.picture, cache=cache, progress=progress)
            report = report_of(heard, seen, model, path=os.fspath(picture), windows=windows)
            found.append(Candidate(os.fspath(picture), report))
        except (AvsyncError, OSError, OutsideFilm) as error:
            found.append(Candidate(os.fspath(picture), None, _reason(error)))
    return _ranked(found)


def _reason(error: AvsyncError | OSError | OutsideFilm) -> str:
    """Why a file cannot be judged, without its name, which stands beside it."""
    if isinstance(error, MediaError):
        return error.reason
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _ranked(found: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(found, key=lambda one: (-one.agreement, Path(one.path).name)))
