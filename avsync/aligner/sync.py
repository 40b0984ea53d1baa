"""SyncModel: what sees a mouth and hears a sound, and says at which lag they belong together.

The mouth asks and the sound answers: cross-attention between the tokens of both at 25 Hz, whose
diagonals are the lags. Trained on which lag is the right one and nothing else (InfoNCE over the
instants of a clip, and cross-entropy over the lags of a stretch of it), so every talking film in
sync is an example that needs no label. SyncNet (Chung & Zisserman 2016) compares 0.2 s at a time by
distance; here each token knows the second around it, and a stretch is judged as a whole.

**Sign.** The mouth is the query and the sound the key: a positive lag says that the sound is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.aligner.attention import CrossAttention, lag_logits
from avsync.aligner.picture import PictureModel, smoothed
from avsync.encoders.audio import AUDIO_DIM, FLOOR, AudioEncoder
from avsync.encoders.checkpoint import PACKAGED, load_weights, save_weights
from avsync.encoders.layers import in_blocks
from avsync.encoders.mouth import MOUTH_DIM, MouthEncoder

BLOCK_FRAMES = 3_000  # one minute of sound
QUIETEST = 10.0  # nats under the loud parts: what lies deeper is silence
AROUND = 75  # frames to either side, over which the mean of a band is taken
SUBTOKENS = 2  # lags are told by half tokens, which is how often there is sound

FloatArray = npt.NDArray[np.float32]


class SyncModel(nn.Module):
    """Mouth and audio encoders, and the attention between their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth = MouthEncoder()
        self.audio = AudioEncoder(channels=64, dilations=(1, 2, 4, 8))
        self.lag = CrossAttention(MOUTH_DIM, AUDIO_DIM, heads=4, head_dim=12)
        # By which the logits of faces, then of motion, are divided before they are evidence; and
        # the logistic curve that makes a probability of it (`offset.evidence.confidence`): fitted
        # by calibrate_offset.py.
        self.temperatures: Tensor
        self.register_buffer("temperatures", torch.tensor([1.5, 4.0]))
        self.calibration: Tensor
        self.register_buffer("calibration", torch.tensor([[0.9, 4.0, 4.0], [0.9, 4.0, 4.0]]))
        self.version = "untrained"

    @torch.inference_mode()
    def seen(self, mouths: npt.NDArray[np.uint8]) -> FloatArray:
        """What a mouth asks: uint8 [time, 48, 48] at 25 Hz → queries [time, 48] at 25 Hz."""
        tokens = torch.from_numpy(self.mouth.encode(mouths))
        queries: FloatArray = self.lag.project_queries(tokens).numpy()
        return queries

    @torch.inference_mode()
    def heard(self, log_mel: npt.NDArray[np.float16]) -> FloatArray:
        """What a sound answers: log-mel as of `LogMel` → keys [frames, 48] at 50 Hz.

        Where there is no sound at all (a track that starts late) keys are 0: that says nothing.
        """
        if not len(log_mel):
            return np.zeros((0, self.lag.heads * self.lag.head_dim), np.float32)
        loud = loudness(log_mel)
        tokens = in_blocks(
            lambda part: self.audio(torch.from_numpy(sound_frames(part, loud))[None])[0],
            log_mel,
            block=BLOCK_FRAMES,
            receptive_field=self.audio.stack.receptive_field + AROUND,
        )
        keys: FloatArray = self.lag.project_keys(smoothed(tokens[None])[0]).numpy()
        keys[~is_sound(log_mel)] = 0
        return keys


def is_sound(log_mel: npt.NDArray[np.float16]) -> npt.NDArray[np.bool_]:
    """bool [frames]: whether there is any sound, be it ever so soft; digital silence is none."""
    there: npt.NDArray[np.bool_] = log_mel.max(axis=1) > np.log(FLOOR) + 0.1
    return there


