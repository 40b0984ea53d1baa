"""Train what sees mouths and hears voices on films in sync: which lag is the right one.

    python scripts/make_talkers.py BANK TALKERS --count 400 --seconds 6
    python scripts/train_offset.py grid_s1 TALKERS --mouths MOUTHS --bank BANK --hold --out FIRST
    python scripts/train_offset.py grid_s1 TALKERS --mouths MOUTHS --bank BANK --resume FIRST \\
        --steps 600 --seed 1 --out avsync/encoders/weights/sync.safetensors

Each directory holds films whose sound is in sync, or talkers of ``make_talkers.py``. No label is
needed: any such film is its own supervision. So to fine-tune on films of your own,

    python scripts/train_offset.py --videos DIR --mouths MOUTHS --steps 400 --rate 5e-4 \\
        --out mine.safetensors

starts from the weights of the package, and ``find_offset(film, model=load_sync_model(path))`` uses
the result. Mouths are looked for once and kept in ``--mouths``. Every tenth film of a directory is
held out for the numbers at the end and for the calibration.

With ``--align DIR`` the sound of each clip in there is first moved by what the weights so far find
it off by, against the mean of all: the clips of GRID's first talker come in two groups, a frame
apart. The weights
kept are the running mean of those of the last steps (Polyak & Juditsky 1992).

The loss: cross-entropy over the lags of a stretch of mouth in a stretch of sound; over which sound
of the batch belongs to a mouth, at whatever lag, and which mouth to a sound; and symmetric InfoNCE
(van den Oord et al. 2018) over the instants of all clips of a batch, and of each clip alone.
``--baseline`` trains SyncNet's way instead (Chung & Zisserman 2016): 0.2 s of mouth and of sound at
a time, without context. Same films, same seed, same weights.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from make_films import Bank
from offset_baseline import SyncNet
from offset_examples import REACH, Array, Batch, Clip, draw, load_clip
from torch import Tensor, nn
from torch.nn import functional

from avsync.aligner.attention import lag_logits
from avsync.aligner.path import peak
from avsync.aligner.picture import half_rate
from avsync.aligner.sync import SyncModel, face_evidence, load_sync_model, save_sync_model
from avsync.encoders.audio import LogMel
from avsync.encoders.checkpoint import load_weights
from avsync.errors import MediaError
from avsync.faces import LONGEST_SIDE, iter_mouths
from avsync.media import is_media, iter_audio, iter_frames, probe_video
from avsync.progress import Progress

MARGIN = 10  # pixels around a mouth, for examples to be shifted and turned in
HELD_OUT = 10  # every tenth film
SPREAD = 0.75  # tokens: width of the target around the true lag
PARTS = 3  # stretches of each example whose lag is asked for: all of it, and shorter ones
SHORTEST_PART = 15
WEIGHTS = (1.0, 0.5, 0.5, 0.3)
LOSSES = ("lag", "match", "instant", "among")
SONG_SECONDS = 20
WARM_UP = 50  # steps
GENTLE = 800  # steps over which examples become as different as they get
REMEMBERED = 0.995  # of the running mean of weights, from one step to the next
FARTHEST_OFF = 5  # frames of 20 ms that a clip may be off by itself
GENTLEST = 0.25  # share of examples that are hardly changed, for good


def read_mouths(film: Path, directory: Path, progress: Progress | None = None) -> list[Path]:
    """Look for the mouths of a film and keep them in ``directory``; those it already has."""
    done = directory / f"{film.stem}-{zlib.crc32(str(film.resolve()).encode()):08x}.done"
    stem = done.with_suffix("")
    if not done.exists():
        directory.mkdir(parents=True, exist_ok=True)
        width, height = probe_video(film).size
        scale = min(1.0, LONGEST_SIDE / max(width, height))
        frames = iter_frames(
            film,
            width=max(1, round(width * scale)),
            height=max(1, round(height * scale)),
            rate_hz=25,
            progress=progress,
        )
        log_mel = LogMel()(iter_audio(film))
        for number, track in enumerate(iter_mouths(frames, margin=MARGIN)):
            here = log_mel[2 * track.start : 2 * (track.start + len(track.mouths))]
            place = f"{stem}-{number:04d}.npz"
            np.savez(place, start=0, mouths=track.mouths, log_mel=here)
        done.touch()
    return sorted(directory.glob(f"{stem.name}-*.npz"))


@dataclass(frozen=True)
class Material:
    """Clips to learn from and clips held out, by the directory that they come from."""

    train: list[list[Clip]]
    held_out: list[list[Clip]]


def gather(directories: Sequence[Path], mouths: Path | None) -> Material:
    """What the directories hold, split by film."""
    material = Material([], [])
    for directory in directories:
        parts: tuple[list[Clip], list[Clip]] = ([], [])
        files = sorted(path for path in directory.iterdir() if path.is_file())
        films = [path for path in files if path.suffix == ".npz" or is_media(path)]
        for number, film in enumerate(films):
            found = [film]
            if film.suffix != ".npz":
                if mouths is None:
                    raise SystemExit("films need --mouths, a directory to keep what is seen")
                try:
                    found = read_mouths(film, mouths)
                except MediaError as error:
                    print(f"left out: {error}", flush=True)
                    continue
            clips = [clip for path in found if (clip := load_clip(path)) is not None]
            parts[number % HELD_OUT == 0].extend(clips)
        material.train.append(parts[0])
        material.held_out.append(parts[1])
    return material


def aligned(model: SyncModel, clips: list[Clip]) -> list[Clip]:
    """The clips with their sound where most clips have it, to half a token.

    A clip that seems to be off by more is left as it is: there the weights are wrong.
    """
    offs = []
    for clip in clips:
        mouths = np.ascontiguousarray(clip.mouths[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
        said = face_evidence(model.seen(mouths), model.heard(clip.log_mel), start=0, reach=REACH)
        offs.append(peak(said.logits) - REACH)
    sure = [off for off in offs if abs(off) <= FARTHEST_OFF]
    mean = float(np.mean(sure)) if sure else 0.0
    moves = [round(off - mean) if abs(off) <= FARTHEST_OFF else 0 for off in offs]
    counts = dict(sorted(Counter(moves).items()))
    print(f"off by frames of 20 ms, and how many clips: {counts}", flush=True)
    return [_moved(clip, move) for clip, move in zip(clips, moves, strict=True)]


def _moved(clip: Clip, late: int) -> Clip:
    """A clip whose sound comes ``late`` frames earlier; its ends are held."""
    at = np.clip(np.arange(len(clip.log_mel)) + late, 0, len(clip.log_mel) - 1)
    return replace(clip, log_mel=clip.log_mel[at])


def draw_noises(bank: Path | None, clips: list[Clip]) -> list[Array]:
    """What is laid over voices: songs, and other people."""
    noises = [clip.log_mel.astype(np.float32) for clip in clips[::10]]
    if bank is not None:
        for song in Bank(bank, "train").songs[:20]:
            noises.append(LogMel()([song[0][: SONG_SECONDS * 16_000] * 0.05]).astype(np.float32))
    return noises


def losses(model: SyncModel, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """In the order of LOSSES."""
    queries = model.lag.project_queries(model.mouth(batch.mouths))
    keys = model.lag.project_keys(half_rate(model.audio(batch.frames)))
    n, m = queries.shape[1], keys.shape[1]
    masks = _parts(rng, len(queries), n)
    mean = keys.mean(1, keepdim=True)  # what an average sound says is said where none is heard
    centred = keys - mean
    sums = lag_logits(
        queries[:, None] * masks[..., None], centred[:, None].expand(-1, PARTS, -1, -1)
    )
    lags = torch.arange(1 - n, m)
    inside = lags.abs() <= REACH + 5
    off = (lags[inside] - batch.lag[:, None]) / SPREAD
    target = functional.softmax(-0.5 * off**2, -1)[:, None]
    entropy = -(target * functional.log_softmax(sums[..., inside], -1)).sum(-1)
    place = torch.arange(n) + batch.lag[:, None, None]
    heard = (masks * ((place >= 0) & (place < m))).sum(-1) >= 0.5 * masks.sum(-1)
    lag = (entropy * heard).sum() / heard.sum().clamp_min(1)
    instant, among = instant_losses(queries, keys, batch.lag)
    return lag, match_loss(queries, centred, mean, inside), instant, among


def _parts(rng: np.random.Generator, size: int, n: int) -> Tensor:
    """Stretches of each example, the first of them all of it: 1 inside, [size, PARTS, n]."""
    lengths = rng.integers(SHORTEST_PART, n + 1, size=(size, PARTS, 1))
    lengths[:, 0] = n
    firsts = rng.integers(0, n - lengths + 1)
    at = np.arange(n)
    return torch.from_numpy((at >= firsts) & (at < firsts + lengths)).float()


def match_loss(queries: Tensor, centred: Tensor, mean: Tensor, inside: Tensor) -> Tensor:
    """Which sound belongs to a mouth, whatever the lag, and which mouth to a sound."""
    sums = lag_logits(queries[:, None], centred[None].expand(len(queries), -1, -1, -1))
    average = queries.sum(1) @ mean[:, 0].T
    evidence = torch.logsumexp(sums[..., inside], -1) + average
    own = torch.arange(len(evidence))
    both = [functional.cross_entropy(each, own) for each in (evidence, evidence.T)]
    return (both[0] + both[1]) / 2


def instant_losses(queries: Tensor, keys: Tensor, lag: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE: which instant of the own clip, and which of all clips', belongs."""
    size, n = queries.shape[:2]
    m = keys.shape[1]
    own = torch.einsum("bid,bjd->bij", queries, keys)
    off = torch.arange(m) - torch.arange(n)[:, None] - lag[:, None, None]
    near = torch.exp(-0.5 * (off / SPREAD) ** 2)
    instant = (_choice(own, near) + _choice(own.transpose(1, 2), near.transpose(1, 2))) / 2
    every = queries.flatten(0, 1) @ keys.flatten(0, 1).T
    right = torch.block_diag(*near)  # type: ignore[no-untyped-call]
    if size > 1:
        among = (_choice(every[None], right[None]) + _choice(every.T[None], right.T[None])) / 2
    else:
        among = instant
    return instant, among


