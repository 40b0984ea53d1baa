"""SyncNet's way, to measure against: 0.2 s of mouth and of sound at a time, compared one by one.

Chung & Zisserman (2016) embed five frames of a mouth and the 0.2 s of sound beside them, and slide
one over the other. This is as close as the parts of ``SyncModel`` allow: the same layers for what
a mouth looks like, the same log-mel and the same examples, but tokens that know 0.2 s and no more,
set against each other by the cosine and not by attention.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from avsync.aligner.attention import CrossAttention
from avsync.aligner.sync import SyncModel
from avsync.encoders.audio import AUDIO_DIM, AudioEncoder
from avsync.encoders.mouth import MOUTH_DIM, MouthEncoder

SHARPNESS = 8.0  # by which cosines are multiplied at first


class Cosine(CrossAttention):
    """Scores by the cosine of tokens as they come, with one learnt factor."""

    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__(query_dim, key_dim, heads=1, head_dim=key_dim)
        del self.query, self.key
        self.sharpness = nn.Parameter(Tensor([math.log(SHARPNESS)]))

    def project_queries(self, tokens: Tensor) -> Tensor:
        return functional.normalize(tokens, dim=-1) * self.sharpness.exp()

    def project_keys(self, tokens: Tensor) -> Tensor:
        return functional.normalize(tokens, dim=-1)


class SyncNet(SyncModel):
    """Five pictures of a mouth, ten frames of sound, and the cosine between them."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth = MouthEncoder(dilations=())
        self.audio = AudioEncoder(channels=64, dilations=(1,))
        self.lag = Cosine(MOUTH_DIM, AUDIO_DIM)
