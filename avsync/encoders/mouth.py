"""MouthEncoder: small pictures of a mouth → tokens.

What a mouth does is asked for, not whose it is: from each picture its average over the two seconds
around is taken off, and with that skin, beard, lips and lighting, as far as they stay; what remains
is movement, in units of the contrast of that mouth's pictures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avsync.encoders.layers import ConvolutionStack, in_blocks

MOUTH_SIZE = 48  # pixels each way
MOUTH_RATE_HZ = 25.0
MOUTH_DIM = 48
BLOCK_TOKENS = 250
AROUND = 25  # tokens to either side over which the average is taken
FLAT = 6.0  # grey levels of contrast that a picture without any still counts as

FloatArray = npt.NDArray[np.float32]


def mouth_movement(mouths: Tensor) -> Tensor:
    """uint8 or float [batch, time, size, size] → float32 [batch, time, 2, size, size].

    Channels: the difference to the average picture around, and the change from the picture before
    to the one after.
    """
    pictures = mouths.float()
    pictures = pictures - pictures.mean((2, 3), keepdim=True)  # light that flickers moves nothing
    contrast = pictures.std((1, 2, 3), keepdim=True) + FLAT
    pictures = pictures / contrast
    around = pictures.flatten(2).transpose(1, 2)
    average = nn.functional.avg_pool1d(around, 2 * AROUND + 1, 1, AROUND, count_include_pad=False)
    still = average.transpose(1, 2).reshape(pictures.shape)
    held = torch.cat([pictures[:, :1], pictures, pictures[:, -1:]], 1)
    change = held[:, 2:] - held[:, :-2]
    return torch.stack([2 * (pictures - still), 2 * change], 2)


class MouthEncoder(nn.Module):
    """Mouths at 25 Hz, [batch, time, 48, 48] grey → tokens [batch, time, `MOUTH_DIM`]."""

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (16, 32, 48, 64),
        channels: int = 80,
        dilations: tuple[int, ...] = (1, 2, 4),
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, kernel = 2, 5
        for width in widths:
            layers += [
                nn.Conv2d(inputs, width, kernel, stride=2, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            inputs, kernel = width, 3
        side = MOUTH_SIZE >> len(widths)
        self.trunk = nn.Sequential(
            *layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs * side**2, channels)
        )
        self.stack = ConvolutionStack(channels, channels, dilations)
        self.dropout = nn.Dropout1d(dropout / 2)
        self.read_out = nn.Conv1d(channels, MOUTH_DIM, 1)
        self.receptive_field = self.stack.receptive_field + AROUND

    def forward(self, mouths: Tensor) -> Tensor:
        batch, time = mouths.shape[:2]
        seen = self.trunk(mouth_movement(mouths).flatten(0, 1)).reshape(batch, time, -1)
        tokens: Tensor = self.read_out(self.dropout(self.stack(seen.transpose(1, 2))))
        return tokens.transpose(1, 2)

    @torch.inference_mode()
    def encode(self, mouths: npt.NDArray[np.uint8]) -> FloatArray:
        """uint8 [time, 48, 48] → float32 [time, MOUTH_DIM], in blocks.

        Raises:
            ValueError: the pictures have another shape or type.
        """
        if mouths.dtype != np.uint8 or mouths.shape[1:] != (MOUTH_SIZE, MOUTH_SIZE):
            raise ValueError(
                f"mouths must be uint8 [time, {MOUTH_SIZE}, {MOUTH_SIZE}]; "
                f"got {mouths.dtype} {list(mouths.shape)}"
            )
        tokens: FloatArray = in_blocks(
            lambda part: self(torch.from_numpy(part)[None])[0],
            mouths,
            block=BLOCK_TOKENS,
            receptive_field=self.receptive_field,
        ).numpy()
        return tokens
