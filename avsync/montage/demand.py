"""What a slot asks of its footage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What a slot asks of its footage, in frames of the timeline."""

    frames: int
    dissolve: int = 0
    """of the dissolve from the slot before, centred on the cut"""
    next_dissolve: int = 0

    @property
    def lead(self) -> int:
        """Needed before the cut."""
        return self.dissolve // 2

    @property
    def need(self) -> int:
        """Needed in all."""
        return self.lead + self.frames + self.next_dissolve - self.next_dissolve // 2