def _choice(scores: Tensor, near: Tensor) -> Tensor:
    """Cross-entropy of each row's choice, where the right one is among the columns."""
    total = near.sum(-1)
    there = total > 0.9 * (SPREAD * (2 * torch.pi) ** 0.5)
    entropy = -(near * functional.log_softmax(scores, -1)).sum(-1) / total.clamp_min(1e-6)
    mean: Tensor = (entropy * there).sum() / there.sum().clamp_min(1)
    return mean


def train(
    model: SyncModel, material: Material, noises: list[Array], args: argparse.Namespace
) -> None:
    """AdamW; the rate rises, is held (``--hold``) or falls to nothing (Hägele et al. 2024)."""
    rng = np.random.default_rng([args.seed, 1])
    sources = [clips for clips in material.train if clips]
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / WARM_UP, 1.0 if args.hold else 1 - step / args.steps),
    )
    mean = copy.deepcopy(model)
    began, seen = time.monotonic(), np.zeros(len(LOSSES))
    for step in range(1, args.steps + 1):
        model.train()
        clips = sources[int(rng.integers(len(sources)))] if step % 3 else _mixed(sources, rng)
        changed = 1.0 if args.resume else min(step / GENTLE, 1.0)
        gentle = rng.random() > changed * (1 - GENTLEST)
        parts = losses(model, draw(clips, noises, rng, args.batch, gentle=gentle), rng)
        total = sum((w * part for w, part in zip(WEIGHTS, parts, strict=True)), torch.zeros(()))
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        remember(mean, model)
        seen += [part.item() for part in parts]
        if step % 25 == 0:
            shown = " ".join(f"{n} {v:.3f}" for n, v in zip(LOSSES, seen / 25, strict=True))
            print(f"{step:5d} {shown} {time.monotonic() - began:.0f} s", flush=True)
            seen[:] = 0
        if step % 200 == 0:
            save_sync_model(mean.eval(), args.out)
            print(json.dumps(validate(mean, material.held_out)), flush=True)
    model.load_state_dict(mean.state_dict())
    model.eval()