def loudness(log_mel: npt.NDArray[np.float16]) -> FloatArray:
    """How loud a recording's loud parts are, in each band: float32 [bands]."""
    heard = log_mel[is_sound(log_mel)]
    if not len(heard):
        return np.zeros(log_mel.shape[1], np.float32)
    some = heard[:: max(1, len(heard) // 20_000)].astype(np.float32)
    loud: FloatArray = np.quantile(some, 0.95, axis=0).astype(np.float32)
    return loud


def sound_frames(log_mel: npt.NDArray[np.float16], loud: FloatArray) -> FloatArray:
    """Log-mel as the encoder hears it: float32 [frames, bands] at about unit scale.

    Each band has its mean over the three seconds around taken off, and with that volume and
    colour; and silence is no deeper than `QUIETEST` under what is `loud`, since how quiet a pause
    is says more of the microphone than of the mouth.
    """
    there = is_sound(log_mel)[:, None].astype(np.float64)
    floor = np.maximum(loud - QUIETEST, loud.max() - 1.4 * QUIETEST)
    frames = np.maximum(log_mel.astype(np.float32), floor)
    total = np.cumsum(np.pad(frames * there, ((1, 0), (0, 0))), axis=0)
    count = np.cumsum(np.pad(there, ((1, 0), (0, 0))), axis=0)
    at = np.arange(len(frames))
    first, last = np.maximum(at - AROUND, 0), np.minimum(at + AROUND + 1, len(frames))
    mean = (total[last] - total[first]) / np.maximum(count[last] - count[first], 1)
    levelled: FloatArray = ((frames - mean) / 3).astype(np.float32)
    return np.where(there > 0, levelled, (floor - loud).astype(np.float32) / 3)


@dataclass(frozen=True, slots=True, eq=False)
class MouthEvidence:
    """What a stretch of mouth says of each lag, in half tokens from −reach to reach."""

    logits: FloatArray
    """float32 [lags]: how well it fits the sound there, summed over its tokens"""
    match: FloatArray
    """float32 [lags]: how well those of its tokens fit that have a sound there, on average"""


@torch.inference_mode()
def face_evidence(
    queries: FloatArray, keys: FloatArray, *, start: int, reach: int
) -> MouthEvidence:
    """How well a stretch of mouth fits the sound at each lag, in half tokens of 20 ms.

    Sounds mostly speak against a lag. A token without a sound says what it says of the sounds
    around on average: else those lags would be the best at which little of the mouth has any.

    Args:
        queries: [n, d] of `SyncModel.seen`, from token `start` of the film on.
        keys: [m, d] of `SyncModel.heard`, from second 0 of the film; 0 where there is no sound.
        reach: entry 0 is lag −reach, and a positive lag is a late sound.
    """
    seen = torch.from_numpy(queries)
    first, last = 2 * start - reach, 2 * (start + len(seen) - 1) + reach
    inside = torch.from_numpy(keys[max(0, first) : max(0, last + 1)])
    before = min(max(0, -first), last + 1 - first)
    around = nn.functional.pad(inside, (0, 0, before, last + 1 - first - before - len(inside)))
    heard = around.any(-1, keepdim=True).float()
    mean = around.sum(0) / heard.sum().clamp_min(1)
    sums = _fine_lag_logits(seen, around, reach)
    counts = _fine_lag_logits(torch.ones(len(seen), 1), heard, reach).round()
    unheard = _fine_lag_logits((seen @ mean)[:, None], 1 - heard, reach)
    match = sums / counts.clamp_min(1)
    return MouthEvidence((sums + unheard).numpy(), match.numpy())


def _fine_lag_logits(queries: Tensor, around: Tensor, reach: int) -> Tensor:
    """Lag logits in half tokens: [n, d] at 25 Hz, [2n − 1 + 2 · reach, d] at 50 Hz → [lags]."""
    out = queries.new_zeros(2 * reach + 1)
    for phase in range(SUBTOKENS):
        sums = lag_logits(queries, around[phase::SUBTOKENS])[len(queries) - 1 :]
        places = out[phase::SUBTOKENS]
        places += sums[: len(places)]
    return out


@torch.inference_mode()
def motion_logits(
    heard: FloatArray, seen: FloatArray, *, start: int, length: int, reach: int
) -> FloatArray:
    """How well a stretch of sound fits what moves at each lag, in half tokens: [2 · reach + 1].

    The other way round than `face_evidence`, as `PictureModel` learnt it: the sound is laid over
    the picture. The sign is the same: a positive lag is a late sound.

    Args:
        heard: [m, d], queries of a `PictureModel` at 50 Hz.
        seen: [n, d], its keys at 25 Hz, from second 0 of the film like `heard`.
        start, length: of the stretch, in tokens of 40 ms.
        reach: in half tokens of 20 ms.
    """
    around = reach // SUBTOKENS + 1
    first, last = start - around, start + length + around
    keys = torch.from_numpy(seen[max(0, first) : max(0, last)])
    before = min(max(0, -first), last - first)
    keys = nn.functional.pad(keys, (0, 0, before, last - first - before - len(keys)))
    out = np.zeros(2 * reach + 1, np.float32)
    for phase in range(SUBTOKENS):
        part = torch.from_numpy(heard[2 * start + phase :: SUBTOKENS][:length])
        if not len(part):
            continue
        sums = lag_logits(part, keys)[len(part) - 1 :][: 2 * around + 1].numpy()
        # Entry l has the picture l − around tokens after the sound, whose clock is phase / 2 on.
        lags = phase - SUBTOKENS * (np.arange(len(sums)) - around)
        inside = np.abs(lags) <= reach
        out[lags[inside] + reach] = sums[inside]
    return out


@torch.inference_mode()
def sound_queries(model: PictureModel, log_mel: npt.NDArray[np.float16]) -> FloatArray:
    """What a sound asks of what moves: log-mel → queries of a `PictureModel`, at 50 Hz.

    float32 [frames, 32]; 0 where there is no sound at all.
    """
    tokens = torch.from_numpy(model.audio.encode(log_mel).values)
    queries: FloatArray = model.lag.project_queries(smoothed(tokens[None])[0]).numpy()
    queries[~is_sound(log_mel)] = 0
    return queries


@torch.inference_mode()
def picture_keys(model: PictureModel, tokens: FloatArray) -> FloatArray:
    """What moves, as a `PictureModel` answers: visual tokens [n, 48] → keys [n, 32] at 25 Hz."""
    keys: FloatArray = model.lag.project_keys(torch.from_numpy(tokens)).numpy()
    return keys


def save_sync_model(model: SyncModel, path: Path) -> None:
    """Write the weights of `model` as safetensors."""
    save_weights(model, path)


def load_sync_model(path: Path | None = None) -> SyncModel:
    """The model in the package, or one that `scripts/train_offset.py` wrote to `path`.

    `version` is a digest of the weights: tokens cached under another version are not reused.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    model = SyncModel()
    model.version = load_weights(
        model, path or PACKAGED / "sync.safetensors", trainer="train_offset.py"
    )
    return model.eval()
