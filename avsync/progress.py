"""How long work tells its caller how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback for long work: the stage by name, and the fraction of it that is done.

    A callback rather than a bar, because a library must not print: the command line draws its bar
    from this, and a notebook or a batch does as it likes.
    """

    def __call__(self, stage: str, fraction: float, /) -> None:
        """Take the news: `stage` is a word such as "reading", `fraction` lies in [0, 1]."""