@torch.no_grad()
def remember(mean: SyncModel, model: SyncModel) -> None:
    """Take one step's weights into their running mean; what is no fraction is taken as it is."""
    now = model.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(now[name], 1 - REMEMBERED)
        else:
            value.copy_(now[name])


def _mixed(sources: list[list[Clip]], rng: np.random.Generator) -> list[Clip]:
    """Some of every source, as many of each."""
    return [clips[int(n)] for clips in sources for n in rng.integers(len(clips), size=16)]


@torch.inference_mode()
def validate(model: SyncModel, held_out: list[list[Clip]], *, most: int = 40) -> list[float]:
    """Share of held-out clips of 3 s whose lag within ±2 s is right to a frame, by directory."""
    shares = []
    for clips in held_out:
        right = [abs(clip_lag(model, clip)) <= 1 for clip in clips[:most]]
        shares.append(round(float(np.mean(right)), 3) if right else float("nan"))
    return shares


def clip_lag(model: SyncModel, clip: Clip, tokens: int = 75) -> int:
    """The likeliest lag of a clip that is in sync, in tokens."""
    mouths = np.ascontiguousarray(clip.mouths[:tokens, MARGIN:-MARGIN, MARGIN:-MARGIN])
    queries = torch.from_numpy(model.seen(mouths))
    keys = torch.from_numpy(model.heard(clip.log_mel[: 2 * len(mouths)]))[::2]
    logits = lag_logits(queries, keys)
    middle = len(queries) - 1
    reach = min(REACH, middle, len(keys) - 1)
    return int(logits[middle - reach : middle + reach + 1].argmax()) - reach


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path, nargs="*")
    parser.add_argument("--videos", type=Path, help="fine-tune the package's weights on these")
    parser.add_argument("--mouths", type=Path)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--resume", type=Path, help="go on from these weights")
    parser.add_argument("--align", type=Path, help="whose clips are off by themselves")
    parser.add_argument("--hold", action="store_true", help="keep the rate up, to be resumed")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    directories = [*args.films, *([args.videos] if args.videos else [])]
    material = gather(directories, args.mouths)
    noises = draw_noises(args.bank, [clip for clips in material.train for clip in clips])
    counts = [[len(c) for c in part] for part in (material.train, material.held_out)]
    print(f"clips to learn from and held out, by directory: {counts}", flush=True)
    new = SyncNet if args.baseline else SyncModel
    model = load_sync_model() if args.videos else new()
    if args.resume:
        load_weights(model, args.resume, trainer="train_offset.py")
    for directory, clips in zip(directories, material.train, strict=True):
        if directory == args.align:
            clips[:] = aligned(model.eval(), clips)
    train(model, material, noises, args)
    print(json.dumps(validate(model, material.held_out, most=200)))
    save_sync_model(model, args.out)


if __name__ == "__main__":
    main()
