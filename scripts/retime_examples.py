"""The examples that ``train_retime.py`` learns from: excerpts of generated films with queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from make_films import Bank, make_film
from torch import Tensor

from avsync.aligner.model import EDGE_REACH
from avsync.encoders.audio import TOKEN_RATE_HZ, LogMel, band_means, normalise
from avsync.encoders.cues import CueTiming, cue_features, cue_timing, territories

EDGE_JITTER = 0.25  # seconds: how far wrong the edges given to the refiner are
CUES = (1, 1, 2, 3, 5, 8)  # cues in a query
QUERIES = 6  # queries drawn from each excerpt
EXCERPT = 60.0  # seconds of sound per example
MARGIN = 6.0  # seconds at the ends of an excerpt that only give context

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """One film, ready to draw excerpts from."""

    log_mel: npt.NDArray[np.float16]
    mean: Array
    cues: tuple[CueTiming, ...]
    translation: tuple[CueTiming, ...]
    edges: Array
    """[cues, 2]: where the speech under each cue begins and ends; NaN where there is none"""
    speech: Array
    """[tokens]: 1 inside speech"""


def prepare(bank: Bank, seed: list[int], minutes: float) -> Example:
    """Generate one film and reduce it to what training reads."""
    film = make_film(bank, seed, minutes=minutes)
    log_mel = LogMel()([film.samples])
    speech = np.zeros(len(log_mel), np.float32)
    for span in film.speech:
        speech[round(span.start * TOKEN_RATE_HZ) : round(span.end * TOKEN_RATE_HZ)] = 1.0
    cues = tuple(cue_timing(cue) for cue in film.cues)
    return Example(
        log_mel,
        band_means(log_mel),
        cues,
        tuple(cue_timing(cue) for cue in film.translation),
        speech_edges(cues, np.array([(s.start, s.end) for s in film.speech])),
        speech,
    )


def speech_edges(cues: tuple[CueTiming, ...], speech: npt.NDArray[np.float64]) -> Array:
    """Where the utterances under each cue start and end, if that lies within 0.5 s of the cue."""
    edges = np.full((len(cues), 2), np.nan, np.float32)
    for row, cue in zip(edges, cues, strict=True):
        if cue.sound:
            continue
        for column, time_ in enumerate((cue.start, cue.end)):
            nearest = speech[np.argmin(np.abs(speech[:, column] - time_)), column]
            if abs(nearest - time_) < 0.5:
                row[column] = nearest
    return edges


@dataclass(frozen=True)
class Excerpt:
    """A stretch of one film with a few queries about it."""

    mel: Array
    """[frames, bands]"""
    speech: Array
    """[frames]"""
    features: Array
    """[frames, CUE_FEATURES]: cues as they should be, moved by ``lag``"""
    masks: Array
    """[QUERIES, frames]: each query's tokens"""
    lag: Array
    """[]: keys' time − queries' time, in tokens"""
    reference: Array
    """[frames, CUE_FEATURES]: another subtitler's cues, in place"""
    jittered: Array
    """[frames, CUE_FEATURES]: cues with each edge moved on its own"""
    edges: Array
    """[edges, 3]: 0 start or 1 end, token of the jittered edge, tokens from there to the truth"""


@dataclass(frozen=True)
class Batch:
    """Excerpts stacked along a first axis; the rows of ``edges`` begin with the excerpt's index."""

    mel: Tensor
    speech: Tensor
    features: Tensor
    masks: Tensor
    lag: Tensor
    reference: Tensor
    jittered: Tensor
    edges: Tensor


def draw(examples: list[Example], rng: np.random.Generator, size: int) -> Batch:
    """``size`` excerpts, each with ``QUERIES`` runs of cues at one random lag."""
    rows = [draw_one(examples[rng.integers(len(examples))], rng) for _ in range(size)]
    edges = [np.column_stack([np.full(len(r.edges), n), r.edges]) for n, r in enumerate(rows)]
    return Batch(
        mel=stack([r.mel for r in rows]),
        speech=stack([r.speech for r in rows]),
        features=stack([r.features for r in rows]),
        masks=stack([r.masks for r in rows]),
        lag=stack([r.lag for r in rows]),
        reference=stack([r.reference for r in rows]),
        jittered=stack([r.jittered for r in rows]),
        edges=torch.from_numpy(np.concatenate(edges).astype(np.float32)),
    )


