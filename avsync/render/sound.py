"""The sound of the film: the music, and the sound of the shots cut exactly with them.

Everything is laid out in samples of the timeline: frame `n` begins at sample
`round(n * 48000 / frame_rate)`, wherever in the film it is, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction

import numpy as np

from avsync.cutlist import CutList, Shot, Soundtrack, SourceSound
from avsync.errors import MediaError, RenderError
from avsync.media.line import FloatArray
from avsync.media.stereo import iter_stereo
from avsync.render.mixing import RATE_HZ, Mixer
from avsync.render.preview import Beeps

BLOCK = RATE_HZ
"""Samples that are worked on at once."""
JOINT_SECONDS = 0.010
"""Fades at joints: shorter ones click, longer ones are heard."""


def samples_at(frames: int, frame_rate: Fraction) -> int:
    """The sample at which a frame of the timeline begins."""
    return round(frames / frame_rate * RATE_HZ)


def has_sound(cuts: CutList, source_sound: SourceSound, preview: bool) -> bool:
    """Whether there is anything to be heard at all."""
    return cuts.music is not None or source_sound != "mute" or preview


def iter_sound(
    cuts: CutList, source_sound: SourceSound, *, preview: bool = False
) -> Generator[FloatArray]:
    """The film's sound in blocks of up to a second: float32 [2, samples] at 48 kHz.

    There is none at all where there is nothing to be heard.

    Raises:
        FileNotFoundError, MediaError: the music is missing or cannot be read. (Of the shots'
            sound, what cannot be read is silent.)
        RenderError: the music is over before it is to start.
    """
    if not has_sound(cuts, source_sound, preview):
        return
    total = samples_at(cuts.frames, cuts.frame_rate)
    music = _Music(cuts.music, total)
    voices = _Voices(cuts) if source_sound != "mute" else None
    beeps = Beeps(cuts.markers if preview else (), RATE_HZ)
    mixer = Mixer(source_sound)
    try:
        for first in range(0, total, BLOCK):
            count = min(BLOCK, total - first)
            heard = music.read(first, count)
            beeps.add_to(heard, first)
            yield from mixer.mix(heard, None if voices is None else voices.read(first, count))
        yield from mixer.finish()
    finally:
        music.close()
        if voices is not None:
            voices.close()


class _Tape:
    """Reads so many samples at a time; after the end there is silence."""

    def __init__(self, blocks: Iterator[FloatArray]) -> None:
        self._blocks = blocks
        self._rest = np.zeros((2, 0), np.float32)
        self.empty = True
        """whether nothing has come so far"""

    def read(self, count: int) -> FloatArray:
        parts, held = [self._rest], self._rest.shape[1]
        while held < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            held += block.shape[1]
        joined: FloatArray = np.concatenate(parts, axis=1)
        self.empty = self.empty and not joined.shape[1]
        self._rest = joined[:, count:]
        out = np.zeros((2, count), np.float32)
        out[:, : joined[:, :count].shape[1]] = joined[:, :count]
        return out


class _Music:
    """The soundtrack, faded in and out."""

    def __init__(self, music: Soundtrack | None, total: int) -> None:
        self._music = music
        self._total = total
        self._blocks = iter(()) if music is None else iter_stereo(music.path, start=music.start)
        self._tape = _Tape(self._blocks)

    def read(self, first: int, count: int) -> FloatArray:
        heard = self._tape.read(count)
        music = self._music
        if music is None:
            return heard
        if self._tape.empty:
            raise RenderError(
                music.path,
                f"is over before {music.start:.2f} s, where it is to start: start it earlier",
            )
        fades = round(music.fade_in * RATE_HZ), round(music.fade_out * RATE_HZ)
        return heard * _envelope(first, count, self._total, fades)

    def close(self) -> None:
        _close(self._blocks)


def _close(blocks: Iterator[FloatArray]) -> None:
    close = getattr(blocks, "close", None)
    if close is not None:
        close()


def _envelope(first: int, count: int, total: int, fades: tuple[int, ...]) -> FloatArray:
    """Gain of samples first ... first + count of `total`, up at the start and down at the end."""
    place = np.arange(first, first + count) + 0.5
    gain = np.ones(count)
    if fades[0]:
        gain = np.minimum(gain, place / fades[0])
    if fades[1]:
        gain = np.minimum(gain, (total - place) / fades[1])
    return gain.clip(0.0, 1.0).astype(np.float32)


class _Voices:
    """The sound of the shots; where one dissolves into another, so does their sound."""

    def __init__(self, cuts: CutList) -> None:
        following: list[Shot | None] = [*cuts.shots[1:], None]
        self._waiting = [
            _Voice(shot, start, after, cuts.frame_rate)
            for start, shot, after in zip(cuts.starts, cuts.shots, following, strict=True)
        ]
        self._waiting.reverse()
        self._heard: list[_Voice] = []

    def read(self, first: int, count: int) -> FloatArray:
        out = np.zeros((2, count), np.float32)
        while self._waiting and self._waiting[-1].start < first + count:
            self._heard.append(self._waiting.pop())
        for voice in self._heard:
            voice.add_to(out, first)
            if voice.end <= first + count:
                voice.close()
        self._heard = [voice for voice in self._heard if voice.end > first + count]
        return out

    def close(self) -> None:
        for voice in self._heard:
            voice.close()


class _Voice:
    """The sound of one shot, in its place on the timeline."""

    def __init__(self, shot: Shot, start: int, following: Shot | None, rate: Fraction) -> None:
        lead = min(shot.lead_frames, start, shot.source_frame)
        tail = following.dissolve_frames - following.lead_frames if following is not None else 0
        self.start = samples_at(start - lead, rate)
        self.end = samples_at(start + shot.frames + tail, rate)
        self._path = shot.source
        self._source_time = float((shot.source_frame - lead) / rate)
        dissolves = shot.dissolve_frames, following.dissolve_frames if following is not None else 0
        joint = round(JOINT_SECONDS * RATE_HZ)
        self._fades = tuple(samples_at(d, rate) if d else joint for d in dissolves)
        self._blocks: Iterator[FloatArray] = iter(())
        self._tape: _Tape | None = None

    def add_to(self, out: FloatArray, first: int) -> None:
        """Mix what belongs there into the block that begins at sample `first`."""
        low, high = max(first, self.start), min(first + out.shape[1], self.end)
        if self._tape is None:
            self._blocks = _until_damage(iter_stereo(self._path, start=self._source_time))
            self._tape = _Tape(self._blocks)
        heard = self._tape.read(high - low)
        gain = _envelope(low - self.start, high - low, self.end - self.start, self._fades)
        out[:, low - first : high - first] += heard * gain

    def close(self) -> None:
        _close(self._blocks)


def _until_damage(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """The same up to where it cannot be read; a clip without sound is silent."""
    try:
        yield from blocks
    except MediaError:
        return
