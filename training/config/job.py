"""What a training job may be: the single source of truth, free of torch and numpy.

A configuration is declared, never programmed: every number is bounded, unknown fields are refused,
and each choice is an object with a ``kind``. ``JobConfig()`` alone is a sensible job.

Rules that bind fields together:

* A convolution keeps the size of the image (it pads with zeros); ``pool`` divides it and drops the
  remainder. A stack whose pooling would leave less than one pixel is refused, so three blocks of
  ``pool: 2`` need an image of at least 8 pixels.
* Nesterov momentum needs a momentum above zero.
* Batch normalisation needs a batch of at least ``SMALLEST_NORMED_BATCH``; below, use ``group``.
* The first dense layer may hold at most ``LARGEST_LAYER`` weights.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from training.explain import Problem, describe_errors, list_problems

__all__ = [
    "CNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Augmentation",
    "Constant",
    "ConvBlock",
    "Cosine",
    "Image",
    "JobConfig",
    "Model",
    "Momentum",
    "OneCycle",
    "Optimizer",
    "Problem",
    "ResNet",
    "Schedule",
    "canonical_json",
    "config_sha256",
    "describe_errors",
    "list_problems",
]

SMALLEST_NORMED_BATCH = 8
MOST_PIXELS = 64_000_000  # of an image of a sample, whatever size it is trained at
LARGEST_LAYER = 100_000_000  # weights: 400 MB, and three times as much again to train it

T = TypeVar("T")
# JSON knows lists only; strict mode would refuse one where a tuple is declared.
Items = Annotated[tuple[T, ...], Field(strict=False)]


class Strict(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def refuse(field: str, code: str, sentence: str, **values: Any) -> PydanticCustomError:
    """An error that a rule between fields raises on behalf of one of them."""
    return PydanticCustomError(code, sentence, {"field": field, **values})


# ---------------------------------------------------------------------------- the image


class Image(Strict):
    """How a picture of any size becomes a square of numbers."""

    size: int = Field(32, ge=8, le=512)
    """Side of the square that the model sees, in pixels."""
    resize: Literal["letterbox", "crop", "stretch"] = "letterbox"
    """letterbox: all of the picture, black bars; crop: its centre; stretch: both sides squeezed."""
    channels: Literal["grey", "rgb"] = "rgb"
    """grey is enough where colour says nothing, and trains faster."""

    @property
    def depth(self) -> int:
        """Numbers per pixel."""
        return 1 if self.channels == "grey" else 3


class Augmentation(Strict):
    """Changes that keep the label true, drawn anew for each picture in each epoch."""

    flip: bool = False
    """Mirror half of the pictures left to right. Only where a mirrored thing keeps its name."""
    translate: float = Field(0.0, ge=0, le=0.5)
    """Shift by up to this fraction of the side, in whole pixels, both ways."""
    rotate: float = Field(0.0, ge=0, le=180)
    """Turn by up to this many degrees, both ways."""
    zoom: float = Field(0.0, ge=0, le=0.5)
    """Scale by up to this fraction, in and out."""


# ---------------------------------------------------------------------------- the model


class ConvBlock(Strict):
    """A convolution, a normalisation where the model has one, ReLU, max-pooling."""

    channels: int = Field(32, ge=1, le=1024)
    """Features that this block looks for."""
    kernel: Literal[1, 3, 5, 7] = 3
    """Side of the convolution's window, in pixels."""
    pool: Literal[1, 2, 3, 4] = 2
    """Max-pooling divides the image's side by this; 1 leaves it."""


class CNN(Strict):
    """Convolution blocks, then dense layers: small, quick, good on small images."""

    kind: Literal["cnn"] = "cnn"
    """Which model this is."""
    blocks: Items[ConvBlock] = Field(
        (
            ConvBlock(channels=32, kernel=3, pool=2),
            ConvBlock(channels=64, kernel=3, pool=2),
            ConvBlock(channels=64, kernel=3, pool=1),
        ),
        min_length=1,
        max_length=16,
    )
    """The convolution blocks, first to last."""
    dense: Items[Annotated[int, Field(ge=1, le=4096)]] = Field((64,), max_length=4)
    """Widths of the dense layers between the blocks and the classes."""
    dropout: float = Field(0.0, ge=0, le=0.9)
    """Share of each dense layer that is silenced at random while training."""
    norm: Literal["none", "batch", "group"] = "none"
    """Normalisation after each convolution."""

    def sides(self, size: int) -> list[int]:
        """Side of the image after each block, in pixels."""
        found = []
        for block in self.blocks:
            size //= block.pool
            found.append(size)
        return found


class ResNet(Strict):
    """A residual network for small images (He et al. 2016, section 4.2; depth 9: Page 2018)."""

    kind: Literal["resnet"] = "resnet"
    """Which model this is."""
    depth: Literal[9, 18] = 9
    """Layers with weights. 9 is the quick one, 18 the thorough one."""
    width: int = Field(64, ge=8, le=256, multiple_of=8)
    """Channels of the first stage; each later stage doubles them."""
    norm: Literal["batch", "group"] = "batch"
    """Normalisation after each convolution; group for small batches."""


Model = Annotated[CNN | ResNet, Field(discriminator="kind")]


# ---------------------------------------------------------------------------- the optimizer


class _Optimizer(Strict):
    weight_decay: float = Field(0.0, ge=0, le=1)
    """Pull of the weights towards zero; never applied to norms and biases."""


