"""ToneModel: valence and arousal of sound and of picture, and how well they agree.

Each side is a sum of its measures, each with a weight that theory gives the sign of
(`measures`), squashed into [-1, 1]; the encoders' tokens may add no more than `MOST_ADDED` to that
sum. So whatever was learnt, more of what excites is more arousal, and why a number came out can be
told measure by measure. Each value has a standard error, learnt as in Kendall & Gal (2017).

Agreement begins with what is plain: how much likelier both trajectories are if they follow one
mood, given their errors (`evidence`). The aligner adds to it: each side's tokens attend to the
other's (multi-head cross-attention), and a head reads off the contextual tokens whether this sound
belongs to this picture; what it may say is bounded. The logit of "matched rather than mismatched",
squashed into [-1, 1], is the agreement: below 0 strangers are likelier.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.aligner.attention import ContextAttention
from avsync.encoders.checkpoint import PACKAGED, load_weights, save_weights
from avsync.tone.evidence import REACH, Bond, Trajectory
from avsync.tone.hearing import SOUND_TOKENS, Heard
from avsync.tone.measures import FIRST_WEIGHTS, MUSIC, PICTURE, SPEECH, Measure
from avsync.tone.seeing import PICTURE_TOKENS, Seen
from avsync.tone.windows import pooled_error

__all__ = ["Estimate", "Judgement", "SideModel", "ToneModel", "load_tone_model", "save_tone_model"]

MOST_ADDED = 0.15
"""The most that tokens may add to a sum of measures, before it is squashed."""
MOST_ATTENDED = 0.5
"""The most nats that cross-attention may add to or take from an agreement's logit."""
PLAIN_SPEECH = -0.2
"""Arousal of speech with usual measures, before it is squashed: raters find neutral speech calm."""
NATS = 4.0
"""Nats that make an agreement of tanh 1: odds of 55 to 1."""
LEAST_ERROR, MOST_ERROR = 0.05, 0.8
MEMORY = REACH
"""Moments to either side that attention reaches."""
DISPLACED = 32
"""How often it is tried what agreement would be, had levels been wrong by their errors."""
_DIM = 24
_CHUNK = 120  # moments that are judged at once

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Valence and arousal of one side, moment by moment."""

    valence: FloatArray
    """float64 [moments], -1 to 1"""
    arousal: FloatArray
    """float64 [moments], -1 to 1"""
    valence_error: FloatArray
    """float64 [moments]: standard error"""
    arousal_error: FloatArray
    """float64 [moments]"""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How well two sides agree, moment by moment, and where each looked."""

    agreement: FloatArray
    """float64 [moments], -1 to 1"""
    logits: FloatArray
    """float64 [moments]: the same in nats, before it is squashed"""
    displaced: FloatArray
    """float64 [DISPLACED, moments]: logits, had the levels been wrong by their standard errors"""
    sound_to_picture: FloatArray
    """float64 [moments, 2 · MEMORY + 1]: how the sound of moment `i` attended to the picture of
    moment `i + j − MEMORY`, mean over heads; rows sum to 1"""
    picture_to_sound: FloatArray
    """float64 [moments, 2 · MEMORY + 1]: the other way round"""