def stack(arrays: list[Array]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def draw_one(example: Example, rng: np.random.Generator) -> Excerpt:
    """One excerpt around a cue of ``example``."""
    frames = int(EXCERPT * TOKEN_RATE_HZ)
    centre = example.cues[rng.integers(len(example.cues))].start
    first = int((centre + rng.uniform(-0.3, 0.3) * EXCERPT - EXCERPT / 2) * TOKEN_RATE_HZ)
    first = int(np.clip(first, 0, max(0, len(example.log_mel) - frames)))
    mel = normalise(example.log_mel[first : first + frames], example.mean)
    start = first / TOKEN_RATE_HZ
    lag = float(rng.uniform(-0.5, 0.5))  # small and sub-token: the lag axis is searched in full
    near = [c for c in example.cues if c.end > start - 1 and c.start < start + EXCERPT + 1]
    moved = [shifted(c, -lag) for c in near]
    features = cue_features(moved, start=start, tokens=frames)
    masks = np.stack([query_mask(moved, start, rng) for _ in range(QUERIES)])
    jittered, edges = jitter(example, near, rng, start, frames)
    speech = example.speech[first : first + frames]
    reference = cue_features(example.translation, start=start, tokens=frames)
    return Excerpt(
        mel=mel,
        speech=speech,
        features=features,
        masks=masks,
        lag=np.array(lag * TOKEN_RATE_HZ, np.float32),
        reference=reference,
        jittered=jittered,
        edges=edges,
    )


def query_mask(cues: list[CueTiming], start: float, rng: np.random.Generator) -> Array:
    """[frames]: 1 over the territory of a few consecutive cues, silence around them included."""
    inside = [n for n, c in enumerate(cues) if MARGIN < c.start - start < EXCERPT - MARGIN - 2]
    mask = np.zeros(int(EXCERPT * TOKEN_RATE_HZ), np.float32)
    if inside:
        first = int(rng.choice(inside))
        owned = territories(cues)[first : first + int(rng.choice(CUES))] - start
        for begin, end in np.clip(owned, MARGIN, EXCERPT - MARGIN):
            mask[round(begin * TOKEN_RATE_HZ) : round(end * TOKEN_RATE_HZ)] = 1.0
    return mask


def shifted(cue: CueTiming, by: float) -> CueTiming:
    return CueTiming(cue.start + by, cue.end + by, cue.characters, cue.sound)


def jitter(
    example: Example, near: list[CueTiming], rng: np.random.Generator, start: float, frames: int
) -> tuple[Array, Array]:
    """Cues with every edge moved at random, and where each edge should have been."""
    spread = float(rng.uniform(0.05, EDGE_JITTER))
    moved, edges, index = [], [], {id(cue): n for n, cue in enumerate(example.cues)}
    previous = -np.inf
    for cue in near:
        begin = max(previous, cue.start + rng.normal(0, spread))
        end = max(begin + 0.2, cue.end + rng.normal(0, spread))
        previous = end
        moved.append(CueTiming(begin, end, cue.characters, cue.sound))
        for column, at in enumerate((begin, end)):
            truth = float(example.edges[index[id(cue)], column])
            token = (at - start) * TOKEN_RATE_HZ
            inside = MARGIN * TOKEN_RATE_HZ < token < frames - MARGIN * TOKEN_RATE_HZ
            if inside and abs(truth - at) < EDGE_REACH - 0.1:
                exact = (truth - start) * TOKEN_RATE_HZ - round(token)
                edges.append((column, round(token), exact))
    return cue_features(moved, start=start, tokens=frames), np.array(edges, np.float32).reshape(
        -1, 3
    )
