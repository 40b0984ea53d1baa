"""Where Whisper's decoder looks in the sound while it reads a text: a soft alignment matrix.

As in openai-whisper's ``timing.py``: the weights of the alignment heads are normalised over the
tokens, so that a frame all tokens look at counts for none of them, smoothed over 7 frames by a
median, and averaged over the heads. That tells tokens apart, but not a token from silence, since a
silent frame is normalised as well. So the weights themselves are evidence too: the log of how much
more than evenly a token looks at a frame, as `avsync.aligner.path.evidence` does for lags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import whisper
from torch import Tensor
from whisper.model import Whisper, disable_sdpa
from whisper.timing import median_filter
from whisper.tokenizer import Tokenizer

from avsync.aligner.monotonic import decode_monotonic
from avsync.words.models import SpeechModel

FloatArray = npt.NDArray[np.float32]

__all__ = ["FRAME_HZ", "Look", "choose_heads", "embed", "look", "token_scores"]

FRAME_HZ = 50  # of the decoder's view of the sound: whisper.audio.TOKENS_PER_SECOND
MEDIAN_FRAMES = 7
DOUBT = 0.02
"""Share of a token's attention that tells nothing: bounds what one frame can say against it."""
MOST_HEADS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the decoder made of a text and a sound."""

    weights: FloatArray
    """float32 [heads, tokens + 1, frames]: attention while each text token, and the end after them,
    is predicted; rows sum to 1"""
    normalised: FloatArray
    """float32 [heads, tokens + 1, frames]: the same in standard deviations over all tokens"""
    log_probs: FloatArray
    """float32 [tokens]: log probability of each text token after the ones before it"""
    silent_log_probs: FloatArray
    """float32 [tokens]: the same, were there nothing to hear"""
    end_log_probs: FloatArray
    """float32 [tokens + 1]: log probability of the end after so many tokens, given those"""


@torch.inference_mode()
def embed(model: SpeechModel, samples: FloatArray) -> Tensor:
    """Whisper's view of up to 30 s of mono sound at 16 kHz: [1, frames, state]."""
    padded = whisper.pad_or_trim(samples)
    mel = whisper.log_mel_spectrogram(padded, model.whisper.dims.n_mels, device=model.device)
    sound: Tensor = model.whisper.encoder(mel[None].to(model.dtype))
    return sound


@torch.inference_mode()
def look(
    model: SpeechModel,
    tokenizer: Tokenizer,
    text: Sequence[int],
    sound: Tensor,
    *,
    frames: int,
    heads: Sequence[tuple[int, int]],
    silence: Tensor | None = None,
) -> Look:
    """Read ``text`` tokens to the decoder while it hears ``sound``, of which ``frames`` count."""
    lead = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
    tokens = torch.tensor([*lead, *text, tokenizer.eot], device=model.device)[None]
    with _watched(model.whisper) as seen, disable_sdpa():
        logits = model.whisper.decoder(tokens, sound)
    log_probs = _log_probs(logits, text, len(lead), tokenizer)
    silent = log_probs
    if silence is not None:
        silent = _log_probs(model.whisper.decoder(tokens, silence), text, len(lead), tokenizer)
    scores = torch.stack([seen[layer][0, head] for layer, head in heads]).float()
    weights = scores[:, :, :frames].softmax(dim=-1)
    deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    normalised = median_filter((weights - mean) / deviation.clamp_min(1e-9), MEDIAN_FRAMES)
    rows = slice(len(lead) - 1, len(lead) + len(text))
    return Look(
        weights[:, rows].cpu().numpy(),
        normalised[:, rows].cpu().numpy(),
        log_probs,
        silent,
        _end_log_probs(logits, len(text), len(lead), tokenizer),
    )


def token_scores(seen: Look) -> FloatArray:
    """The evidence for each text token at each frame, in nats: float32 [tokens, frames].

    0 says nothing either way; the decode gives a frame to a pause where every token has less.
    """
    weights = seen.weights[:, :-1].mean(axis=0)
    evenly = (1.0 - DOUBT) * weights.shape[1] * weights + DOUBT
    # Tokens that other tokens look at as much are told apart by what is normalised.
    scores: FloatArray = np.log(evenly) + 0.5 * seen.normalised[:, :-1].mean(axis=0)
    return scores


def choose_heads(weights: FloatArray, *, most: int = MOST_HEADS) -> list[int]:
    """Which heads follow the text: the indices of at most ``most``, the best first.

    A head follows where its attention, ``weights`` [heads, tokens, frames], lies on one monotonic
    path: the criterion is the evidence along its own best path, per token.
    """
    frames = weights.shape[2]
    weights = weights[:, :frames]  # no path leads through more tokens than frames
    gains = []
    for head in weights:
        evenly = (1.0 - DOUBT) * frames * head + DOUBT
        gains.append(decode_monotonic(np.log(evenly)).score)
    order = np.argsort(-np.array(gains), kind="stable")[:most]
    best = gains[int(order[0])]
    return [int(n) for n in order if gains[int(n)] >= 0.5 * best] or [int(order[0])]


def _log_probs(logits: Tensor, text: Sequence[int], lead: int, tokenizer: Tokenizer) -> FloatArray:
    read = logits[0, lead - 1 : lead - 1 + len(text), : tokenizer.eot].float().log_softmax(dim=-1)
    places = torch.arange(len(text), device=read.device)
    chosen: FloatArray = read[places, list(text)].cpu().numpy()
    return chosen


def _end_log_probs(logits: Tensor, tokens: int, lead: int, tokenizer: Tokenizer) -> FloatArray:
    read = logits[0, lead - 1 : lead + tokens, : tokenizer.eot + 1].float().log_softmax(dim=-1)
    ends: FloatArray = read[:, tokenizer.eot].cpu().numpy()
    return ends


@contextmanager
def _watched(model: Whisper) -> Iterator[dict[int, Tensor]]:
    """The cross-attention scores before their softmax by layer, as the decoder runs."""
    seen: dict[int, Tensor] = {}

    def keep(layer: int) -> object:
        def hook(_: torch.nn.Module, __: object, output: tuple[Tensor, Tensor]) -> None:
            seen[layer] = output[1]

        return hook

    hooks = [
        block.cross_attn.register_forward_hook(keep(layer))
        for layer, block in enumerate(model.decoder.blocks)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
