"""The interpretable measures: what each is called, where it comes from, which way it points.

A direction is +1 where theory says that more of a measure means more arousal (or valence), -1 where
less, 0 where theory says nothing: there the measure has no say. A model may weigh a measure as it
likes, but never against its direction, so what theory says holds by construction.

Sources: Juslin & Laukka (2003), Goudbeek & Scherer (2010), Eyben et al. (2016) for voices; Gomez &
Danuser (2007), Eerola, Friberg & Bresin (2013) for music; Valdez & Mehrabian (1994), Detenber,
Simons & Bennett (1998), Hanjalic & Xu (2005) for pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["FIRST_WEIGHTS", "MUSIC", "PICTURE", "SPEECH", "Measure", "names_of"]

FloatArray = npt.NDArray[np.float64]
Direction = Literal[-1, 0, 1]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number per moment, on a scale of its own."""

    name: str
    unit: str
    usual: float
    """what it is in neutral material"""
    spread: float
    """by how much it varies: the unit in which a model weighs it"""
    arousal: Direction
    valence: Direction
    high: str
    """what a person would call much of it"""
    low: str
    source: str

    def scaled(self, values: FloatArray) -> FloatArray:
        """How far from usual, in spreads, within ±3."""
        return np.clip((values - self.usual) / self.spread, -3.0, 3.0)


_R128 = "EBU R 128, ITU-R BS.1770"
_KEYS = "Krumhansl & Kessler 1982"

SPEECH = (
    Measure("loudness", "dB", 0.0, 4.0, 1, 0, "louder than the rest", "softer than the rest",
            _R128),
    Measure("dynamics", "dB", 18.0, 4.0, 1, 0, "changing loudness", "even loudness",
            "Goudbeek & Scherer 2010"),
    Measure("pitch", "semitones over the speaker's usual", 1.0, 4.0, 1, 0, "a raised pitch",
            "a low pitch", "Boersma 1993; Juslin & Laukka 2003"),
    Measure("pitch_range", "semitones", 3.2, 1.4, 1, 1, "a moving pitch", "a flat pitch",
            "Goudbeek & Scherer 2010"),
    Measure("effort", "dB", -15.0, 4.5, 1, 0, "a raised voice", "a relaxed voice",
            "alpha ratio, Eyben et al. 2016"),
    Measure("edge", "dB", -22.5, 5.5, 1, 0, "a sharp voice", "a soft voice",
            "Hammarberg et al. 1980, negated"),
    Measure("overtones", "dB", -8.5, 4.0, 1, 0, "strong overtones", "a breathy voice",
            "Goudbeek & Scherer 2010"),
    Measure("clearness", "dB", 11.5, 3.0, 0, 1, "a clear voice", "a hoarse voice",
            "harmonics to noise, Boersma 1993"),
    Measure("speech_rate", "syllables/s", 4.1, 1.2, 1, 0, "fast speech", "slow speech",
            "de Jong & Wempe 2009"),
    Measure("speech_flux", "nats", 0.5, 0.12, 1, 0, "lively speech", "monotonous speech",
            "Eyben et al. 2016"),
)  # fmt: skip
MUSIC = (
    Measure("loudness", "dB", 0.0, 4.0, 1, 0, "louder than the rest", "softer than the rest",
            _R128),
    Measure("dynamics", "dB", 5.0, 3.0, 1, 0, "changing loudness", "even loudness", _R128),
    Measure("onset_density", "onsets/s", 3.6, 1.4, 1, 0, "many notes", "few notes",
            "Bello et al. 2005; Gomez & Danuser 2007"),
    Measure("pace", "octaves over 1 Hz", 2.3, 0.15, 1, 0, "a brisk pace", "a slow pace",
            "fluctuation centroid, Pampalk et al. 2002"),
    Measure("flux", "nats", 0.45, 0.15, 1, 0, "hard attacks", "soft attacks", "Bello et al. 2005"),
    Measure("brightness", "octaves over 1 kHz", -0.4, 0.5, 1, 0, "a bright sound", "a dark sound",
            "spectral centroid; Eerola et al. 2013"),
    Measure("tempo", "octaves over 110 BPM", 0.0, 0.5, 1, 1, "a fast tempo", "a slow tempo",
            "Gomez & Danuser 2007"),
    Measure("pulse", "0 to 1", 0.6, 0.3, 1, 0, "a clear pulse", "no clear pulse",
            "Gomez & Danuser 2007"),
    Measure("mode", "-1 to 1", 0.0, 0.2, 0, 1, "major", "minor", _KEYS),
    Measure("harmony", "-1 to 1", 0.82, 0.1, 0, 1, "plain harmony", "blurred harmony", _KEYS),
    Measure("register", "octaves over middle C", 1.3, 0.4, 0, 1, "a high register",
            "a low register", "Eerola et al. 2013"),
)  # fmt: skip
PICTURE = (
    Measure("brightness", "0 to 1", 0.42, 0.18, -1, 1, "a bright picture", "a dark picture",
            "Valdez & Mehrabian 1994"),
    Measure("saturation", "0 to 1", 0.35, 0.18, 1, 1, "strong colours", "pale colours",
            "Valdez & Mehrabian 1994"),
    Measure("hue", "-1 to 1", 0.0, 0.5, 0, 1, "blue and green", "yellow and brown",
            "Valdez & Mehrabian 1994"),
    Measure("contrast", "0 to 1", 0.19, 0.08, 1, 0, "high contrast", "low contrast",
            "Detenber et al. 1998"),
    Measure("motion", "log pixels", -0.7, 0.5, 1, 0, "much motion", "little motion",
            "Detenber et al. 1998"),
    Measure("stir", "log grey levels", 1.5, 0.5, 1, 0, "a busy picture", "a quiet picture",
            "Hanjalic & Xu 2005"),
    Measure("shot_rate", "log2 changes/min", 2.8, 1.4, 1, 0, "fast cutting", "slow cutting",
            "Hanjalic & Xu 2005"),
    Measure("smiles", "0 to 1", 0.0, 0.3, 0, 1, "smiles", "no smiles",
            "mouth over eye distance, CenterFace"),
)  # fmt: skip
FIRST_WEIGHTS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "speech": (
        {"loudness": 0.05, "dynamics": 0.03, "pitch": 0.24, "pitch_range": 0.1, "effort": 0.16,
         "edge": 0.12, "overtones": 0.1, "speech_rate": 0.1, "speech_flux": 0.1},
        {"pitch_range": 0.06, "clearness": 0.06},
    ),
    "music": (
        {"loudness": 0.12, "dynamics": 0.03, "onset_density": 0.18, "pace": 0.1,
         "flux": 0.18, "brightness": 0.15, "tempo": 0.2, "pulse": 0.06},
        {"tempo": 0.1, "mode": 0.4, "harmony": 0.06, "register": 0.08},
    ),
    "picture": (
        {"brightness": 0.08, "saturation": 0.14, "contrast": 0.06, "motion": 0.25, "stir": 0.12,
         "shot_rate": 0.25},
        {"brightness": 0.35, "saturation": 0.12, "hue": 0.12, "smiles": 0.3},
    ),
}  # fmt: skip
"""Weights of arousal and valence before any training, in units of each measure's spread: sizes of
effect in the sources that the measures name."""


def names_of(measures: tuple[Measure, ...]) -> list[str]:
    """The names, in order."""
    return [measure.name for measure in measures]
