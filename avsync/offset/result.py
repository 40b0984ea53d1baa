"""What is found out about a film's sound against its picture."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_S = 0.040
"""seconds: an offset this near to the true one counts as right; one frame at 25 a second"""
_UNHEARD_S = 0.0005  # smaller offsets are none when they are told in whole milliseconds


@dataclass(frozen=True, slots=True)
class MinuteOffset:
    """The offset over one stretch of a film, which shows whether sound and picture drift apart."""

    start_s: float
    end_s: float
    offset_s: float | None
    """positive: the sound is late; None where nothing tells"""
    confidence: float
    """probability that `offset_s` is within one frame, 0 to 1"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an offset was judged by."""

    kinds: tuple[str, ...]
    """of what was seen: "faces", "motion"; empty where there was nothing to go by"""
    seconds: float
    """of the film in which sound and picture could be compared"""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much a film's sound leads or lags its picture."""

    offset_s: float
    """positive: the sound is late (it comes after what is seen); moving it `offset_s` earlier
    sets it right"""
    confidence: float
    """calibrated probability that `offset_s` is within one frame (40 ms), 0 to 1"""
    accepted: bool
    """whether the confidence reaches what is asked for"""
    per_minute: tuple[MinuteOffset, ...]
    """the same for each minute of the film, in order"""
    evidence: Judgement

    @property
    def sentence(self) -> str:
        """The offset in words.

        >>> Offset(0.12, 0.99, True, (), Judgement(("faces",), 60.0)).sentence
        'the sound is 120 ms late'
        """
        if abs(self.offset_s) < _UNHEARD_S:
            return "the sound is in sync"
        late = "late" if self.offset_s > 0 else "early"
        return f"the sound is {abs(self.offset_s) * 1000:.0f} ms {late}"
