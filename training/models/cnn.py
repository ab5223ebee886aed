"""Convolution blocks, then dense layers."""

from torch import nn

from training.config import CNN, Image
from training.models.layers import conv


def cnn(model: CNN, image: Image, classes: int) -> nn.Sequential:
    """The network of ``model``; see :class:`training.config.CNN` for what each number means."""
    layers: list[nn.Module] = []
    inputs = image.depth
    for block in model.blocks:
        layers += conv(inputs, block.channels, block.kernel, model.norm)
        if block.pool > 1:
            # Before the ReLU: the result is the same, on a quarter of the numbers.
            layers.append(nn.MaxPool2d(block.pool))
        layers.append(nn.ReLU(inplace=True))
        inputs = block.channels
    layers.append(nn.Flatten())
    inputs *= model.sides(image.size)[-1] ** 2
    for width in model.dense:
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True)]
        if model.dropout:
            layers.append(nn.Dropout(model.dropout))
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
