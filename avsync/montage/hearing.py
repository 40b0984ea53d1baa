"""What attention finds in common between slots of a song and clips, many clips at a time.

A clip is short, and the song's side of the attention is the same for all of them: clips are laid
end to end and compared at once, which is some thirty times faster than one by one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avsync.clips.clip import Clip
from avsync.timemap import Span
from avsync.tokens import TokenSequence

if TYPE_CHECKING:
    from avsync.aligner.picture import PictureModel

FloatArray = npt.NDArray[np.float32]

_BATCH = 10_000_000  # entries of logits, slots times tokens, that are made at once: 40 MB
_KEPT = 10  # batches that are kept rather than made again


class Hearing:
    """Logits of all slots against the tokens of each clip, made when they are asked for."""

    def __init__(
        self,
        model: PictureModel,
        song: TokenSequence,
        slots: Sequence[Span],
        clips: Sequence[Clip],
    ) -> None:
        end = song.start + song.duration  # a song's length is a fraction of a token off
        self._spans = [Span(min(span.start, end), min(span.end, end)) for span in slots]
        self._model, self._song, self._clips = model, song, clips
        tokens = np.cumsum([len(clip.tokens) for clip in clips])
        self._batch_of = (tokens * len(slots) // _BATCH).tolist()
        self._made: OrderedDict[int, dict[int, FloatArray]] = OrderedDict()

    def logits(self, number: int) -> FloatArray:
        """float32 [slots, tokens] for one clip, by its number.

        Entry [i, j] is for slot i whose first instant shows token j; −inf where the clip ends
        before the slot does.
        """
        batch = self._batch_of[number]
        if batch not in self._made:
            self._made[batch] = self._make(batch)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return self._made[batch][number]

    def _make(self, batch: int) -> dict[int, FloatArray]:
        from avsync.aligner.picture import match_logits

        members = [number for number, each in enumerate(self._batch_of) if each == batch]
        parts = [self._clips[number].tokens.values for number in members]
        edges = np.cumsum([len(part) for part in parts])[:-1]
        joined = TokenSequence(np.concatenate(parts), self._clips[members[0]].tokens.rate_hz)
        logits = match_logits(self._model, self._song, self._spans, joined)
        made = dict(zip(members, np.split(logits, edges, axis=1), strict=True))
        rate = self._song.rate_hz
        for slot, span in enumerate(self._spans):
            start, end = (round((t - self._song.start) * rate) for t in (span.start, span.end))
            for each in made.values():  # a slot must not run over into the next clip
                each[slot, max(0, each.shape[1] - (end - start) + 1) :] = -np.inf
        return made
