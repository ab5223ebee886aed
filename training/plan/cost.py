"""The plan of a job."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.config import CNN, RNN, JobConfig, ResNet, Transformer, ViT
from training.draws import draws_per_epoch
from training.plan.images import cnn, resnet, vit
from training.plan.layers import FULL, Layer
from training.plan.memory import (
    PROCESS_BYTES,
    copied_bytes,
    evaluation_bytes,
    sample_bytes,
    step_bytes,
)
from training.plan.texts import rnn, transformer


@dataclass(frozen=True)
class Plan:
    """What training will take. Bytes and seconds are estimates; the rest is exact, or an upper bound
    where it depends on what nobody knows before: a text's length, an early stop, what pruning saves."""

    layers: tuple[Layer, ...]
    parameters: int
    """Trainable numbers."""
    flops_per_sample: int
    """Operations of one forward pass over one sample."""
    training_flops: int
    """Operations of the whole run: a backward pass takes twice a forward pass."""
    step_bytes: int
    """Peak of one training step on one device: weights, optimizer state, a batch and all it leaves."""
    memory_bytes: int
    """Peak of one process: torch itself, the data, a step or an evaluation, averages, best weights."""
    data_bytes: int
    """The decoded samples, as they lie in memory and on disk."""
    steps_per_epoch: int
    steps: int
    """Optimizer steps of the whole run, those after pruning included."""

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
    per_class: Sequence[int] = (),
    tokens: int | None = None,
    bf16: bool = False,
) -> Plan:
    """The cost of ``config`` on so many samples of so many classes (≥ 2).

    ``per_class`` are the training samples of each class, which ``config.sampling`` needs to know.
    ``tokens`` is the mean length of a text, padding included; without it all are as long as the
    longest may be. ``bf16``: whether the device computes in bf16; where nobody knows, float32 is the
    most (but for group norm, which a GPU computes in float32 all the same, with a cast after it).

    Raises ``ValueError`` when there is nothing to train on or nothing to tell apart.
    """
    if classes < 2:
        raise ValueError("a classifier needs at least two classes")
    if train_samples < 2:
        raise ValueError("training needs at least two samples")
    bf16 = bf16 and config.precision == "auto"
    layers = layers_of(config, classes, tokens=tokens, bf16=bf16)
    draws = draws_per_epoch(per_class or (train_samples,), config.sampling)
    batch, per_epoch = min(config.batch_size, draws), steps_per_epoch(draws, config.batch_size)
    steps = per_epoch * _epochs(config)
    samples = train_samples + validation_samples + test_samples
    data_bytes = samples * sample_bytes(config, tokens or config.text.max_length)
    step, whole = _memory(config, classes, batch, validated=validation_samples > 0, bf16=bf16)
    return Plan(
        layers=layers,
        parameters=sum(layer.parameters for layer in layers),
        flops_per_sample=_forward_flops(layers),
        training_flops=steps * _step_flops(config, layers, batch)
        + _judged(config, validation_samples, test_samples) * _forward_flops(layers),
        step_bytes=step,
        memory_bytes=PROCESS_BYTES + data_bytes + whole,
        data_bytes=data_bytes,
        steps_per_epoch=per_epoch,
        steps=steps,
    )


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Full batches only, so that every step has one shape; the rest has its turn in other epochs."""
    return max(1, samples // batch_size)


def layers_of(
    config: JobConfig, classes: int, *, tokens: int | None = None, bf16: bool = False
) -> tuple[Layer, ...]:
    """The layers with weights, from the input to the classes, for texts of ``tokens``, or as long as
    they may be."""
    model, half = config.model, FULL // 2 if bf16 else FULL
    length = min(tokens or config.text.max_length, config.text.max_length)
    match model:
        case CNN():
            return tuple(cnn(model, config.image, classes, half))
        case ResNet():
            return tuple(resnet(model, config.image, classes, half))
        case ViT():
            return tuple(vit(model, config.image, classes, half))
        case RNN():
            return tuple(rnn(model, config.text, classes, length, half))
        case Transformer():
            return tuple(transformer(model, config.text, classes, length, half))


def _epochs(config: JobConfig) -> int:
    """A network that is pruned counts as whole afterwards, too."""
    return config.epochs + getattr(config.pruning, "epochs", 0)


def _memory(
    config: JobConfig, classes: int, batch: int, *, validated: bool, bf16: bool
) -> tuple[int, int]:
    """Bytes of a step, and of all that a run holds at its most: the longest texts decide."""
    layers = layers_of(config, classes, bf16=bf16)
    step = step_bytes(config, layers, math.ceil(batch / config.devices), bf16=bf16)
    whole = max(step, evaluation_bytes(config, layers))
    return step, whole + copied_bytes(config, layers, validated=validated)


# ---------------------------------------------------------------------------- operations


def _forward_flops(layers: Sequence[Layer]) -> int:
    return sum(layer.flops for layer in layers)


def _step_flops(config: JobConfig, layers: Sequence[Layer], batch: int) -> int:
    """Of one step: forward and backward, and what Muon takes to make each matrix orthogonal."""
    flops = 3 * batch * _forward_flops(layers)
    if config.optimizer.kind == "muon":
        flops += sum(_orthogonalise(*sorted(one)) for layer in layers for one in layer.matrices)
    return flops


def _orthogonalise(short: int, long: int) -> int:
    """Of a matrix, as training.muon does it in float32: five times x xᵀ, its square, and their product
    with x; or, where x is long, all on x xᵀ, and x only at the beginning and the end."""
    if long >= 2 * short:
        return 4 * short**2 * long + 34 * short**3
    return 20 * short**2 * long + 10 * short**3


def _judged(config: JobConfig, validation_samples: int, test_samples: int) -> int:
    """Samples that are evaluated: validation after each epoch and at the end, test at the end, and
    where views of an image are averaged all of them."""
    views = 0
    if config.test_time_augmentation:
        views = 6 if config.augmentation.flip else 3
    return validation_samples * (_epochs(config) + 1) + test_samples * (1 + views)
