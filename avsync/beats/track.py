"""Track the beats of a song: sound → log-mel → tokens → logits → beats and bars."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from avsync.beats.decode import HIGHEST_BPM, LOWEST_BPM, decode_bars, decode_beats
from avsync.beats.features import beat_energy, find_accents, find_drops, level_db
from avsync.beats.grid import LEAST_CONFIDENCE, BeatGrid
from avsync.beats.model import Activations, BeatModel, load_beat_model
from avsync.encoders.audio import SAMPLE_RATE_HZ, TOKEN_RATE_HZ, LogMel, resample
from avsync.media import Audio, iter_audio
from avsync.progress import Progress

_BPM_TOLERANCE = 0.08  # how far from --bpm the tempo may lie
_SILENT = -11.5  # natural log power of the loudest band: about −50 dB of a full-scale sine


def track_beats(
    audio: str | os.PathLike[str] | Audio,
    *,
    bpm: float | None = None,
    meter: int | None = None,
    min_confidence: float = LEAST_CONFIDENCE,
    model: BeatModel | None = None,
    progress: Progress | None = None,
) -> BeatGrid:
    """The beats and bars of a song, at a constant or a changing tempo.

    Silence, speech and music without a pulse give a grid without beats, whose ``reason`` says why.

    Args:
        audio: a song, a film, or sound that was read already.
        bpm: about how fast it is, if that is known (±8%): settles doubts about the octave.
        meter: beats in a bar, if that is known.
        min_confidence: below it the grid is left empty; 0 gives what was found, however doubtful.
        model: as ``load_beat_model`` gives it; None loads the one in the package.
        progress: called with "reading", then "encoding".

    Raises:
        FileNotFoundError: there is no such file.
        MediaError: it holds no sound that can be read.
        ModelUnavailable: the package's weights are missing.
        ValueError: ``bpm`` or ``meter`` is out of range.
    """
    if bpm is not None and not LOWEST_BPM / 2 <= bpm <= HIGHEST_BPM * 2:
        raise ValueError(f"bpm is 28 to 430 beats a minute; got {bpm:g}")
    if meter is not None and not 1 <= meter <= 16:
        raise ValueError(f"meter is 1 to 16 beats in a bar; got {meter}")
    model = model or load_beat_model()
    if isinstance(audio, Audio):
        path, samples = None, [resample(audio.samples, audio.rate_hz, SAMPLE_RATE_HZ)]
        log_mel = LogMel()(samples)
    else:
        path = Path(audio)
        log_mel = LogMel()(iter_audio(path, rate_hz=SAMPLE_RATE_HZ, progress=progress))
    if not len(log_mel) or float(log_mel.max()) < _SILENT:
        return _nothing("the recording is silent", log_mel, path)
    found = model.activations(log_mel, progress=progress)
    beats, downbeat = _beats(found, model, bpm)
    confidence = _confidence(found, beats, model.calibration)
    if len(beats) < 4 or confidence < min_confidence:
        return _nothing(_why_not(found, log_mel), log_mel, path, confidence)
    positions = decode_bars(downbeat, meter=meter)
    return _grid(log_mel, beats, positions, confidence, meter, path)


def _beats(
    found: Activations, model: BeatModel, bpm: float | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """The beats in seconds, and how likely each begins a bar."""
    slowest = bpm * (1 - _BPM_TOLERANCE) if bpm else LOWEST_BPM
    fastest = bpm * (1 + _BPM_TOLERANCE) if bpm else HIGHEST_BPM
    beats = decode_beats(found.beat, found.rate_hz, lowest_bpm=slowest, highest_bpm=fastest)
    downbeat = model.downbeat_logits(found, beats)
    shifted = beats - float(model.latency)
    heard = shifted > -1 / found.rate_hz  # a song that begins on a beat keeps it
    return np.maximum(shifted[heard], 0.0), downbeat[heard]


def _grid(
    log_mel: npt.NDArray[np.float16],
    beats: npt.NDArray[np.float64],
    positions: npt.NDArray[np.int64],
    confidence: float,
    meter: int | None,
    path: Path | None,
) -> BeatGrid:
    lengths = np.diff(np.flatnonzero(positions == 1))
    usual = int(np.bincount(lengths).argmax()) if len(lengths) else int(positions.max())
    accents = find_accents(log_mel, TOKEN_RATE_HZ)
    return BeatGrid(
        beats,
        positions=positions,
        meter=meter or usual,
        duration=len(log_mel) / TOKEN_RATE_HZ,
        confidence=confidence,
        energy=beat_energy(level_db(log_mel), TOKEN_RATE_HZ, beats),
        accent_times=accents.times,
        accent_strengths=accents.strengths,
        drops=find_drops(log_mel, TOKEN_RATE_HZ, beats[positions == 1]),
        path=path,
    )


def support(found: Activations, beats: npt.NDArray[np.float64]) -> float:
    """The mean probability of a beat at ``beats``, by the beat head: 0 to 1."""
    if len(beats) < 2:
        return 0.0
    at = np.round(beats * found.rate_hz).astype(int)
    window = np.clip(at[:, None] + np.arange(-1, 2), 0, len(found.beat) - 1)
    logits = found.beat[window].max(axis=1).astype(np.float64)
    return float(np.mean(1.0 / (1.0 + np.exp(-logits))))


def _confidence(
    found: Activations, beats: npt.NDArray[np.float64], calibration: torch.Tensor
) -> float:
    weight, bias = (float(value) for value in calibration)
    logit = weight * support(found, beats) + bias
    return float(1.0 / (1.0 + np.exp(-logit))) if len(beats) > 1 else 0.0


def _why_not(found: Activations, log_mel: npt.NDArray[np.float16]) -> str:
    level = level_db(log_mel)
    heard = level > -30
    talking = 1.0 / (1.0 + np.exp(-found.speech.astype(np.float64)))
    if np.any(heard) and float(np.mean(talking[heard] > 0.5)) > 0.5:
        return "there is speech and no music with a beat"
    return "there is no steady beat in it"


def _nothing(
    reason: str, log_mel: npt.NDArray[np.float16], path: Path | None, confidence: float = 0.0
) -> BeatGrid:
    length = len(log_mel) / TOKEN_RATE_HZ
    return BeatGrid(np.zeros(0), duration=length, confidence=confidence, reason=reason, path=path)