class SideModel(nn.Module):
    """Scaled measures and tokens → arousal and valence with their errors."""

    directions: Tensor
    first: Tensor
    plain: Tensor

    def __init__(self, measures: tuple[Measure, ...], tokens: int, kind: str) -> None:
        super().__init__()
        ways = [[m.arousal for m in measures], [m.valence for m in measures]]
        self.register_buffer("directions", torch.tensor(ways, dtype=torch.float32), False)
        sizes = [[way.get(m.name, 0.02) for m in measures] for way in FIRST_WEIGHTS[kind]]
        self.register_buffer("first", torch.tensor(sizes), False)
        self.raw = nn.Parameter(torch.log(torch.expm1(torch.tensor(sizes))))
        self.register_buffer(
            "plain", torch.tensor([PLAIN_SPEECH if kind == "speech" else 0.0, 0]), False
        )
        self.bias = nn.Parameter(self.plain.clone())
        adds, spreads = nn.Linear(16, 2), nn.Linear(12, 2)
        self.added = nn.Sequential(nn.LayerNorm(tokens), nn.Linear(tokens, 16), nn.Tanh(), adds)
        self.spread = nn.Sequential(nn.Linear(len(measures), 12), nn.Tanh(), spreads)
        nn.init.zeros_(adds.weight)
        nn.init.zeros_(adds.bias)
        nn.init.constant_(spreads.bias, -1.2)

    @property
    def weights(self) -> Tensor:
        """[2, measures]: by how much one spread of each measure moves arousal, and valence."""
        return nn.functional.softplus(self.raw) * self.directions

    def forward(self, scaled: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[..., measures], [..., tokens] → (arousal, valence) [..., 2] and errors [..., 2]."""
        total = scaled @ self.weights.T + self.bias + MOST_ADDED * torch.tanh(self.added(tokens))
        error = LEAST_ERROR + (MOST_ERROR - LEAST_ERROR) * torch.sigmoid(self.spread(scaled))
        return torch.tanh(total), error


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """One side's numbers as tensors, a row a moment."""

    scaled: tuple[Tensor, ...]
    tokens: Tensor
    share: Tensor
    """of speech; zeros for a picture"""

    def part(self, moments: slice | npt.NDArray[np.int64]) -> Inputs:
        """The same for some of the moments."""
        scaled = tuple(values[moments] for values in self.scaled)
        return Inputs(scaled, self.tokens[moments], self.share[moments])


class ToneModel(nn.Module):
    """Speech, music and picture, and the attention between sound and picture."""

    def __init__(self) -> None:
        super().__init__()
        self.speech = SideModel(SPEECH, SOUND_TOKENS, "speech")
        self.music = SideModel(MUSIC, SOUND_TOKENS, "music")
        self.picture = SideModel(PICTURE, PICTURE_TOKENS, "picture")
        self.sound_in = nn.Linear(SOUND_TOKENS + len(SPEECH) + len(MUSIC) + 2, _DIM)
        self.picture_in = nn.Linear(PICTURE_TOKENS + len(PICTURE) + 2, _DIM)
        self.sound_asks = ContextAttention(_DIM, _DIM, heads=4, head_dim=6, reach=MEMORY)
        self.picture_asks = ContextAttention(_DIM, _DIM, heads=4, head_dim=6, reach=MEMORY)
        last = nn.Linear(24, 1)
        self.read = nn.Sequential(nn.Linear(5 * _DIM, 24), nn.ReLU(), last)
        nn.init.zeros_(last.weight)
        self.bond = Bond()
        self.version = "untrained"

    def sound(self, given: Inputs) -> tuple[Tensor, Tensor]:
        """(arousal, valence) of sound and their errors: speech and music, each by its share."""
        spoken, spoken_error = self.speech(given.scaled[0], given.tokens)
        played, played_error = self.music(given.scaled[1], given.tokens)
        share = given.share[..., None]
        value = share * spoken + (1 - share) * played
        inside = share * spoken_error**2 + (1 - share) * played_error**2
        return value, (inside + share * (1 - share) * (spoken - played) ** 2).sqrt()

    def seen(self, given: Inputs) -> tuple[Tensor, Tensor]:
        """(arousal, valence) of the picture and their errors."""
        value: tuple[Tensor, Tensor] = self.picture(given.scaled[0], given.tokens)
        return value

    def agree(
        self,
        sound: Inputs,
        picture: Inputs,
        heard: Trajectory,
        seen: Trajectory,
        present: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [..., moments] of sound and picture being made for each other, and attention.

        `heard` and `seen` are what was made of `sound` and `picture`; `present` is where both are
        there, bool [..., moments].
        """
        share = sound.share[..., None]
        spoken, played = sound.scaled[0] * share, sound.scaled[1] * (1 - share)
        s = torch.tanh(self.sound_in(torch.cat([sound.tokens, spoken, played, heard.values], -1)))
        given = [picture.tokens, picture.scaled[0], seen.values]
        p = torch.tanh(self.picture_in(torch.cat(given, -1)))
        from_picture, looked = self.sound_asks(s, p, present)
        from_sound, listened = self.picture_asks(p, s, present)
        joined = [s, p, from_picture, from_sound, from_picture * from_sound]
        attended = MOST_ATTENDED * torch.tanh(self.read(torch.cat(joined, -1))[..., 0])
        return self.bond(heard, seen, present) + attended, looked, listened

    @torch.inference_mode()
    def judge_sound(self, heard: Heard) -> Estimate:
        """Valence and arousal of what is heard."""
        return _estimate(*self.sound(sound_inputs(heard)))

    @torch.inference_mode()
    def judge_picture(self, seen: Seen) -> Estimate:
        """Valence and arousal of what is seen."""
        return _estimate(*self.seen(picture_inputs(seen)))

    @torch.inference_mode()
    def judge(self, heard: Heard, seen: Seen) -> Judgement:
        """How well both agree, over the moments that both have, in the memory of a minute."""
        count = min(len(heard.audible), len(seen.visible))
        sound, picture = sound_inputs(heard, count), picture_inputs(seen, count)
        present = torch.from_numpy(heard.audible[:count] & seen.visible[:count])
        heard_ = Trajectory.of(*self.sound(sound), present)
        seen_ = Trajectory.of(*self.seen(picture), present)
        offsets = _offsets((heard_, seen_), present)
        logits, displaced = np.zeros(count), np.zeros((DISPLACED, count))
        bands = np.zeros((2, count, 2 * MEMORY + 1))
        for first in range(0, count, _CHUNK):
            left, right = max(0, first - 2 * MEMORY), min(count, first + _CHUNK + 2 * MEMORY)
            last = min(count, first + _CHUNK)
            part, own = slice(left, right), slice(first - left, last - left)
            s, p, there = heard_.part(part), seen_.part(part), present[part]
            found, *looks = self.agree(sound.part(part), picture.part(part), s, p, there)
            logits[first:last] = found[own].double().numpy()
            # An error of level that a film has throughout: the sound's, less the picture's.
            moved = Trajectory(s.values + offsets, s.errors, s.centre + offsets)
            changed = self.bond(moved, p, there) - self.bond(s, p, there)
            displaced[:, first:last] = (found + changed)[:, own].double().numpy()
            for band, look in zip(bands, looks, strict=True):
                band[first:last] = _band(look.mean(0).double().numpy())[own]
        return Judgement(np.tanh(logits / NATS), logits, displaced, bands[0], bands[1])


def _offsets(sides: tuple[Trajectory, Trajectory], present: Tensor) -> Tensor:
    """Errors of the sound's level against the picture's, drawn from one seed: [DISPLACED, 1, 2]."""
    weights = present.double().numpy()
    errors = [
        np.nan_to_num([pooled_error(side.errors[:, n].double().numpy(), weights) for n in range(2)])
        for side in sides
    ]
    drawn = np.random.default_rng(0).normal(size=(DISPLACED, 1, 2)) * np.hypot(*errors)
    return torch.from_numpy(drawn).float()


def _band(weights: FloatArray) -> FloatArray:
    """The diagonals within MEMORY: [n, n] → [n, 2 · MEMORY + 1]."""
    padded = np.pad(weights, ((0, 0), (MEMORY, MEMORY)))
    return np.array([padded[n, n : n + 2 * MEMORY + 1] for n in range(len(weights))])


def scaled_measures(values: FloatArray, measures: tuple[Measure, ...]) -> Tensor:
    """[moments, measures] in spreads from usual, as models weigh them."""
    columns = [measure.scaled(values[:, n]) for n, measure in enumerate(measures)]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def speech_weight(share: FloatArray) -> FloatArray:
    """How much of the judgement is the voice's, from the speech head's mean probability.

    Of clean speech, with its short pauses, that is 0.8 to 1, of music 0.6 at most.
    """
    weight: FloatArray = 1 / (1 + np.exp(-16 * (share - 0.68)))
    return weight


def sound_inputs(heard: Heard, count: int | None = None) -> Inputs:
    """What models read of a sound."""
    return Inputs(
        (
            scaled_measures(heard.speech[:count], SPEECH),
            scaled_measures(heard.music[:count], MUSIC),
        ),
        torch.from_numpy(heard.tokens[:count]).float(),
        torch.from_numpy(speech_weight(heard.speech_share[:count])).float(),
    )


def picture_inputs(seen: Seen, count: int | None = None) -> Inputs:
    """What models read of a picture."""
    tokens = torch.from_numpy(seen.tokens[:count]).float()
    return Inputs((scaled_measures(seen.picture[:count], PICTURE),), tokens, tokens[:, 0] * 0)


def _estimate(value: Tensor, error: Tensor) -> Estimate:
    arousal, valence = value.double().numpy().T
    arousal_error, valence_error = error.double().numpy().T
    return Estimate(valence, arousal, valence_error, arousal_error)


def save_tone_model(model: ToneModel, path: Path) -> None:
    """Write the weights of `model` as safetensors."""
    save_weights(model, path)


def load_tone_model(path: Path | None = None) -> ToneModel:
    """The model in the package, or one that `scripts/train_tone.py` wrote to `path`.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    model = ToneModel()
    model.version = load_weights(
        model, path or PACKAGED / "tone.safetensors", trainer="train_tone.py"
    )
    return model.eval()
