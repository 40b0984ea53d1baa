"""How well `avsync tone` judges: films of known mood, pairs, orders, volumes, speed.

    python scripts/make_tone.py TONE --count 48 --split test --soundfont TimGM6mb.sf2
    python scripts/bench_tone.py TONE --soundfont TimGM6mb.sf2

Agreement with the truth is Lin's concordance correlation (1989). The films' languages, voices,
soundfont and kinds of scenes are none that training had. Orders and volumes are judged on music
that is rendered here: two passages of one recording that differ in one thing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from make_music import play
from tone_music import Band, Mood, compose, draw_band, draw_mood
from tone_pictures import HELD_OUT, Sight, draw_film, draw_sight
from train_tone import Film, load_generated

from avsync.media import Audio
from avsync.tone.hearing import Ears, hear
from avsync.tone.model import NATS, ToneModel, load_tone_model, speech_weight
from avsync.tone.score import report_of
from avsync.tone.seeing import seen_of

RATE_HZ = 16_000
Array = npt.NDArray[np.float64]


def concordance(found: Array, truth: Array) -> float:
    """Lin's concordance correlation coefficient: 1 is the same, also in level and spread."""
    apart = (found.mean() - truth.mean()) ** 2
    both = np.mean((found - found.mean()) * (truth - truth.mean()))
    return float(2 * both / (found.var() + truth.var() + apart))


def area(right: Array, wrong: Array) -> float:
    """Area under the ROC curve."""
    order = (right[:, None] > wrong).mean() + 0.5 * (right[:, None] == wrong).mean()
    return float(order)


def levels(films: list[Film], model: ToneModel) -> dict[str, float]:
    """Concordance of each second's values, by side, and of the sound by what is heard."""
    rows: dict[str, list[Array]] = {}
    for film in films:
        sound, picture = model.judge_sound(film.heard), model.judge_picture(film.seen)
        voice = float(speech_weight(film.heard.speech_share).mean()) > 0.5
        sides = (
            ("sound", sound, film.sound_truth, film.heard.audible),
            ("voice" if voice else "music", sound, film.sound_truth, film.heard.audible),
            ("picture", picture, film.picture_truth, film.seen.visible),
        )
        for name, found, truth, there in sides:
            for n, (of, value) in enumerate(
                (("valence", found.valence), ("arousal", found.arousal))
            ):
                known = there & np.isfinite(truth[:, n])
                rows.setdefault(f"{name} {of}", []).append(np.stack([value, truth[:, n]])[:, known])
    return {
        name: round(concordance(*np.concatenate(parts, axis=1)), 3)
        for name, parts in rows.items()
        if sum(part.shape[1] for part in parts)
    }


@dataclasses.dataclass(frozen=True)
class Ranking:
    """How well a score tells what belongs together."""

    auroc: float
    """matched against mismatched"""
    first_two: float
    """how often the true soundtrack is among the first two of ten"""
    matched: float
    mismatched: float


def pair_scores(films: list[Film], model: ToneModel) -> Array:
    """The overall agreement of every sound with every picture, [pictures, sounds]."""
    scores = np.zeros((len(films), len(films)))
    for i, picture in enumerate(films):
        for j, sound in enumerate(films):
            logits = model.judge(sound.heard, picture.seen).logits
            count = len(logits)
            both = sound.heard.audible[:count] & picture.seen.visible[:count]
            scores[i, j] = np.tanh(logits[both].mean() / NATS)
    return scores


def ranking(scores: Array, rng: np.random.Generator) -> Ranking:
    """Of scores [pictures, sounds], those of one film on the diagonal."""
    size = len(scores)
    right, wrong = np.diag(scores), scores[~np.eye(size, dtype=bool)]
    first = []
    for i in range(size):
        for _ in range(20):
            others = [n for n in range(size) if n != i]
            rest = rng.choice(others, size=min(9, size - 1), replace=False)
            first.append(int((scores[i, rest] > scores[i, i]).sum()))
    return Ranking(
        round(area(right, wrong), 3),
        round(float(np.mean(np.array(first) < 2)), 3),
        round(float(right.mean()), 3),
        round(float(wrong.mean()), 3),
    )


