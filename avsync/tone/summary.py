"""From moments to a report: windows, intervals, contributions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from avsync.timemap import Span
from avsync.tone.hearing import Heard
from avsync.tone.measures import MUSIC, PICTURE, SPEECH, Measure
from avsync.tone.model import MEMORY, NATS, Estimate, Judgement, SideModel, ToneModel, speech_weight
from avsync.tone.report import Agreement, Contribution, Explanation, SideTone, ToneReport
from avsync.tone.seeing import Seen
from avsync.tone.sentences import sentences
from avsync.tone.windows import pooled, pooled_error, weights_of

__all__ = ["summarise"]

_DRAWS = 400
_BLOCK = 6  # moments that are drawn together: neighbours are alike
_LEAST = 0.02  # of a contribution that is worth a word

FloatArray = npt.NDArray[np.float64]


def summarise(
    heard: Heard | None,
    seen: Seen | None,
    model: ToneModel,
    path: str,
    duration: float,
    named: Mapping[str, Span],
    missing: tuple[str, ...],
) -> ToneReport:
    """The report over windows by name."""
    windows = tuple(named.values())
    sound = picture = agreement = judgement = None
    if heard is not None:
        estimate = model.judge_sound(heard)
        values: dict[str, tuple[tuple[Measure, ...], FloatArray]] = {
            "speech": (SPEECH, heard.speech),
            "music": (MUSIC, heard.music),
        }
        weight = speech_weight(heard.speech_share)
        sound = _side(estimate, heard.audible, windows, duration, values, weight)
    if seen is not None:
        estimate = model.judge_picture(seen)
        values = {"": (PICTURE, seen.picture)}
        picture = _side(estimate, seen.visible, windows, duration, values, None)
    if heard is not None and seen is not None:
        judgement = model.judge(heard, seen)
        count = len(judgement.agreement)
        both = heard.audible[:count] & seen.visible[:count]
        agreement = _agreement(judgement, both, windows)
    explanations = tuple(_explain(span, heard, seen, model, judgement) for span in windows)
    names = tuple(named)
    said = sentences(windows, sound, picture, agreement, missing)
    return ToneReport(
        path, duration, windows, names, sound, picture, agreement, missing, said, explanations
    )


def _side(
    found: Estimate,
    there: npt.NDArray[np.bool_],
    windows: tuple[Span, ...],
    duration: float,
    measures: Mapping[str, tuple[tuple[Measure, ...], FloatArray]],
    speech: FloatArray | None,
) -> SideTone:
    weights = [weights_of(span, there) for span in windows]
    whole = weights_of(Span(0.0, duration), there)

    def over(values: FloatArray) -> FloatArray:
        return np.array([pooled(values, weight) for weight in weights])

    def errors(values: FloatArray) -> FloatArray:
        return np.array([pooled_error(values, weight) for weight in weights])

    return SideTone(
        valence=over(found.valence),
        arousal=over(found.arousal),
        valence_error=errors(found.valence_error),
        arousal_error=errors(found.arousal_error),
        valence_mean=pooled(found.valence, whole),
        arousal_mean=pooled(found.arousal, whole),
        valence_mean_error=pooled_error(found.valence_error, whole),
        arousal_mean_error=pooled_error(found.arousal_error, whole),
        measures={
            f"{kind}.{measure.name}" if kind else measure.name: over(values[:, n])
            for kind, (table, values) in measures.items()
            for n, measure in enumerate(table)
        },
        speech_share=None if speech is None else over(speech),
    )


def _agreement(
    found: Judgement, both: npt.NDArray[np.bool_], windows: tuple[Span, ...]
) -> Agreement | None:
    if not both.any():
        return None
    nats = np.array([pooled(found.logits, weights_of(span, both)) for span in windows])
    overall = float(np.tanh(found.logits[both].mean() / NATS))
    low, high = _interval(found, both)
    return Agreement(np.tanh(nats / NATS), overall, min(low, overall), max(high, overall))


def _interval(found: Judgement, both: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """95% of what the whole might have been: other stretches of film, other errors of level.

    A block bootstrap over time (Künsch 1989), each draw with levels displaced by their standard
    errors, which all moments share.
    """
    rng = np.random.default_rng(0)
    places = np.flatnonzero(both)
    blocks = max(1, -(-len(places) // _BLOCK))
    displaced = found.displaced[:, places]
    draws = np.zeros(_DRAWS)
    for n in range(_DRAWS):
        first = rng.integers(0, max(1, len(places) - _BLOCK + 1), size=blocks)
        at = np.minimum(first[:, None] + np.arange(_BLOCK), len(places) - 1).ravel()
        draws[n] = np.tanh(displaced[n % len(displaced), at].mean() / NATS)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _explain(
    window: Span,
    heard: Heard | None,
    seen: Seen | None,
    model: ToneModel,
    judgement: Judgement | None,
) -> Explanation:
    parts: list[Contribution] = []
    if heard is not None:
        weights = weights_of(window, heard.audible)
        share = speech_weight(heard.speech_share)
        parts += _contributions(
            "sound", "voice", SPEECH, heard.speech, model.speech, weights, share
        )
        parts += _contributions(
            "sound", "music", MUSIC, heard.music, model.music, weights, 1 - share
        )
    if seen is not None:
        weights = weights_of(window, seen.visible)
        parts += _contributions(
            "picture",
            "picture",
            PICTURE,
            seen.picture,
            model.picture,
            weights,
            np.ones(len(weights)),
        )
    parts.sort(key=lambda part: -abs(part.by))
    empty = np.zeros(0)
    if judgement is None:
        return Explanation(window, tuple(parts), empty, empty, empty)
    count = len(judgement.agreement)
    weights = weights_of(window, np.ones(count, bool))
    looked = _looked(judgement.sound_to_picture, weights)
    listened = _looked(judgement.picture_to_sound, weights)
    kept = np.flatnonzero((looked > 0) | (listened > 0))
    return Explanation(
        window, tuple(parts), kept.astype(np.float64) + 0.5, looked[kept], listened[kept]
    )


def _looked(band: FloatArray, weights: FloatArray) -> FloatArray:
    """How much a window's moments attended to each moment: [moments]."""
    out = np.zeros(len(band) + 2 * MEMORY)
    for n in np.flatnonzero(weights):
        out[n : n + 2 * MEMORY + 1] += weights[n] * band[n]
    total = max(float(out.sum()), 1e-12)
    share: FloatArray = out[MEMORY : MEMORY + len(band)] / total
    return share


@torch.inference_mode()
def _contributions(
    side: str,
    kind: str,
    measures: tuple[Measure, ...],
    values: FloatArray,
    model: SideModel,
    weights: FloatArray,
    share: FloatArray,
) -> list[Contribution]:
    sizes = model.weights.double().numpy()
    out = []
    for n, measure in enumerate(measures):
        scaled = pooled(measure.scaled(values[:, n]) * share, weights)
        value = pooled(values[:, n], weights)
        for row, of in enumerate(("arousal", "valence")):
            by = float(sizes[row, n]) * scaled
            if abs(by) >= _LEAST:  # NaN is not
                words = measure.high if scaled > 0 else measure.low
                name = f"{kind}.{measure.name}"
                out.append(Contribution(side, name, of, value, measure.unit, by, words))
    return out
