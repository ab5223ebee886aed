"""The layers of networks for images, as ``training.models`` builds them."""

import math
from collections.abc import Callable
from functools import partial

from training.config import CNN, Image, ResNet, ViT
from training.plan.layers import FULL, INDEX, Layer, Shape, classes_of, conv, dense, encoder

Conv = Callable[..., Layer]

FEED_FORWARD = 4  # training.models.vit


def cnn(model: CNN, image: Image, classes: int, half: int) -> list[Layer]:
    layers: list[Layer] = []
    shape: Shape = (image.depth, image.size, image.size)
    for number, block in enumerate(model.blocks):
        side = shape[1]
        layers.append(
            conv(
                f"blocks.{number}",
                shape,
                block.channels,
                block.kernel,
                side,
                norm=model.norm,
                half=half,
                pooled=side // block.pool if block.pool > 1 else 0,
            )
        )
        shape = layers[-1].shape
    inputs = math.prod(shape)
    for number, width in enumerate(model.dense):
        layers.append(dense(f"dense.{number}", inputs, width, half, dropout=model.dropout > 0))
        inputs = width
    return [*layers, classes_of(inputs, classes, half)]


def resnet(model: ResNet, image: Image, classes: int, half: int) -> list[Layer]:
    layer = partial(conv, norm=model.norm, half=half)
    layers = _stem(model, image, layer, half)
    stages = _stages9 if model.depth == 9 else _stages18
    layers += stages(model, layers[-1].shape, layer)
    channels, side = layers[-1].shape[:2]
    # Depth 9 keeps where each channel is largest. Either way the gradient is spread over the image.
    kept, moving = INDEX * channels, half * channels * side**2
    return [*layers, classes_of(channels, classes, half, kept=kept, moving=moving)]


def _stem(model: ResNet, image: Image, layer: Conv, half: int) -> list[Layer]:
    width, size = model.width, image.size
    shape: Shape = (image.depth, size, size)
    if model.stem == "large":
        side = (size - 1) // 2 + 1
        return [layer("stem", shape, width, 7, side, pooled=(side - 1) // 2 + 1)]
    if model.stem == "whitening":
        first = _whitening(image, half)
        return [first, layer("stem", first.shape, width, 3, size - 1)]
    return [layer("stem", shape, width, 3, size)]


def _whitening(image: Image, half: int) -> Layer:
    """Of its numbers only the biases are trained, so it keeps nothing but its ReLU's output."""
    channels, side = 8 * image.depth, image.size - 1
    made = channels * side**2
    flops = 2 * channels * image.depth * 4 * side**2
    return Layer(
        "whitening", "conv", (channels, side, side), channels, flops, half * made, 2 * half * made
    )


def _stages9(_model: ResNet, shape: Shape, layer: Conv) -> list[Layer]:
    layers: list[Layer] = []
    for number, residual in enumerate((True, False, True)):
        name, side = f"stages.{number}", shape[1]
        layers.append(layer(name, shape, shape[0] * 2, 3, side, pooled=side // 2))
        shape = layers[-1].shape
        if residual:
            # The norm's input, the ReLU's output, and the sum.
            layers += _two(f"{name}.residual", shape, shape[0], shape[1], layer, copies=3)
    return layers


def _stages18(model: ResNet, shape: Shape, layer: Conv) -> list[Layer]:
    layers: list[Layer] = []
    for number in range(8):
        stage, second = divmod(number, 2)
        name, channels, side = f"blocks.{number}", model.width * 2**stage, shape[1]
        if stage and not second:
            side = math.ceil(side / 2)
        # The norm's input, and the sum, which the ReLU overwrites.
        layers += _two(name, shape, channels, side, layer, copies=2)
        if shape[0] != channels:
            # Its norm's output is only added to the other's.
            short = layer(f"{name}.shortcut", shape, channels, 1, side, copies=1, waiting=1)
            layers.append(short)
        shape = (channels, side, side)
    return layers


def _two(
    name: str, shape: Shape, channels: int, side: int, layer: Conv, *, copies: int
) -> list[Layer]:
    """Two convolutions, added to what goes around them; the sum's gradient waits for the first."""
    first = layer(f"{name}.first", shape, channels, 3, side, held=1, waiting=1)
    second = layer(f"{name}.second", first.shape, channels, 3, side, copies=copies, waiting=2)
    return [first, second]


def vit(model: ViT, image: Image, classes: int, half: int) -> list[Layer]:
    width, tokens = model.width, (image.size // model.patch) ** 2
    inputs, stream = image.depth * model.patch**2, tokens * width
    patches = Layer(
        "patches",
        "conv",
        (tokens, width),
        (inputs + 1) * width + stream,  # and positions
        2 * inputs * width * tokens,
        # The stream begins: float32, as the positions are; and the dropout's noise.
        FULL * stream * (1 + (model.dropout > 0)),
        FULL * stream * 2,
        matrices=((width, inputs),),
    )
    return [patches, *encoder(model, FEED_FORWARD, tokens, half), classes_of(width, classes, half)]