CHANGES = {
    "faster": ({"bpm": 80.0}, {"bpm": 130.0}, "arousal"),
    "denser": ({"density": 0.8}, {"density": 2.6}, "arousal"),
    "harder": ({"velocity": 55.0}, {"velocity": 105.0}, "arousal"),
    "major": ({"major": False}, {"major": True}, "valence"),
}


def passages(
    rng: np.random.Generator, font: Path, model: ToneModel, ears: Ears, count: int
) -> dict[str, str]:
    """Two passages of one recording, 12 s each, all else equal: is the order right?"""
    out = {}
    for name, (less, more, of) in CHANGES.items():
        right = 0
        for n in range(count):
            seed = int(rng.integers(1 << 30))
            mood = dataclasses.replace(draw_mood(rng, 0.0, 0.0), drums=0.0)
            low = dataclasses.replace(mood, **less)  # type: ignore[arg-type]
            high = dataclasses.replace(mood, **more)  # type: ignore[arg-type]
            band, first = draw_band(rng), bool(n % 2)
            sound = two_passages(seed, band, (low, high) if first else (high, low), font)
            report = report_of(hear(Audio(sound, RATE_HZ), ears), None, model, windows=12.0)
            assert report.sound is not None
            values = getattr(report.sound, of)[:2]
            right += bool((values[1] > values[0]) == first)
        out[name] = f"{right}/{count}"
    return out


def two_passages(
    seed: int, band: Band, moods: tuple[Mood, Mood], font: Path
) -> npt.NDArray[np.float32]:
    sound = np.zeros(0, np.float32)
    rng = np.random.default_rng(seed)
    sound = play(compose(rng, band, [(12.0, mood) for mood in moods]), font, wet=False)
    return sound[: 24 * RATE_HZ]


def sights(rng: np.random.Generator, model: ToneModel, ears: Ears, count: int) -> dict[str, str]:
    """The same for pictures: faster cutting, more motion."""
    out = {}
    for name, less, more in (
        ("cutting", {"shot": 7.0}, {"shot": 1.5}),
        ("motion", {"speed": 0.08}, {"speed": 1.2}),
    ):
        right = 0
        for _ in range(count):
            sight: Sight = dataclasses.replace(draw_sight(rng, 0.0, 0.0), shot=5.0)
            seed = int(rng.integers(1 << 30))
            values = []
            for change in (less, more):
                again = np.random.default_rng(seed)
                frames, _ = draw_film(
                    again, [(16.0, dataclasses.replace(sight, **change))], HELD_OUT
                )
                report = report_of(None, seen_of(frames, ears.picture), model, windows=16.0)
                assert report.picture is not None
                values.append(report.picture.arousal_mean)
            right += values[1] > values[0]
        out[name] = f"{right}/{count}"
    return out


def volumes(rng: np.random.Generator, font: Path, model: ToneModel, ears: Ears) -> dict[str, float]:
    """By how much the mean moves, at most, when a file is turned up or down."""
    most = 0.0
    for _ in range(4):
        sound = two_passages(
            1, draw_band(rng), (draw_mood(rng, 0.5, 0.5), draw_mood(rng, -0.5, -0.5)), font
        )
        values = []
        for gain_db in (-24.0, 0.0, 6.0):
            loud = (sound * 10 ** (gain_db / 20)).astype(np.float32)
            found = report_of(hear(Audio(loud, RATE_HZ), ears), None, model).sound
            assert found is not None
            values.append((found.arousal_mean, found.valence_mean))
        most = max(most, float(np.ptp(np.array(values), axis=0).max()))
    return {"moved by -24 and +6 dB, at most": round(most, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path, help="what make_tone.py --split test wrote")
    parser.add_argument("--soundfont", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--count", type=int, default=10, help="passages of each kind")
    args = parser.parse_args()
    model, ears, rng = load_tone_model(args.model), Ears.load(), np.random.default_rng(0)
    films = [load_generated(path) for path in sorted(args.films.glob("test-*.npz"))]
    began = time.perf_counter()
    print(json.dumps({"films": len(films), **levels(films, model)}), flush=True)
    print(json.dumps(dataclasses.asdict(ranking(pair_scores(films, model), rng))), flush=True)
    if args.count:
        print(json.dumps(volumes(rng, args.soundfont, model, ears)), flush=True)
        print(json.dumps(sights(rng, model, ears, args.count)), flush=True)
        print(json.dumps(passages(rng, args.soundfont, model, ears, args.count)), flush=True)
    print(json.dumps({"seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
