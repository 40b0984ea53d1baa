"""Train the encoders and the lag attention of ``avsync retime`` on generated films.

    python scripts/train_retime.py BANK --out avsync/encoders/weights/retime.safetensors

The task is the one that the aligner solves: a run of consecutive cues is the query, the sound
around it the keys; cross-entropy over every lag within ±REACH seconds against a Gaussian around the
true lag. Two more heads learn, on the same tokens, where one cue's speech begins and ends, and the
audio tokens' speech head learns what is speech. Same seed, same weights.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.nn import functional

from avsync.aligner.attention import CrossAttention, lag_logits
from avsync.aligner.model import EDGE_REACH, RetimeModel, save_model
from avsync.encoders.audio import TOKEN_RATE_HZ, LogMel, band_means, normalise
from avsync.encoders.cues import CueTiming, cue_features, cue_timing, territories
from make_films import Bank, make_film

REACH = 16.0  # seconds: lags that compete in the loss
LAG_SPREAD = 0.04  # seconds: width of the target around the true lag
EDGE_JITTER = 0.25  # seconds: how far wrong the edges given to the refiner are
CUES = (1, 1, 2, 3, 5, 8)  # cues in a query
QUERIES = 6  # queries drawn from each excerpt
EXCERPT = 60.0  # seconds of sound per example
MARGIN = 6.0  # seconds at the ends of an excerpt that only give context

LOSSES = ("lag", "subtitle", "edge", "speech")

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
class Batch:
    mel: Tensor  # [batch, frames, bands]
    speech: Tensor  # [batch, frames]
    features: Tensor  # [batch, frames, CUE_FEATURES]: cues as they should be, moved by `lag`
    masks: Tensor  # [batch, QUERIES, frames]: each query's tokens
    lag: Tensor  # [batch] tokens: keys' time − queries' time
    reference: Tensor  # [batch, frames, CUE_FEATURES]: another subtitler's cues, in place
    jittered: Tensor  # [batch, frames, CUE_FEATURES]: cues with each edge moved on its own
    edges: Tensor  # [edges, 4]: batch index, 0 start / 1 end, token of the jittered edge, true lag


def draw(examples: list[Example], rng: np.random.Generator, size: int) -> Batch:
    """``size`` excerpts, each with a query of a few cues at a random lag."""
    rows = [draw_one(examples[rng.integers(len(examples))], rng) for _ in range(size)]
    stack = [
        torch.from_numpy(np.stack(column)) for column in zip(*(r[:-1] for r in rows), strict=True)
    ]
    edges = np.concatenate(
        [np.column_stack([np.full(len(r[-1]), n), r[-1]]) for n, r in enumerate(rows)]
    )
    return Batch(*stack, torch.from_numpy(edges.astype(np.float32)))


def draw_one(example: Example, rng: np.random.Generator) -> tuple[Array, ...]:
    """One excerpt: the fields of :class:`Batch` in order."""
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
    token_lag = np.float32(lag * TOKEN_RATE_HZ)
    return mel, speech, features, masks, token_lag, reference, jittered, edges


def query_mask(cues: list[CueTiming], start: float, rng: np.random.Generator) -> Array:
    """[frames]: 1 over the territory of a few consecutive cues, the silence around them included."""
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


def lag_loss(
    attention: CrossAttention, batch: Batch, cue_tokens: Tensor, key_tokens: Tensor
) -> Tensor:
    """Cross-entropy over lags within ±REACH s."""
    margin = int(MARGIN * TOKEN_RATE_HZ)
    queries = attention.project_queries(cue_tokens)[:, None] * batch.masks[..., None]
    keys = attention.project_keys(key_tokens)[:, None, margin:-margin].expand(-1, QUERIES, -1, -1)
    n = queries.shape[2]
    reach = int(REACH * TOKEN_RATE_HZ)
    zero = n - 1 - margin  # where lag 0 stands, the keys having lost their margin
    lags = torch.arange(-reach, reach + 1)
    logits = lag_logits(queries, keys)[..., zero - reach : zero + reach + 1]
    token = torch.arange(n)
    first = torch.where(batch.masks > 0, token, n).amin(-1, keepdim=True)
    last = torch.where(batch.masks > 0, token, -1).amax(-1, keepdim=True)
    inside = (lags + first >= margin) & (lags + last < n - margin) & (last >= 0)
    target = torch.exp(
        -0.5 * ((lags - batch.lag[:, None, None]) / (LAG_SPREAD * TOKEN_RATE_HZ)) ** 2
    )
    target = target * inside
    target = target / target.sum(-1, keepdim=True).clamp_min(1e-6)
    logged = functional.log_softmax(logits.masked_fill(~inside, -1e4), -1)
    return -(target * logged).sum() / target.sum().clamp_min(1.0)


def edge_loss(model: RetimeModel, batch: Batch, cue_tokens: Tensor, audio_tokens: Tensor) -> Tensor:
    """Cross-entropy of the local attention of one cue edge over the tokens within ±EDGE_REACH s."""
    reach = int(EDGE_REACH * TOKEN_RATE_HZ)
    offsets = torch.arange(-reach, reach + 1)
    losses = []
    for kind in (0, 1):
        rows = batch.edges[batch.edges[:, 1] == kind]
        if not len(rows):
            continue
        where, token = rows[:, 0].long(), rows[:, 2].long()
        logits = model.edge_logits(
            kind, cue_tokens[where, token], audio_tokens, where, token, offsets
        )
        target = torch.exp(-0.5 * ((offsets - rows[:, 3:]) / (LAG_SPREAD * TOKEN_RATE_HZ)) ** 2)
        target = target / target.sum(1, keepdim=True)
        losses.append(-(target * functional.log_softmax(logits, -1)).sum(1).mean())
    return torch.stack(losses).mean()


def losses(model: RetimeModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lag against sound, lag against subtitles, edges, speech."""
    audio = model.audio(batch.mel)
    cues, reference, jittered = model.cues(
        torch.cat([batch.features, batch.reference, batch.jittered])
    ).chunk(3)
    lag = lag_loss(model.lag, batch, cues, audio)
    subtitle = lag_loss(model.subtitle, batch, cues, reference)
    edge = edge_loss(model, batch, jittered, audio)
    speech = functional.binary_cross_entropy_with_logits(
        model.audio.speech(audio)[..., 0], batch.speech
    )
    return lag, subtitle, edge, speech


