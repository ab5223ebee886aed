"""Pieces that several networks share."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["none", "batch", "group"]


class Normalise(nn.Module):
    """Pixels to zero mean and unit deviation per channel, as measured on the training split."""

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 127.5))
        self.register_buffer("scale", torch.full((1, channels, 1, 1), 1 / 127.5))

    def forward(self, pixels: Tensor) -> Tensor:
        # Constants as large as an image: of three numbers per pixel torch makes loops of three.
        mean, scale = (self._tiled(each, pixels) for each in (self.mean, self.scale))
        return (pixels - mean).mul_(scale)

    def _tiled(self, values: Tensor, pixels: Tensor) -> Tensor:
        tiled = values.expand(-1, -1, *pixels.shape[2:])
        return tiled.contiguous(memory_format=torch.channels_last)

    def measure(self, mean: Tensor, deviation: Tensor) -> None:
        """Set from the channels' mean and deviation (pixel units). A flat channel stays finite."""
        self.mean.copy_(mean.view_as(self.mean))
        self.scale.copy_(1 / deviation.clamp_min(1.0).view_as(self.scale))


def conv(inputs: int, outputs: int, kernel: int, norm: Norm, stride: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size (but for its stride), and its norm; no activation."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=norm == "none")
    if norm == "none":
        return [layer]
    if norm == "batch":
        return [layer, nn.BatchNorm2d(outputs)]
    return [layer, nn.GroupNorm(math.gcd(outputs, 8), outputs)]
