"""PictureModel: what hears a song and sees a clip, and says how well one fits the other.

**Sign.** As in `attention`: the song is the query, the picture the key, and a positive lag says
that things happen later on the picture's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tokens import TokenSequence

FloatArray = npt.NDArray[np.float32]


class PictureModel(nn.Module):
    """Visual and audio encoders, and the attention between their tokens, all at 25 Hz."""

    version: str

    def song_tokens(
        self,
        song: Path | npt.NDArray[np.float16],
        *,
        audio_track: int | None = None,
        progress: Progress | None = None,
    ) -> TokenSequence:
        """The tokens at 25 Hz of a file's sound, or of its log-mel as `LogMel` makes it."""
        raise NotImplementedError


def match_logits(
    model: PictureModel, song: TokenSequence, slots: Sequence[Span], clip: TokenSequence
) -> FloatArray:
    """How well each slot of a song fits each moment of a clip: float32 [slots, clip tokens].

    Entry `[i, j]` is for slot `i` whose first instant shows clip token `j`; where the clip ends
    before the slot does it is −inf.
    """
    raise NotImplementedError


def load_picture_model(path: Path | None = None) -> PictureModel:
    """The model in the package, or one that `scripts/train_picture.py` wrote to `path`."""
    raise NotImplementedError