def train(model: RetimeModel, examples: list[Example], *, steps: int, size: int, seed: int) -> None:
    """AdamW on a one-cycle schedule (Smith & Topin 2018)."""
    rng = np.random.default_rng([seed, 1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    began, seen = time.monotonic(), np.zeros(4)
    model.train()
    for step in range(1, steps + 1):
        lag, subtitle, edge, speech = losses(model, draw(examples, rng, size))
        optimiser.zero_grad()
        (lag + 0.3 * subtitle + 0.3 * edge + 0.2 * speech).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen += (lag.item(), subtitle.item(), edge.item(), speech.item())
        if step % 50 == 0:
            shown = " ".join(f"{n} {v:.3f}" for n, v in zip(LOSSES, seen / 50, strict=True))
            print(f"{step:5d} {shown} {time.monotonic() - began:.0f} s", flush=True)
            seen[:] = 0
    model.eval()


@torch.no_grad()
def validate(model: RetimeModel, examples: list[Example], batches: int = 20) -> dict[str, float]:
    rng = np.random.default_rng(7)
    values = np.mean(
        [[x.item() for x in losses(model, draw(examples, rng, 16))] for _ in range(batches)], 0
    )
    return dict(zip(LOSSES, values.round(4).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--films", type=int, default=160)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    made = Parallel(n_jobs=2)(
        delayed(prepare)(Bank(args.bank, "train"), [args.seed, n], args.minutes)
        for n in range(args.films)
    )
    examples = [example for example in made if len(example.cues) > 5]
    held_out = [
        prepare(Bank(args.bank, "test"), [99, n], args.minutes)
        for n in range(max(4, args.films // 20))
    ]
    model = RetimeModel()
    train(model, examples, steps=args.steps, size=args.batch, seed=args.seed)
    metrics = validate(model, [example for example in held_out if len(example.cues) > 5])
    print(json.dumps(metrics))
    save_model(model, args.out)


if __name__ == "__main__":
    main()
