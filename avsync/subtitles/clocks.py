"""How each format spells a time. Every clock rounds once, when it writes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from avsync.timemap import FRAME_RATES

__all__ = ["ASS", "SUBRIP", "WEBVTT", "DigitalClock", "FrameClock", "TtmlClock", "frame_rate"]

_HOUR_S = 3600
_SCALES = {2: 100, 3: 1000}


def frame_rate(value: float | Fraction | str) -> Fraction:
    """A frame rate as it is written ("23.976", 29.97), made exact; ValueError if it is none.

    "23.98" and "29.97" mean the standard rates nearby: nobody films at 29.97 sharp.
    """
    try:
        rate = Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ValueError(f"{value!r} is no frame rate; give one such as 23.976 or 25") from None
    if not 1 <= rate <= 1000:
        raise ValueError(f"the frame rate {value!r} is not between 1 and 1000")
    nearest = min(FRAME_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= nearest / 4000 else rate


def _whole(value: float, *, what: str = "time") -> int:
    if not math.isfinite(value):
        raise ValueError(f"has the {what} {value}, which no file can hold; give a finite one")
    rounded = round(value)
    if rounded < 0:
        raise ValueError(f"has a {what} before 0, which cannot be written; move it to 0")
    return rounded


def _check_hours(hours: int) -> None:
    if hours >= 10**6:
        raise ValueError(f"lies {hours} hours in, which is too far to write; move it closer")


@dataclass(frozen=True, slots=True)
class DigitalClock:
    """Hours, minutes, seconds and a fraction: SubRip, WebVTT and (Advanced) SubStation Alpha."""

    example: str
    separators: str  # what may stand before the fraction; the first is the right one
    digits: int  # of the fraction
    hours_optional: bool = False
    least_digits: int = 1  # of hours, minutes and seconds

    def read(self, stamp: str) -> float:
        match = _DIGITAL.fullmatch(stamp)
        if match is None:
            raise ValueError(f"{stamp[:40]!r} is not a time such as {self.example!r}")
        sign, hours, minutes, seconds, separator, fraction = match.groups()
        if (
            separator not in self.separators
            or len(fraction) != self.digits
            or min(len(minutes), len(seconds), len(hours or "00")) < self.least_digits
            or (hours is None and not self.hours_optional)
        ):
            raise ValueError(f"{stamp[:40]!r} is not a time such as {self.example!r}")
        minute, second = int(minutes), int(seconds)
        if minute >= 60 or second >= 60:
            raise ValueError(f"{stamp[:40]!r} has more than 59 minutes or seconds")
        whole = int(hours or 0) * _HOUR_S + minute * 60 + second
        scale = _SCALES[self.digits]
        units = whole * scale + int(fraction)
        return (-units if sign else units) / scale

    def write(self, seconds: float, like: str) -> str:
        scale = _SCALES[self.digits]
        whole, fraction = divmod(_whole(seconds * scale), scale)
        hours, rest = divmod(whole, _HOUR_S)
        _check_hours(hours)
        before = like.lstrip("-").split(":")
        width = min(len(before[0]), 2) if len(before) == 3 else 0
        shown = f"{hours:0{width or 2}d}:" if width or hours else ""
        separator = next((c for c in self.separators if c in like), self.separators[0])
        return f"{shown}{rest // 60:02d}:{rest % 60:02d}{separator}{fraction:0{self.digits}d}"


# Bounded, so that no stamp is too large for a float to hold to the millisecond.
_DIGITAL = re.compile(r"(-?)(?:([0-9]{1,6}):)?([0-9]{1,2}):([0-9]{1,2})([,.])([0-9]{1,3})")

SUBRIP = DigitalClock("01:02:03,456", separators=",.", digits=3)
WEBVTT = DigitalClock("01:02:03.456", separators=".", digits=3, hours_optional=True, least_digits=2)
ASS = DigitalClock("1:02:03.45", separators=".", digits=2)


@dataclass(frozen=True, slots=True)
class FrameClock:
    """Whole frames at a given rate: MicroDVD."""

    fps: Fraction

    def read(self, stamp: str) -> float:
        if not re.fullmatch(r"-?[0-9]{1,9}", stamp):
            raise ValueError(f"{stamp[:40]!r} is not a frame number")
        return float(int(stamp) / self.fps)

    def write(self, seconds: float, like: str) -> str:
        frame = _whole(seconds * float(self.fps))
        _check_hours(frame // round(self.fps * _HOUR_S) + (frame >= 10**9) * 10**6)
        return str(frame)


@dataclass(frozen=True, slots=True)
class TtmlClock:
    """Time expressions of TTML (W3C TTML1, section 10.3.1): clock times, frames, ticks, offsets.

    With the time base "smpte" a clock time counts frames, at their nominal number per second;
    otherwise it counts seconds, and frames only within a second.
    """

    nominal: int = 30  # ttp:frameRate
    multiplier: Fraction = Fraction(1)  # ttp:frameRateMultiplier
    tick_rate: Fraction = Fraction(1)
    smpte: bool = False

    @property
    def fps(self) -> Fraction:
        return self.nominal * self.multiplier

    def read(self, stamp: str) -> float:
        offset = _OFFSET_TIME.fullmatch(stamp)
        if offset is not None:
            return float(Fraction(offset[1]) * self._unit(offset[2]))
        clock = _CLOCK_TIME.fullmatch(stamp)
        if clock is None:
            raise ValueError(f"{stamp[:40]!r} is not a time such as '00:01:02.345' or '1.5s'")
        hours, minutes, seconds, fraction, frames = clock.groups()
        whole = int(hours or 0) * _HOUR_S + int(minutes or 0) * 60 + int(seconds)
        if int(minutes or 0) >= 60 or int(seconds) >= 60 + (minutes is None) * 10**6:
            raise ValueError(f"{stamp[:40]!r} has more than 59 minutes or seconds")
        if int(frames or 0) >= self.nominal:
            raise ValueError(f"{stamp[:40]!r} has a frame of {self.nominal} or more in a second")
        if self.smpte:
            return float((whole * self.nominal + int(frames or 0)) / self.fps)
        return float(whole + Fraction(fraction or 0) + int(frames or 0) / self.fps)

    def write(self, seconds: float, like: str) -> str:
        offset = _OFFSET_TIME.fullmatch(like)
        if offset is not None:
            return self._offset_time(seconds, offset[1], offset[2])
        clock = _CLOCK_TIME.fullmatch(like)
        fraction, frames = (clock[4], clock[5]) if clock is not None else (None, None)
        if frames is None and not self.smpte:
            digits = min(max(3, len(fraction or "") - 1), 6)
            whole, rest = divmod(_whole(seconds * 10**digits), 10**digits)
            return f"{_hms(whole)}.{rest:0{digits}d}"
        if self.smpte:
            whole, rest = divmod(_whole(seconds * float(self.fps)), self.nominal)
        else:
            whole = math.floor(seconds)
            rest = _whole((seconds - whole) * float(self.fps))
            whole, rest = _whole(whole + rest // self.nominal), rest % self.nominal
        return f"{_hms(whole)}:{rest:02d}"

    def _offset_time(self, seconds: float, count: str, metric: str) -> str:
        units = seconds / float(self._unit(metric))
        if metric in ("f", "t"):
            return f"{_whole(units)}{metric}"
        # Never coarser than a millisecond, whatever the unit.
        needed = {"h": 7, "m": 5, "s": 3, "ms": 0}[metric]
        digits = min(max(needed, len(count.partition(".")[2])), 9)
        whole, rest = divmod(_whole(units * 10**digits), 10**digits)
        return f"{whole}.{rest:0{digits}d}{metric}" if digits else f"{whole}{metric}"

    def _unit(self, metric: str) -> Fraction:
        units = {"h": Fraction(_HOUR_S), "m": Fraction(60), "s": Fraction(1)}
        units |= {"ms": Fraction(1, 1000), "f": 1 / self.fps, "t": 1 / self.tick_rate}
        return units[metric]


def _hms(seconds: int) -> str:
    _check_hours(seconds // _HOUR_S)
    return f"{seconds // _HOUR_S:02d}:{seconds % _HOUR_S // 60:02d}:{seconds % 60:02d}"


_OFFSET_TIME = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(h|ms|m|s|f|t)")
_CLOCK_TIME = re.compile(
    r"(?:(?:([0-9]{1,6}):)?([0-9]{1,2}):)?([0-9]{1,6})(?:(\.[0-9]{1,15})|(?<=:[0-9]{2}):([0-9]{2,3}))?"
)
