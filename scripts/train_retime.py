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
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from make_films import Bank
from retime_examples import MARGIN, QUERIES, Batch, Example, draw, prepare
from torch import Tensor, nn
from torch.nn import functional

from avsync.aligner.attention import CrossAttention, lag_logits
from avsync.aligner.model import EDGE_REACH, RetimeModel, save_model
from avsync.encoders.audio import TOKEN_RATE_HZ

REACH = 16.0  # seconds: lags that compete in the loss
LAG_SPREAD = 0.04  # seconds: width of the target around the true lag

LOSSES = ("lag", "subtitle", "edge", "speech")


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
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=2e-3, total_steps=steps, pct_start=0.1
    )
    began, seen = time.monotonic(), np.zeros(4)
    model.train()
    for step in range(1, steps + 1):
        lag, subtitle, edge, speech = losses(model, draw(examples, rng, size))
        optimiser.zero_grad()
        (lag + 0.3 * subtitle + 0.3 * edge + 0.2 * speech).backward()  # type: ignore[no-untyped-call]
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
    parser.add_argument("--films", type=int, default=240)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--steps", type=int, default=1200)
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
