"""What is heard, second by second: measures of voice and of music, and the tokens of the sound.

A moment is one second; its measures are taken over the three seconds around its middle, the
short-term window of EBU R 128 (mode over seven: harmony takes its time). Every measure is relative
to the recording's own loudness or a ratio within it, so turning the volume changes none of them.
The sound is decoded once, in blocks; what is kept of it is its log-mel and a few numbers for each
20 ms.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from avsync.aligner.model import RetimeModel, load_model
from avsync.aligner.picture import PictureModel, load_picture_model
from avsync.beats.decode import decode_beats
from avsync.beats.model import BeatModel, load_beat_model
from avsync.encoders.audio import SAMPLE_RATE_HZ, TOKEN_RATE_HZ, LogMel, resample
from avsync.errors import MediaError
from avsync.media import Audio, iter_audio
from avsync.progress import Progress
from avsync.tone.harmony import Notes
from avsync.tone.loudness import SILENT_LUFS, KMeter, integrated
from avsync.tone.measures import MUSIC, SPEECH
from avsync.tone.pitch import PitchTracker
from avsync.tone.timbre import Frames, moment_measures

__all__ = ["SOUND_TOKENS", "Ears", "Heard", "hear"]

SHORTEST = 1.0
"""Seconds of sound that there are at least."""
SOUND_TOKENS = 96
_RANGE = np.float16(15)  # nats (65 dB) under the loudest band: what is softer is not heard

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is heard in each second."""

    duration: float
    """seconds"""
    speech: FloatArray
    """float64 [moments, len(SPEECH)]: of voices"""
    music: FloatArray
    """float64 [moments, len(MUSIC)]: of everything, as if it were music"""
    speech_share: FloatArray
    """float64 [moments]: how much of what is heard is speech, 0 to 1"""
    audible: npt.NDArray[np.bool_]
    """bool [moments]: whether there is anything to judge"""
    tokens: FloatArray
    """float64 [moments, SOUND_TOKENS]: means of what two audio encoders make of it"""

    def packed(self) -> npt.NDArray[np.float32]:
        """All of it as one array, a row a moment."""
        columns = [self.speech, self.music, self.speech_share, self.audible, self.tokens]
        return np.column_stack(columns).astype(np.float32)

    @classmethod
    def unpacked(cls, rows: npt.NDArray[np.float32], duration: float) -> Heard:
        """The reverse of `packed`."""
        s, m = len(SPEECH), len(SPEECH) + len(MUSIC)
        rows64 = rows.astype(np.float64)
        return cls(
            duration, rows64[:, :s], rows64[:, s:m], rows64[:, m], rows[:, m + 1] > 0.5,
            rows64[:, m + 2 :],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Ears:
    """The models that listen."""

    speech: RetimeModel
    beats: BeatModel
    picture: PictureModel

    @classmethod
    def load(cls, picture: PictureModel | None = None) -> Ears:
        """Those of the package."""
        return cls(load_model(), load_beat_model(), picture or load_picture_model())

    @property
    def version(self) -> str:
        return f"{self.speech.version} {self.beats.version} {self.picture.version}"


def hear(
    sound: str | os.PathLike[str] | Audio,
    ears: Ears,
    *,
    audio_track: int | None = None,
    progress: Progress | None = None,
) -> Heard:
    """Listen to a film, a sound file, or sound that was read already.

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: there is no sound, less than a second of it, or nothing but silence.
    """
    if isinstance(sound, Audio):
        path = Path("sound")
        blocks = _blocks(resample(sound.samples, sound.rate_hz, SAMPLE_RATE_HZ))
    else:
        path = Path(sound)
        blocks = iter_audio(path, track=audio_track, rate_hz=SAMPLE_RATE_HZ, progress=progress)
    frames, duration = _listen(blocks)
    if duration < SHORTEST:
        raise MediaError(path, f"holds {duration:.2f} s of sound: give {SHORTEST:g} s or more")
    if not integrated(frames.power) > SILENT_LUFS:
        raise MediaError(path, "is silent: there is no sound to judge")
    return _heard(frames, duration, ears, progress)


def _blocks(samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    step = 10 * SAMPLE_RATE_HZ
    yield from (samples[n : n + step] for n in range(0, len(samples), step))


def _listen(blocks: Iterable[npt.NDArray[np.float32]]) -> tuple[Frames, float]:
    """One pass over the sound: all that is kept of it, and its seconds."""
    meter, pitch, notes, power = KMeter(), PitchTracker(), Notes(), [np.zeros(0)]
    samples = 0

    def heard() -> Iterator[npt.NDArray[np.float32]]:
        nonlocal samples
        for block in blocks:
            samples += len(block)
            power.append(meter.add(block))
            pitch.add(block)
            notes.add(block)
            yield block

    log_mel = LogMel()(heard())
    # Encoders know an absolute floor; one relative to the loudest keeps the volume out of it.
    np.maximum(log_mel, log_mel.max(initial=-30) - _RANGE, out=log_mel)
    frames = Frames(log_mel, np.concatenate(power), pitch.finish(), notes.finish())
    return frames, samples / SAMPLE_RATE_HZ


@torch.inference_mode()
def _heard(frames: Frames, duration: float, ears: Ears, progress: Progress | None) -> Heard:
    voice = ears.speech.audio.encode(frames.log_mel, progress=progress)
    talking = ears.speech.audio.speech_probability(voice)
    sound = ears.picture.audio.encode(frames.log_mel)
    found = ears.beats.activations(frames.log_mel)
    beats = decode_beats(found.beat, found.rate_hz)
    at = np.clip(np.round(beats * found.rate_hz).astype(int), 0, max(0, len(found.beat) - 1))
    strength = 1 / (1 + np.exp(-found.beat[at].astype(np.float64)))
    count = max(1, int(np.ceil(duration - 0.25)))
    speech, music, share, audible = moment_measures(frames, count, talking, beats, strength)
    tokens = np.concatenate([voice.values, sound.values], axis=1)
    pooled = [_mean(tokens, k, k + 1) for k in range(count)]
    return Heard(duration, speech, music, share, audible, np.array(pooled, np.float64))


def _mean(tokens: npt.NDArray[np.float32], start: float, end: float) -> npt.NDArray[np.float32]:
    first = min(int(start * TOKEN_RATE_HZ), len(tokens) - 1)
    part = tokens[first : max(first + 1, int(end * TOKEN_RATE_HZ))]
    mean: npt.NDArray[np.float32] = part.mean(axis=0)
    return mean
