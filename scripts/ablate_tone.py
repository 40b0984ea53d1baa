"""What cross-attention adds to agreement: with it, without it, and plain correlation.

    python scripts/ablate_tone.py TONE --seeds 3

A table in Markdown. Every row but the last is trained anew with each seed, on the films of
`make_tone.py` in TONE, and judged on its test films. "Without cross-attention" has the same head,
but neither side attends to the other; "likelihood ratio alone" has no head
(`avsync.tone.evidence`); "correlation" is the correlation over time of arousal and of valence, less
how far their means are apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from bench_tone import pair_scores, ranking
from torch import Tensor, nn
from train_tone import Film, load_generated, train

from avsync.tone.model import ToneModel

Array = npt.NDArray[np.float64]


class Apart(nn.Module):
    """Attention that sees nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width

    def forward(
        self, queries: Tensor, keys: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Zeros, as `ContextAttention` shapes them."""
        n, m = queries.shape[-2], keys.shape[-2]
        lead = queries.shape[:-2]
        return queries.new_zeros(*lead, n, self._width), queries.new_zeros(*lead, 1, n, m)


def without_attention(model: ToneModel) -> None:
    width = model.sound_asks.scored.heads * model.sound_asks.scored.head_dim
    model.sound_asks = Apart(width)  # type: ignore[assignment]
    model.picture_asks = Apart(width)  # type: ignore[assignment]


def without_head(model: ToneModel) -> None:
    for parameter in model.read.parameters():
        nn.init.zeros_(parameter)
        parameter.requires_grad_(False)


VARIANTS: dict[str, Callable[[ToneModel], None]] = {
    "with cross-attention": lambda model: None,
    "without cross-attention": without_attention,
    "likelihood ratio alone": without_head,
}


def correlations(films: list[Film], model: ToneModel) -> Array:
    """How each sound goes with each picture, [pictures, sounds]."""
    sounds = [model.judge_sound(film.heard) for film in films]
    pictures = [model.judge_picture(film.seen) for film in films]
    scores = np.zeros((len(films), len(films)))
    for i, picture in enumerate(pictures):
        for j, sound in enumerate(sounds):
            count = min(len(sound.arousal), len(picture.arousal))
            both = films[j].heard.audible[:count] & films[i].seen.visible[:count]
            for name in ("arousal", "valence"):
                s, p = (getattr(side, name)[:count][both] for side in (sound, picture))
                together = np.corrcoef(s, p)[0, 1]
                scores[i, j] += np.nan_to_num(together) - abs(s.mean() - p.mean())
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path, help="what make_tone.py wrote")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args()
    trained, tested = (
        [load_generated(path) for path in sorted(args.films.glob(f"{split}-*.npz"))]
        for split in ("train", "test")
    )
    print("| agreement by | AUROC, by seed | in the first 2 of 10 |\n| --- | --- | --- |")
    for name, change in VARIANTS.items():
        found = []
        for seed in range(args.seeds):
            torch.manual_seed(seed)
            model = ToneModel()
            change(model)
            with redirect_stdout(sys.stderr):
                train(model, trained, steps=args.steps, seed=seed, peak=4e-3)
            found.append(ranking(pair_scores(tested, model), np.random.default_rng(0)))
        areas, firsts = zip(*((one.auroc, one.first_two) for one in found), strict=True)
        print(f"| {name} | {_cells(areas)} | {_cells(firsts)} |", flush=True)
    plain = ranking(correlations(tested, model), np.random.default_rng(0))
    print(f"| correlation | {plain.auroc:.3f} | {plain.first_two:.3f} |")


def _cells(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
