"""Subtitles as people time them: habits, merged and split lines, missing ones, sounds, songs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avsync.subtitles import Cue
from avsync.timemap import Span


@dataclass(frozen=True)
class Recipe:
    """How one film sounds and how its subtitler works. Levels in dB relative to speech."""

    music_db: float
    music_share: float
    noise_db: float
    walla_db: float
    reverb: float
    scene_gap: float
    talk: float
    uncued: float
    lead_in: float
    lead_spread: float
    linger: float
    merge: float
    missing: float
    sounds: float
    sparse: str

    @staticmethod
    def draw(rng: np.random.Generator) -> Recipe:
        return Recipe(
            music_db=float(rng.uniform(-25, 7)),
            music_share=float(rng.choice([0.0, 1.0, rng.uniform(0.2, 0.9)], p=[0.1, 0.35, 0.55])),
            noise_db=float(rng.uniform(-50, -6)),
            walla_db=float(rng.uniform(-30, -6)),
            reverb=float(rng.choice([0.0, rng.uniform(0.1, 1.0)])),
            scene_gap=float(rng.uniform(3, 40)),
            talk=float(rng.uniform(0.4, 3.2)),
            uncued=float(rng.choice([0.0, rng.uniform(0, 0.15)])),
            lead_in=float(np.clip(rng.normal(0.06, 0.05), -0.05, 0.25)),
            lead_spread=float(rng.uniform(0.02, 0.12)),
            linger=float(rng.uniform(0.0, 0.9)),
            merge=float(rng.uniform(0.0, 0.5)),
            missing=float(rng.choice([0.0, rng.uniform(0, 0.2)])),
            sounds=float(rng.choice([0.0, rng.uniform(0.02, 0.2)])),
            sparse=str(rng.choice(["", "every", "scenes"], p=[0.78, 0.15, 0.07])),
        )


@dataclass(frozen=True)
class Utterance:
    span: Span
    speaker: int
    cued: bool


def line_groups(
    rng: np.random.Generator, recipe: Recipe, utterances: list[Utterance]
) -> list[Span]:
    """The stretches of speech that get one cue each: utterances kept, merged, split or missed."""
    groups: list[Span] = []
    may_merge = False
    for utterance in utterances:
        span = utterance.span
        if not utterance.cued or rng.random() < recipe.missing:
            may_merge = False
            continue
        joined = Span(groups[-1].start, max(groups[-1].end, span.end)) if groups else span
        close = may_merge and span.start - groups[-1].end < 0.8 and joined.duration < 6.5
        if close and (span.start < groups[-1].end or rng.random() < recipe.merge):
            groups[-1] = joined
            continue
        parts = max(1, round(span.duration / rng.uniform(3.0, 6.0))) if span.duration > 3.5 else 1
        inner = np.linspace(0, 1, parts + 1)[1:-1] + rng.normal(0, 0.06, parts - 1)
        edges = [span.start, *(span.start + np.sort(inner) * span.duration), span.end]
        groups += [Span(float(a), float(b)) for a, b in pairwise(edges) if b > a]
        may_merge = True
    return groups


def pseudo_text(rng: np.random.Generator, seconds: float) -> str:
    """Text of about as many characters as are spoken in ``seconds``."""
    characters = max(2, int(seconds * rng.normal(14, 2.5)))
    filler = "lorem ipsum dolor sit amet consectetur " * (characters // 39 + 1)
    return filler[:characters].strip() + "."


def human_cues(
    rng: np.random.Generator, recipe: Recipe, utterances: list[Utterance], music: list[Span]
) -> tuple[Cue, ...]:
    """Cues over ``utterances`` as a subtitler with the habits of ``recipe`` would time them."""
    groups = line_groups(rng, recipe, utterances)
    if recipe.sparse == "every":
        groups = groups[:: int(rng.integers(4, 11))]
    elif recipe.sparse == "scenes":
        keep = rng.random(len(groups) // 6 + 1) < 0.25
        groups = [g for n, g in enumerate(groups) if keep[n // 6]]
    frame = float(rng.choice([1 / 24, 1 / 25, 0.001]))
    shortest, gap = float(rng.uniform(0.5, 1.2)), float(rng.choice([0.0, 0.04, 0.083, 0.12]))
    cues: list[Cue] = []
    for n, group in enumerate(groups):
        start = group.start - recipe.lead_in + rng.normal(0, recipe.lead_spread)
        end = group.end + max(-0.1, recipe.linger * rng.uniform(0.2, 1.5) + rng.normal(0, 0.08))
        end = max(end, start + shortest)
        if n + 1 < len(groups):
            limit = groups[n + 1].start - recipe.lead_in - gap
            end = min(end, limit) if limit > start + 0.3 else start + 0.3
        if cues and start < cues[-1].end:
            start = cues[-1].end + 0.001
        start, end = round(max(0.0, start) / frame) * frame, round(end / frame) * frame
        if end > start:
            cues.append(Cue(start=start, end=end, text=pseudo_text(rng, group.duration)))
    return with_sounds(rng, recipe, cues, music)


def with_sounds(
    rng: np.random.Generator, recipe: Recipe, cues: list[Cue], music: list[Span]
) -> tuple[Cue, ...]:
    """``cues`` with "[door slams]" lines between them and ♪ lines where music plays."""
    extra: list[Cue] = []
    for before, after in pairwise(cues):
        room_for = after.start - before.end
        if room_for > 1.5 and rng.random() < 4 * recipe.sounds:
            start = before.end + float(rng.uniform(0.1, room_for - 1.3))
            end = min(after.start - 0.05, start + float(rng.uniform(0.8, 3.0)))
            playing = any(span.contains(start) for span in music)
            text = "♪ lorem ipsum ♪" if playing and rng.random() < 0.5 else "[door slams]"
            extra.append(Cue(start=start, end=end, text=text))
    return tuple(sorted(cues + extra, key=lambda cue: cue.start))


def srt_text(cues: tuple[Cue, ...]) -> str:
    """``cues`` as an SRT file."""

    def stamp(seconds: float) -> str:
        ms = round(seconds * 1000)
        return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

    return "\n".join(
        f"{n}\n{stamp(cue.start)} --> {stamp(cue.end)}\n{cue.text}\n"
        for n, cue in enumerate(cues, 1)
    )
