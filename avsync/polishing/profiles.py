"""What the delivery guidelines ask for, in one table.

`netflix` is the Timed Text Style Guide with its Subtitle Timing Guidelines (Netflix Partner Help
Center, as of 2024) and the reading speeds of its language guides, for programmes for adults. Those
guidelines count frames at 24 a second; the same numbers of frames hold here at every rate.

`bbc` is the Subtitle Guidelines of the BBC (version 1.2.3, 2024): 1.2 s for a short subtitle and
0.3 s a word (4.1), no gap below a second (4.5, 25 frames), subtitles that start on a shot's first
frame and end on its last (6.1), none removed too soon after a cut (6.2, which names no number: half
a second here), 37 characters, two lines (3.1, 3.3). They set no longest time.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["PROFILES", "Profile", "ProfileName", "Reading", "language_of_text", "text_width"]

ProfileName = Literal["netflix", "bbc"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How much text a viewer can take in."""

    characters_per_second: float = math.inf
    line_characters: int = 42
    words_per_second: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One guideline's numbers."""

    name: ProfileName
    shortest_s: float
    longest_s: float
    gap_frames: int
    """no two subtitles follow each other any closer"""
    closed_frames: int
    """a gap below this, but above `gap_frames`, is closed to `gap_frames`"""
    near_frames: int
    """an edge as near as this to a cut moves to where the cut wants it"""
    before_in_frames: int
    """an in-time is on the cut, or so long before it"""
    before_out_frames: int
    """an out-time is so long before the cut, ..."""
    after_out_frames: int
    """... or so long after it"""
    lines: int
    reading: Reading
    """of a language that is not listed"""
    languages: Mapping[str, Reading] = field(default_factory=lambda: MappingProxyType({}))

    def reading_of(self, language: str | None) -> Reading:
        """The reading speed for a language, by its code: "en", "pt-BR", "jpn"."""
        code = (language or "").lower().replace("_", "-").split("-")[0]
        return self.languages.get(_CODES.get(code, code), self.reading)


_FAST = Reading(20.0)
_HAN, _KANA, _HANGUL = Reading(9.0, 16), Reading(4.0, 16), Reading(12.0, 16)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "netflix": Profile(
            name="netflix",
            shortest_s=5 / 6,
            longest_s=7.0,
            gap_frames=2,
            closed_frames=12,
            near_frames=12,
            before_in_frames=12,
            before_out_frames=2,
            after_out_frames=12,
            lines=2,
            reading=Reading(17.0),
            languages=MappingProxyType(
                {"en": _FAST, "ar": _FAST, "hi": Reading(22.0), "th": Reading(17.0, 35)}
                | {"zh": _HAN, "ja": _KANA, "ko": _HANGUL}
            ),
        ),
        "bbc": Profile(
            name="bbc",
            shortest_s=1.2,
            longest_s=math.inf,
            gap_frames=0,
            closed_frames=25,
            near_frames=12,
            before_in_frames=12,
            before_out_frames=0,
            after_out_frames=12,
            lines=2,
            reading=Reading(line_characters=37, words_per_second=1 / 0.3),
            languages=MappingProxyType({"zh": _HAN, "ja": _KANA, "ko": _HANGUL}),
        ),
    }
)

# Three-letter codes of ISO 639-2, as file names and containers have them.
_CODES = {
    "eng": "en",
    "ara": "ar",
    "hin": "hi",
    "tha": "th",
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
    "yue": "zh",
    "jpn": "ja",
    "kor": "ko",
}
_SCRIPTS = (("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh"))


def language_of_text(text: str) -> str | None:
    """The language that a text's script gives away: "ja", "ko" or "zh"; None for any other."""
    names = [unicodedata.name(c, "") for c in text if ord(c) > 0x2E7F]
    for script, language in _SCRIPTS:
        if any(name.startswith(script) for name in names):
            return language
    return None


def text_width(text: str, language: str | None) -> float:
    """How many characters a text counts: in CJK, those of half width count half."""
    if language not in ("zh", "ja", "ko"):
        return float(len(text))
    return sum(1.0 if unicodedata.east_asian_width(c) in "WFA" else 0.5 for c in text)
