"""RetimeModel: the encoders and attentions that ``retime`` needs, as one loaded object."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from avsync.aligner.attention import CrossAttention
from avsync.encoders.audio import AUDIO_DIM, AudioEncoder
from avsync.encoders.checkpoint import PACKAGED, load_weights, save_weights
from avsync.encoders.cues import CUE_DIM, CueEncoder

EDGE_REACH = 0.7  # seconds to either side of a cue edge that the edge attentions were trained on
OUTSIDE_BAND = -1e4  # the score of a token that is not in the recording


class RetimeModel(nn.Module):
    """Audio and cue encoders, and four attentions over their tokens.

    ``lag`` scores whole stretches of cues against sound, ``subtitle`` against other cues; ``onset``
    and ``offset`` look, in a band around one cue edge, for where its speech begins and ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audio = AudioEncoder()
        self.cues = CueEncoder()
        self.lag = CrossAttention(CUE_DIM, AUDIO_DIM, heads=4, head_dim=8)
        self.subtitle = CrossAttention(CUE_DIM, CUE_DIM, heads=4, head_dim=8)
        self.onset = CrossAttention(CUE_DIM, AUDIO_DIM, heads=1, head_dim=16)
        self.offset = CrossAttention(CUE_DIM, AUDIO_DIM, heads=1, head_dim=16)
        # Judges alignments, see confidence.judge; fitted by scripts/calibrate_retime.py.
        self.calibration: Tensor
        self.register_buffer("calibration", torch.tensor([[35.0, 4.0], [8.0, 3.0]]))
        self.version = "untrained"

    def edge_logits(
        self,
        kind: int,
        edge_tokens: Tensor,
        audio_tokens: Tensor,
        rows: Tensor,
        centres: Tensor,
        offsets: Tensor,
    ) -> Tensor:
        """One band of attention per cue edge: [edges, len(offsets)].

        Args:
            kind: 0 for where speech begins, 1 for where it ends.
            edge_tokens: [edges, CUE_DIM], the cue token at each edge.
            audio_tokens: [batch, tokens, AUDIO_DIM].
            rows, centres: int64 [edges], which recording and which token the band is centred on.
            offsets: int64 [band], tokens relative to the centre; those outside score −10⁴.
        """
        attention = self.onset if kind == 0 else self.offset
        queries = attention.project_queries(edge_tokens)
        at = centres[:, None] + offsets
        inside = (at >= 0) & (at < audio_tokens.shape[1])
        band = audio_tokens[rows[:, None], at.clamp(0, audio_tokens.shape[1] - 1)]
        logits = torch.einsum("ed,ebd->eb", queries, attention.project_keys(band))
        return logits.masked_fill(~inside, OUTSIDE_BAND)


def save_model(model: RetimeModel, path: Path) -> None:
    """Write the weights of ``model`` as safetensors."""
    save_weights(model, path)


def load_model(path: Path | None = None) -> RetimeModel:
    """The model in the package, or one that ``scripts/train_retime.py`` wrote to ``path``.

    ``version`` is a digest of the weights: tokens cached under another version are not reused.

    Raises:
        ModelUnavailable: there is no such file, or it does not hold this model's weights.
    """
    model = RetimeModel()
    model.version = load_weights(
        model, path or PACKAGED / "retime.safetensors", trainer="train_retime.py"
    )
    return model.eval()
