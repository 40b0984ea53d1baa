"""What is to be said of a report, in plain words. Irony is a choice: nothing is ever "wrong"."""

from __future__ import annotations

import math
from itertools import groupby

from avsync.timemap import Span
from avsync.tone.report import Agreement, SideTone
from avsync.tone.windows import clock

__all__ = ["sentences"]

_NOTABLE = 0.3  # of agreement, either way
_NEAR, _FAR = 0.35, 0.7  # on the circumplex: no words for what only moves apart or together
_STRONG = 0.15  # of valence or arousal, to be given a name


def sentences(
    windows: tuple[Span, ...],
    sound: SideTone | None,
    picture: SideTone | None,
    agreement: Agreement | None,
    missing: tuple[str, ...],
) -> tuple[str, ...]:
    """The whole first, then every stretch that stands out."""
    said = []
    if agreement is not None:
        said.append(_whole(agreement))
    for name, side in (("sound", sound), ("picture", picture)):
        if side is not None:
            said.append(
                f"the {name} is {mood(side.valence_mean, side.arousal_mean)} on the whole (arousal "
                f"{side.arousal_mean:+.2f} ± {1.96 * side.arousal_mean_error:.2f}, valence "
                f"{side.valence_mean:+.2f} ± {1.96 * side.valence_mean_error:.2f})"
            )
    said += missing
    if agreement is not None and sound is not None and picture is not None:
        said += _stretches(windows, sound, picture, agreement)
    return tuple(said)


def _whole(agreement: Agreement) -> str:
    value = agreement.overall
    if agreement.low > 0.1:
        verdict = "sound and picture agree"
    elif agreement.high < -0.1:
        verdict = "sound and picture disagree"
    else:
        verdict = "sound and picture neither clearly agree nor disagree"
    return f"{verdict} ({value:+.2f}; 95% interval {agreement.low:+.2f} to {agreement.high:+.2f})"


def _stretches(
    windows: tuple[Span, ...], sound: SideTone, picture: SideTone, agreement: Agreement
) -> list[str]:
    def kind(n: int) -> tuple[int, str, str]:
        value = agreement.windows[n]
        far = math.hypot(
            sound.arousal[n] - picture.arousal[n], sound.valence[n] - picture.valence[n]
        )
        agree, disagree = value > _NOTABLE and far < _FAR, value < -_NOTABLE and far > _NEAR
        way = 1 if agree else -1 if disagree else 0  # NaN is neither
        heard = mood(float(sound.valence[n]), float(sound.arousal[n]))
        return way, heard, mood(float(picture.valence[n]), float(picture.arousal[n]))

    out = []
    for (way, heard, seen), group in groupby(range(len(windows)), kind):
        numbers = list(group)
        if not way:
            continue
        share = sound.speech_share[numbers[0]] if sound.speech_share is not None else 0.0
        who = "voice" if share > 0.5 else "music"
        when = f"from {clock(windows[numbers[0]].start)} to {clock(windows[numbers[-1]].end)}"
        verb = "agree" if way > 0 else "disagree"
        out.append(f"{when} the {who} is {heard} over {_a(seen)} {seen} picture: they {verb}")
    return out


def _a(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def mood(valence: float, arousal: float) -> str:
    """A word for a place on the circumplex (Russell 1980)."""
    if math.isnan(valence) or math.isnan(arousal):
        return "silent"
    high, low = arousal > _STRONG, arousal < -_STRONG
    if valence > _STRONG:
        return "cheerful and lively" if high else "peaceful" if low else "pleasant"
    if valence < -_STRONG:
        return "agitated and dark" if high else "gloomy" if low else "dark"
    return "agitated" if high else "calm" if low else "neutral"
