"""Measure ``find_offset`` on talkers and films whose sound is moved by known amounts.

    python scripts/make_talkers.py BANK DRAWN --count 24 --seed 2 --split test --seconds 4 --films
    python scripts/train_offset.py grid_s1 TALKERS --mouths MOUTHS --baseline --out SYNCNET
    python scripts/bench_offset.py --set "trained talker" grid_s1 --every 10 \\
        --set "other talkers" grid --set "drawn talkers" DRAWN --baseline SYNCNET

Each film is looked at once; its sound is moved by every one of SHIFTS_S (what is moved out is lost,
what comes in is silence), and each film has the sounds of the SWAPS ones before it in its set. A
shift is right if it is found to one frame (40 ms); beside it stands how many are found to one in
whole frames, as SyncNet is measured, since GRID's films are off by a frame here and there. To
compare: chance, SyncNet's way on the same mouths, and the correlation of how much a mouth moves
with how loud it is. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from offset_baseline import SyncNet

from avsync.aligner.picture import load_picture_model
from avsync.aligner.sync import SyncModel, load_sync_model, picture_keys, sound_queries
from avsync.encoders.audio import LogMel
from avsync.encoders.checkpoint import load_weights
from avsync.encoders.visual import FRAME_HEIGHT, FRAME_WIDTH
from avsync.faces import LONGEST_SIDE, MouthTrack, iter_mouths, shrunk
from avsync.media import is_media, iter_frames, probe_video, read_audio
from avsync.offset.evidence import STEP_S
from avsync.offset.picture import REACH_S, evidence_windows, judge
from avsync.offset.result import FRAME_S
from avsync.offset.watching import Hearing, Models, Mouth, Sight

SHIFTS_S = (-1.0, -0.73, -0.41, -0.2, -0.05, 0.0, 0.11, 0.28, 0.5, 0.666, 1.0)
SWAPS = 5
RATE_HZ = 16_000

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Film:
    """What is to be seen and heard of a film."""

    tracks: list[MouthTrack]
    small: npt.NDArray[np.uint8]
    """[tokens, 36, 64, 3]"""
    samples: Samples


@dataclass(frozen=True)
class Answer:
    """What was found of one film under one shift."""

    error_s: float
    confidence: float
    accepted: bool

    @property
    def right(self) -> bool:
        return abs(self.error_s) <= FRAME_S


Judge = Callable[[Film, Samples], tuple[float, float, bool]]
"""Film and sound → offset in seconds, confidence, accepted."""


def open_film(path: Path, start: float = 0.0, end: float = np.inf) -> Film:
    """A film, or a stretch of it, looked at once."""
    width, height = probe_video(path).size
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    frames = list(
        iter_frames(path, width=size[0], height=size[1], rate_hz=25, start=start, end=end)
    )
    small = np.stack([shrunk(frame.pixels, FRAME_WIDTH, FRAME_HEIGHT) for frame in frames])
    samples = read_audio(path).samples[round(start * RATE_HZ) :]
    return Film(list(iter_mouths(frames)), small, samples[: len(frames) * RATE_HZ // 25])


def moved(samples: Samples, by_s: float) -> Samples:
    """The sound that much later, of the same length."""
    shift = round(by_s * RATE_HZ)
    out = np.zeros_like(samples)
    if shift >= 0:
        out[shift:] = samples[: len(samples) - shift]
    else:
        out[:shift] = samples[-shift:]
    return out


def ours(models: Models, *, motion: bool = True) -> Judge:
    seen: dict[Film, Sight] = {}  # of each, many sounds are tried

    def answer(film: Film, samples: Samples) -> tuple[float, float, bool]:
        if film not in seen:
            mouths = tuple(Mouth(t.start, models.faces.seen(t.mouths)) for t in film.tracks)
            tokens = models.motion.visual.encode(film.small).values
            keys = picture_keys(models.motion, tokens)
            seen[film] = Sight(mouths, keys if motion else keys[:0])
        log_mel = LogMel()([samples])
        heard = Hearing(models.faces.heard(log_mel), sound_queries(models.motion, log_mel))
        windows = evidence_windows(seen[film], heard, reach=round(REACH_S / STEP_S))
        found = judge(windows, models.faces, duration=len(film.small) / 25)
        return found.offset_s, found.confidence, found.accepted

    return answer


def by_correlation(film: Film, samples: Samples) -> tuple[float, float, bool]:
    """How much the largest mouth moves against how fast the sound grows louder or softer."""
    if not film.tracks:
        return 0.0, 0.0, False
    track = max(film.tracks, key=lambda each: len(each.mouths))
    middle = track.mouths[:, 14:40, 8:40].astype(np.float32)
    stir = np.abs(np.diff(middle, axis=0, prepend=middle[:1])).mean((1, 2))
    level = LogMel()([samples]).astype(np.float32).mean(1)[::2]
    change = np.abs(np.diff(level, prepend=level[:1]))
    lags = np.arange(-50, 51)
    scores = []
    for lag in lags:
        at = track.start + np.arange(len(stir)) + lag
        inside = (at >= 0) & (at < len(change))
        a, b = stir[inside], change[at[inside]]
        good = inside.sum() > 12 and a.std() > 0 and b.std() > 0
        scores.append(np.corrcoef(a, b)[0, 1] * np.sqrt(len(a)) if good else -9.0)
    best = int(np.argmax(scores))
    return float(lags[best]) / 25, float(max(scores)), True


def area_under_curve(right: Sequence[float], wrong: Sequence[float]) -> float:
    """The chance that a right pair is told from a wrong one by its confidence."""
    differences = np.subtract.outer(np.array(right), np.array(wrong))
    return float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def row(name: str, films: list[Film], judge_name: str, find: Judge) -> str:
    answers, swapped = [], []
    for number, film in enumerate(films):
        for shift in SHIFTS_S:
            offset, sure, accepted = find(film, moved(film.samples, shift))
            answers.append(Answer(offset - shift, sure, accepted))
        for step in range(1, min(SWAPS, len(films) - 1) + 1):
            other = np.resize(films[number - step].samples, len(film.samples))
            swapped.append(find(film, moved(other, SHIFTS_S[(number + step) % len(SHIFTS_S)])))
    right = np.mean([answer.right for answer in answers])
    whole = np.mean([abs(round(answer.error_s / FRAME_S)) <= 1 for answer in answers])
    half = sorted(answers, key=lambda answer: -answer.confidence)[: (len(answers) + 1) // 2]
    surest = np.mean([answer.right for answer in half])
    auc = area_under_curve([a.confidence for a in answers], [sure for _, sure, _ in swapped])
    taken = [answer for answer in answers if answer.accepted]
    sound = np.mean([answer.right for answer in taken]) if taken else float("nan")
    refused = np.mean([not accepted for _, _, accepted in swapped])
    error = np.median([abs(a.error_s) for a in answers if a.right] or [np.nan]) * 1000
    return (
        f"| {name} | {judge_name} | {len(films)} | {right:.1%} | {whole:.1%} | {surest:.1%} "
        f"| {auc:.3f} | {len(taken) / len(answers):.0%} | {sound:.1%} | {refused:.0%} "
        f"| {error:.0f} ms |"
    )


def films_of(directory: Path, every: int, most: int, seconds: float | None) -> list[Film]:
    """The films of a directory, or of one film its stretches of some seconds."""
    if directory.is_file():
        length = probe_video(directory).duration or 0.0
        step = seconds or length
        starts = np.arange(0, length - step + 0.01, step)
        return [open_film(directory, start, start + step) for start in starts.tolist()]
    paths = sorted(path for path in directory.iterdir() if is_media(path))
    return [open_film(path) for path in paths[::every][:most]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", action="append", metavar=("NAME", "PLACE"), default=[])
    parser.add_argument("--every", type=int, default=10, help="of a directory with over 50 films")
    parser.add_argument("--most", type=int, default=24)
    parser.add_argument("--seconds", type=float, help="of the stretches of a single film")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    picture = load_picture_model()
    models = Models(load_sync_model(args.model), picture)
    judges: list[tuple[str, Judge]] = [("avsync", ours(models))]
    judges.append(("faces alone", ours(models, motion=False)))
    if args.baseline:
        baseline: SyncModel = SyncNet()
        load_weights(baseline, args.baseline, trainer="train_offset.py")
        judges.append(("SyncNet's way", ours(Models(baseline.eval(), picture), motion=False)))
    judges.append(("correlation", by_correlation))
    print(
        "| set | judge | films | within 40 ms | to a whole frame | surer half | AUC | accepted "
        "| of these right | swapped refused | error |\n|" + " --- |" * 2 + " ---: |" * 9
    )
    print(f"| any | chance | | {2 * FRAME_S / (2 * REACH_S):.1%} | | | 0.500 | | | | |")
    for name, *places in args.set:
        films = []
        for place in map(Path, places):
            many = place.is_dir() and len(list(place.iterdir())) > 50
            films += films_of(place, args.every if many else 1, args.most, args.seconds)
        for judge_name, find in judges:
            print(row(name, films, judge_name, find), flush=True)


if __name__ == "__main__":
    main()
