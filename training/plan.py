"""What a configuration costs, by arithmetic alone: no torch, so that a web process may ask.

Sources: a convolution or dense layer does one multiplication and one addition per weight and output
position, counted as two operations; that is also how ``torch.utils.flop_counter`` counts. Normalisation,
ReLU and pooling are not counted. Tests compare parameters (exactly) and operations with torch itself.
"""

import math
from dataclasses import dataclass
from typing import Literal

from training.config import CNN, Image, JobConfig, Model, ResNet

Shape = tuple[int, ...]
Norm = Literal["none", "batch", "group"]

# Gradients and optimizer state per weight, in copies of the weight.
STATE_COPIES = {"sgd": 0, "momentum": 1, "adagrad": 1, "adam": 2, "adamw": 2}
FLOAT_BYTES = 4
# What torch keeps for the backward pass, per output number of a layer that has weights: its output,
# the normalised output, the activation, the pooled one with 8-byte positions, and their gradients.
COPIES_KEPT = 5
PROCESS_BYTES = 400_000_000  # torch itself, its libraries and small buffers


@dataclass(frozen=True)
class Layer:
    """One layer with weights. ``shape`` is what comes out for one image: channels, height, width."""

    name: str
    kind: Literal["conv", "dense"]
    shape: Shape
    parameters: int
    flops: int


@dataclass(frozen=True)
class Plan:
    """What training will take. Bytes and seconds are estimates; the rest is exact."""

    layers: tuple[Layer, ...]
    parameters: int
    """Trainable numbers."""
    flops_per_image: int
    """Operations of one forward pass over one image."""
    training_flops: int
    """Operations of the whole run: a backward pass takes twice a forward pass."""
    memory_bytes: int
    """Peak memory of training: process, data, weights, optimizer state, one batch."""
    data_bytes: int
    """The decoded images, as they lie in memory and on disk."""
    steps_per_epoch: int
    steps: int
    """Optimizer steps of the whole run."""

    def seconds(self, flops_per_second: float) -> float:
        """Time of the whole run on a machine that does so many operations per second."""
        return self.training_flops / flops_per_second


def plan(
    config: JobConfig,
    *,
    classes: int,
    train_samples: int,
    validation_samples: int = 0,
    test_samples: int = 0,
) -> Plan:
    """The cost of ``config`` on so many samples of so many classes (≥ 2).

    Raises ``ValueError`` when there is nothing to train on or nothing to tell apart.
    """
    if classes < 2:
        raise ValueError("a classifier needs at least two classes")
    if train_samples < 2:
        raise ValueError("training needs at least two samples")
    layers = layers_of(config.model, config.image, classes)
    parameters = sum(layer.parameters for layer in layers)
    forward = sum(layer.flops for layer in layers)
    per_epoch = steps_per_epoch(train_samples, config.batch_size)
    batch = min(config.batch_size, train_samples)
    pixels = config.image.size**2 * config.image.depth
    data_bytes = pixels * (train_samples + validation_samples + test_samples)
    passes = config.epochs * (3 * per_epoch * batch + validation_samples) + test_samples
    return Plan(
        layers=layers,
        parameters=parameters,
        flops_per_image=forward,
        training_flops=forward * passes,
        memory_bytes=PROCESS_BYTES
        + data_bytes
        + _training_bytes(config, layers, parameters, batch, pixels),
        data_bytes=data_bytes,
        steps_per_epoch=per_epoch,
        steps=per_epoch * config.epochs,
    )


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Full batches only, so that every step has one shape; the rest has its turn in other epochs."""
    return max(1, samples // batch_size)


def layers_of(model: Model, image: Image, classes: int) -> tuple[Layer, ...]:
    """The layers with weights, from the image to the classes. A norm counts with its convolution."""
    if isinstance(model, CNN):
        return tuple(_cnn(model, image, classes))
    return tuple(
        _resnet9(model, image, classes) if model.depth == 9 else _resnet18(model, image, classes)
    )


def _training_bytes(
    config: JobConfig, layers: tuple[Layer, ...], parameters: int, batch: int, pixels: int
) -> int:
    # weights, gradients, the best weights so far, the optimizer's state
    weights = parameters * FLOAT_BYTES * (3 + STATE_COPIES[config.optimizer.kind])
    outputs = sum(math.prod(layer.shape) for layer in layers) * COPIES_KEPT + 3 * pixels
    return weights + outputs * FLOAT_BYTES * batch


def _conv(name: str, inputs: int, outputs: int, kernel: int, side: int, norm: Norm) -> Layer:
    weights = inputs * outputs * kernel**2
    extra = outputs if norm == "none" else 2 * outputs  # a bias, or a norm's scale and shift
    return Layer(name, "conv", (outputs, side, side), weights + extra, 2 * weights * side**2)


def _dense(name: str, inputs: int, outputs: int) -> Layer:
    return Layer(name, "dense", (outputs,), (inputs + 1) * outputs, 2 * inputs * outputs)


def _cnn(model: CNN, image: Image, classes: int) -> list[Layer]:
    layers, inputs, side = [], image.depth, image.size
    for number, block in enumerate(model.blocks):
        name = f"blocks.{number}"
        layers.append(_conv(name, inputs, block.channels, block.kernel, side, model.norm))
        inputs, side = block.channels, side // block.pool
    inputs *= side**2
    for number, width in enumerate(model.dense):
        layers.append(_dense(f"dense.{number}", inputs, width))
        inputs = width
    return [*layers, _dense("classes", inputs, classes)]


def _resnet9(model: ResNet, image: Image, classes: int) -> list[Layer]:
    width, norm = model.width, model.norm
    layers = [_conv("stem", image.depth, width, 3, image.size, norm)]
    side, inputs = image.size, width
    for number, residual in enumerate((True, False, True)):
        outputs = inputs * 2
        layers.append(_conv(f"stages.{number}", inputs, outputs, 3, side, norm))
        side //= 2
        if residual:
            layers += [
                _conv(f"stages.{number}.residual.{i}", outputs, outputs, 3, side, norm)
                for i in range(2)
            ]
        inputs = outputs
    return [*layers, _dense("classes", inputs, classes)]


def _resnet18(model: ResNet, image: Image, classes: int) -> list[Layer]:
    width, norm = model.width, model.norm
    layers = [_conv("stem", image.depth, width, 3, image.size, norm)]
    side, inputs = image.size, width
    for number in range(8):
        stage, second = divmod(number, 2)
        outputs = width * 2**stage
        name = f"blocks.{number}"
        if stage and not second:
            side = math.ceil(side / 2)
        layers.append(_conv(f"{name}.first", inputs, outputs, 3, side, norm))
        layers.append(_conv(f"{name}.second", outputs, outputs, 3, side, norm))
        if inputs != outputs:
            layers.append(_conv(f"{name}.shortcut", inputs, outputs, 1, side, norm))
        inputs = outputs
    return [*layers, _dense("classes", inputs, classes)]