class SGD(_Optimizer):
    """Stochastic gradient descent."""

    kind: Literal["sgd"] = "sgd"
    """Which optimizer this is."""
    learning_rate: float = Field(0.1, gt=0, le=10)
    """Length of a step, at its longest."""


class Momentum(_Optimizer):
    """SGD that keeps going the way it went."""

    kind: Literal["momentum"] = "momentum"
    """Which optimizer this is."""
    learning_rate: float = Field(0.05, gt=0, le=10)
    """Length of a step, at its longest."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Share of the last step that is kept."""
    nesterov: bool = True
    """Look ahead before correcting (Nesterov 1983)."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise refuse(
                "optimizer.nesterov",
                "nesterov_without_momentum",
                "Nesterov needs a momentum above 0: raise optimizer.momentum or turn this off.",
            )
        return self


class Adagrad(_Optimizer):
    """Steps shrink where much was learnt already (Duchi et al. 2011); the rate only falls."""

    kind: Literal["adagrad"] = "adagrad"
    """Which optimizer this is."""
    learning_rate: float = Field(0.01, gt=0, le=10)
    """Length of a step, at its longest."""
    initial_accumulator: float = Field(0.1, ge=0, le=10)
    """Where the sum of squared gradients starts; above 0 tames the first steps."""


class _Adam(_Optimizer):
    learning_rate: float = Field(0.001, gt=0, le=1)
    """Length of a step, at its longest."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Memory of the gradient's mean."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Memory of the gradient's square."""
    epsilon: float = Field(1e-8, ge=1e-12, le=0.01)
    """Keeps the division finite."""


class Adam(_Adam):
    """Adam (Kingma and Ba 2015); decay mixes into the gradient."""

    kind: Literal["adam"] = "adam"
    """Which optimizer this is."""


class AdamW(_Adam):
    """Adam with decay apart from the gradient (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    """Which optimizer this is."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Pull of the weights towards zero; never applied to norms and biases."""


Optimizer = Annotated[SGD | Momentum | Adagrad | Adam | AdamW, Field(discriminator="kind")]


# ---------------------------------------------------------------------------- the schedule


class Constant(Strict):
    """The same learning rate throughout, after the warm-up."""

    kind: Literal["constant"] = "constant"
    """Which schedule this is."""
    warmup: float = Field(0.0, ge=0, le=0.5)
    """Share of all steps in which the rate rises from zero."""


class Cosine(Strict):
    """Falls to zero along half a cosine (Loshchilov and Hutter 2017), after the warm-up."""

    kind: Literal["cosine"] = "cosine"
    """Which schedule this is."""
    warmup: float = Field(0.05, ge=0, le=0.5)
    """Share of all steps in which the rate rises from zero."""


class OneCycle(Strict):
    """One rise and one fall (Smith and Topin 2018): quick training at high rates."""

    kind: Literal["one_cycle"] = "one_cycle"
    """Which schedule this is."""
    warmup: float = Field(0.25, gt=0, le=0.9)
    """Share of all steps in which the rate rises from 1/25 of its peak."""


Schedule = Annotated[Constant | Cosine | OneCycle, Field(discriminator="kind")]


# ---------------------------------------------------------------------------- the job


class JobConfig(Strict):
    """Everything a member decides about a training job."""

    model: Model = CNN()
    """The network."""
    optimizer: Optimizer = AdamW(learning_rate=0.003)
    """How the weights move."""
    schedule: Schedule = OneCycle()
    """How the learning rate changes over the run."""
    image: Image = Image()
    """What the network sees."""
    augmentation: Augmentation = Augmentation()
    """Changes drawn anew for each picture in each epoch."""
    epochs: int = Field(10, ge=1, le=1000)
    """Passes over the training split."""
    batch_size: int = Field(64, ge=2, le=4096)
    """Pictures per step."""
    label_smoothing: float = Field(0.0, ge=0, le=0.3)
    """Share of the certainty taken from the label and spread over all classes."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Same seed, same version, same machine: same result."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if isinstance(self.model, CNN):
            _check_pooling(self.model, self.image.size)
            _check_first_dense(self.model, self.image.size)
        if self.model.norm == "batch" and self.batch_size < SMALLEST_NORMED_BATCH:
            raise refuse(
                "model.norm",
                "batch_too_small_for_norm",
                "Batch normalisation needs a batch_size of at least {least}: raise it, "
                "or choose group.",
                least=SMALLEST_NORMED_BATCH,
            )
        return self


def _check_pooling(model: CNN, size: int) -> None:
    for number, side in enumerate(model.sides(size)):
        if side < 1:
            raise refuse(
                f"model.blocks.{number}.pool",
                "pooled_away",
                "Pooling leaves less than one pixel here: use pool 1, or an image.size above "
                "{size}.",
                size=size,
            )


def _check_first_dense(model: CNN, size: int) -> None:
    side = model.sides(size)[-1]
    features = side * side * model.blocks[-1].channels
    if model.dense and features * model.dense[0] > LARGEST_LAYER:
        raise refuse(
            "model.dense.0",
            "dense_too_large",
            "This layer would hold {weights} weights; at most {most} are allowed. Pool more, "
            "or choose fewer channels or a smaller image.",
            weights=features * model.dense[0],
            most=LARGEST_LAYER,
        )


def canonical_json(config: JobConfig) -> str:
    """The one spelling of a configuration: every default resolved, keys sorted, no spaces."""
    return json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def config_sha256(config: JobConfig) -> str:
    """Hexadecimal sha256 of :func:`canonical_json`."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()
