"""PictureModel: what hears a sound and sees a picture, and says how well one fits the other.

The sound asks and the picture answers: cross-attention between audio and visual tokens, both at
25 Hz, summed along its diagonals. It is trained on nothing but which lag of a picture belongs to a
sound, so a high sum means that what is heard is what would be heard there: landings on beats,
swishes on sweeps, light on bangs.

**Sign.** As in `attention`: sound is the query and picture the key, so a positive lag says that
things happen later on the picture's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.aligner.attention import CrossAttention, window_lag_logits
from avsync.encoders.audio import AUDIO_DIM, AudioEncoder, LogMel
from avsync.encoders.checkpoint import PACKAGED, load_weights, save_weights
from avsync.encoders.visual import TOKEN_RATE_HZ, VISUAL_DIM, VisualEncoder
from avsync.media import iter_audio
from avsync.progress import Progress
from avsync.timemap import Span
from avsync.tokens import TokenSequence

FloatArray = npt.NDArray[np.float32]


class PictureModel(nn.Module):
    """Visual and audio encoders, and the attention between their tokens, all at 25 Hz."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = VisualEncoder()
        self.audio = AudioEncoder(channels=48, dilations=(1, 2, 4, 8, 16))
        self.lag = CrossAttention(AUDIO_DIM, VISUAL_DIM, heads=4, head_dim=8)
        self.version = "untrained"

    def song_tokens(
        self,
        song: str | Path | npt.NDArray[np.float16],
        *,
        audio_track: int | None = None,
        progress: Progress | None = None,
    ) -> TokenSequence:
        """The tokens at 25 Hz of a file's sound, or of its log-mel as `LogMel` makes it.

        Raises:
            MediaError: the file cannot be read, or has no sound.
            FileNotFoundError: there is no such file.
        """
        if isinstance(song, str | Path):
            song = LogMel()(iter_audio(song, track=audio_track, progress=progress))
        tokens = self.audio.encode(song, progress=progress)
        with torch.inference_mode():
            pooled = half_rate(torch.from_numpy(tokens.values)[None])[0]
        return TokenSequence(pooled.numpy(), TOKEN_RATE_HZ, tokens.start)


def smoothed(tokens: Tensor) -> Tensor:
    """Each token the mean of those around it, itself twice: [batch, n, dim]; the ends are held."""
    held = torch.cat([tokens[:, :1], tokens, tokens[:, -1:]], 1)
    return (held[:, :-2] + 2 * held[:, 1:-1] + held[:, 2:]) / 4


def half_rate(tokens: Tensor) -> Tensor:
    """Tokens at 50 Hz → tokens at 25 Hz: [batch, n, dim] → [batch, ⌈n/2⌉, dim].

    Token `k` is the mean of those around `k / 25` s, so that the clock stays exact; the tokens left
    out are those of a clock half a token later.
    """
    return smoothed(tokens)[:, ::2] if tokens.shape[1] else tokens


@torch.inference_mode()
def match_logits(
    model: PictureModel, song: TokenSequence, slots: Sequence[Span], clip: TokenSequence
) -> FloatArray:
    """How well each slot of a song fits each moment of a clip: float32 [slots, clip tokens].

    Entry `[i, j]` is for slot `i` when its first instant shows clip token `j`: the sum of the
    attention between the slot's tokens and the clip's from there on. Where the clip ends before
    the slot does it is −inf. What of a slot lies outside of the song is silence, and adds nothing.

    Entries of one row may be compared, also between clips. A slot of twice the length has sums
    about twice as large: set rows against each other only after a softmax over each.

    Args:
        song: of `PictureModel.song_tokens`.
        slots: on the song's clock, in any order.
        clip: of `VisualEncoder.encode`.
    """
    out = np.full((len(slots), len(clip)), -np.inf, np.float32)
    bounds = [[round((t - song.start) * song.rate_hz) for t in (s.start, s.end)] for s in slots]
    lengths = [max(1, end - start) for start, end in bounds]
    fitting = [n for n, length in enumerate(lengths) if length <= len(clip)]
    if not fitting:
        return out
    queries = model.lag.project_queries(torch.from_numpy(song.values))
    keys = model.lag.project_keys(torch.from_numpy(clip.values))
    windows = queries.new_zeros(len(fitting), max(lengths[n] for n in fitting), queries.shape[1])
    for window, n in zip(windows, fitting, strict=True):
        start = bounds[n][0]
        part = queries[max(0, start) : max(0, start + lengths[n])]
        window[max(0, -start) :][: len(part)] = part
    # Every window is laid at the clip's beginning: at lag j it shows clip token j first.
    logits = window_lag_logits(
        windows,
        torch.zeros(len(fitting), dtype=torch.int64),
        keys,
        lowest=0,
        highest=len(clip) - 1,
    )
    for row, n in zip(logits.numpy(), fitting, strict=True):
        places = len(clip) - lengths[n] + 1
        out[n, :places] = row[:places]
    return out


def save_picture_model(model: PictureModel, path: Path) -> None:
    """Write the weights of `model` as safetensors."""
    save_weights(model, path)


def load_picture_model(path: Path | None = None) -> PictureModel:
    """The model in the package, or one that `scripts/train_picture.py` wrote to `path`.

    `version` is a digest of the weights: tokens cached under another version are not reused.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    model = PictureModel()
    model.version = load_weights(
        model, path or PACKAGED / "picture.safetensors", trainer="train_picture.py"
    )
    return model.eval()
