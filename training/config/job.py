"""A job as a whole, and the rules that bind its fields together.

* A convolution keeps the size of the image (it pads with zeros); ``pool`` divides it and drops the
  remainder. A stack whose pooling would leave less than one pixel is refused, so three blocks of
  ``pool: 2`` need an image of at least 8 pixels; the stems of a ResNet need ``LEAST_SIDES``.
* Nesterov momentum needs a momentum above zero.
* Batch normalisation needs a batch of at least ``SMALLEST_NORMED_BATCH`` on each device.
* The first dense layer may hold at most ``LARGEST_LAYER`` weights.
* Patches fill the image; heads share the width evenly.
* Rare classes are helped once: by sampling or by class weights.
* Only what the model reads may be set: no ``text`` for images, no ``image`` for texts.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from training.config.inputs import Augmentation, Image, Text
from training.config.models import CNN, RNN, Model, ResNet, Transformer, ViT
from training.config.optimizers import AdamW, Optimizer
from training.config.schedules import OneCycle, Schedule
from training.config.strict import Strict, refuse

SMALLEST_NORMED_BATCH = 8
LARGEST_LAYER = 100_000_000  # weights: 400 MB, and three times as much again to train it
MOST_PATCHES = 1024
# What is left of a smaller image after a ResNet's stem could not be halved three times.
LEAST_SIDES = {"small": 8, "whitening": 9, "large": 32}


class NoAveraging(Strict):
    """The weights as they are."""

    kind: Literal["none"] = "none"
    """Which averaging this is."""


class EMA(Strict):
    """An exponential moving average of the weights is what is evaluated and kept."""

    kind: Literal["ema"] = "ema"
    """Which averaging this is."""
    decay: float = Field(0.999, ge=0.5, lt=1)
    """Share of the average that stays at each step; less in the first steps."""


class Lookahead(Strict):
    """Every few steps the weights go back to their slow average (Zhang et al. 2019; Jordan 2024)."""

    kind: Literal["lookahead"] = "lookahead"
    """Which averaging this is."""
    every: int = Field(5, ge=2, le=100)
    """Steps between two such returns."""
    decay: float = Field(0.95, ge=0, lt=1)
    """Share of the average that stays for each step, at the end; at the start it is none."""


Averaging = Annotated[NoAveraging | EMA | Lookahead, Field(discriminator="kind")]


class NoPruning(Strict):
    """All weights stay."""

    kind: Literal["none"] = "none"
    """Which pruning this is."""


class _Pruning(Strict):
    amount: float = Field(0.5, gt=0, le=0.95)
    """Share that goes."""
    epochs: int = Field(2, ge=1, le=100)
    """Passes over the training split afterwards, at a tenth of the learning rate."""


class Magnitude(_Pruning):
    """The smallest weights become zero (Han et al. 2015): fewer numbers, not less time."""

    kind: Literal["magnitude"] = "magnitude"
    """Which pruning this is."""


class Structured(_Pruning):
    """A CNN's weakest channels are removed (Li et al. 2017): a smaller network, and a faster one."""

    kind: Literal["structured"] = "structured"
    """Which pruning this is."""


Pruning = Annotated[NoPruning | Magnitude | Structured, Field(discriminator="kind")]


class JobConfig(Strict):
    """Everything a member decides about a training job."""

    model: Model = CNN()
    """The network."""
    optimizer: Optimizer = AdamW(learning_rate=0.003)
    """How the weights move."""
    schedule: Schedule = OneCycle()
    """How the learning rate changes over the run."""
    image: Image = Image()
    """What a network for images sees."""
    augmentation: Augmentation = Augmentation()
    """Changes drawn anew for each picture in each epoch."""
    text: Text = Text()
    """What a network for texts sees."""
    epochs: int = Field(10, ge=1, le=1000)
    """Passes over the training split."""
    patience: int = Field(0, ge=0, le=1000)
    """Stop early after so many epochs without a better validation accuracy; 0: never."""
    batch_size: int = Field(64, ge=2, le=4096)
    """Samples per step, on all devices together."""
    sampling: Literal["none", "oversample", "undersample", "weighted"] = "none"
    """Training samples of an epoch: each once; small classes repeated to the largest; large ones cut
    to the smallest; or as many as there are, drawn with every class as likely."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: an error on a rare class costs as much more as the class is rarer."""
    label_smoothing: float = Field(0.0, ge=0, le=0.3)
    """Share of the certainty taken from the label and spread over all classes."""
    gradient_clip: float = Field(0.0, ge=0, le=100)
    """Longest step of the gradient, as its norm; 0: no limit. Recurrent networks want about 1."""
    averaging: Averaging = NoAveraging()
    """Whether an average of the weights is kept."""
    pruning: Pruning = NoPruning()
    """Whether the trained network is made smaller."""
    test_time_augmentation: bool = False
    """Measure also the mean of shifted (with flip: mirrored) views, apart from the plain scores."""
    precision: Literal["auto", "float32"] = "auto"
    """auto: bfloat16 arithmetic where the hardware has it; the weights are float32 in any case."""
    compile: Literal["off", "auto"] = "off"
    """auto: torch.compile, where what it is expected to save exceeds what it costs."""
    devices: int = Field(1, ge=1, le=16)
    """Devices of one machine that share each batch. Another number gives another result."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Same seed, same version, same machine: same result."""

    @property
    def reads_texts(self) -> bool:
        """Whether the model is for texts."""
        return isinstance(self.model, RNN | Transformer)

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        _check_inputs(self)
        _CHECKS[self.model.kind](self.model, self.image.size)
        _check_batch(self)
        if self.augmentation.alternate and not self.augmentation.flip:
            raise refuse(
                "augmentation.alternate",
                "alternate_without_flip",
                "This says how flip takes turns: turn augmentation.flip on, or this off.",
            )
        if self.class_weights != "none" and self.sampling != "none":
            raise refuse(
                "class_weights",
                "balanced_twice",
                "This sampling shows every class as often already: choose one of the two.",
            )
        if self.pruning.kind == "structured" and not isinstance(self.model, CNN):
            raise refuse(
                "pruning.kind",
                "not_prunable",
                "Only the channels of a CNN can be removed: choose magnitude.",
            )
        return self


def unread(config: JobConfig) -> set[str]:
    """The fields that the model of ``config`` does not read."""
    return {"image", "augmentation"} if config.reads_texts else {"text"}


def _check_inputs(config: JobConfig) -> None:
    unset: dict[str, Strict] = {"image": Image(), "augmentation": Augmentation(), "text": Text()}
    for field in sorted(unread(config)):
        if getattr(config, field) != unset[field]:
            raise refuse(
                field,
                "not_read",
                "A model of this kind does not read this: leave it out.",
            )
    if config.reads_texts and config.test_time_augmentation:
        raise refuse(
            "test_time_augmentation",
            "no_views_of_texts",
            "A text has one view only: turn this off.",
        )


def _check_cnn(model: CNN, size: int) -> None:
    for number, side in enumerate(model.sides(size)):
        if side < 1:
            raise refuse(
                f"model.blocks.{number}.pool",
                "pooled_away",
                "Pooling leaves less than one pixel here: use pool 1, or an image.size above "
                "{size}.",
                size=size,
            )
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


def _check_resnet(model: ResNet, size: int) -> None:
    if size < LEAST_SIDES[model.stem]:
        raise refuse(
            "model.stem",
            "stem_too_large",
            "This stem needs an image.size of at least {least}: raise it, or choose small.",
            least=LEAST_SIDES[model.stem],
        )


def _check_vit(model: ViT, size: int) -> None:
    _check_heads(model, size)
    if size % model.patch:
        raise refuse(
            "model.patch",
            "patches_do_not_fit",
            "Squares of {patch} pixels do not fill an image of {size}: choose a divisor.",
            patch=model.patch,
            size=size,
        )
    if (size // model.patch) ** 2 > MOST_PATCHES:
        raise refuse(
            "model.patch",
            "too_many_patches",
            "This cuts the image into {patches} patches; at most {most} are allowed. Choose larger "
            "ones.",
            patches=(size // model.patch) ** 2,
            most=MOST_PATCHES,
        )


def _check_heads(model: ViT | Transformer, _size: int) -> None:
    if model.width % model.heads:
        raise refuse(
            "model.heads",
            "heads_do_not_fit",
            "{heads} heads cannot share a width of {width} evenly: choose a divisor.",
            heads=model.heads,
            width=model.width,
        )


def _accept(_model: RNN, _size: int) -> None:
    """Nothing in it depends on anything else."""


_CHECKS: dict[str, Any] = {
    "cnn": _check_cnn,
    "resnet": _check_resnet,
    "vit": _check_vit,
    "rnn": _accept,
    "transformer": _check_heads,
}


def _check_batch(config: JobConfig) -> None:
    share = config.batch_size / config.devices
    if share != int(share) or share < 2:
        raise refuse(
            "devices",
            "batch_not_shared_evenly",
            "{devices} devices cannot share a batch_size of {batch} evenly, with two samples or "
            "more for each.",
            devices=config.devices,
            batch=config.batch_size,
        )
    if getattr(config.model, "norm", "none") == "batch" and share < SMALLEST_NORMED_BATCH:
        raise refuse(
            "model.norm",
            "batch_too_small_for_norm",
            "Batch normalisation needs a batch_size of at least {least} for each device: raise it, "
            "or choose group.",
            least=SMALLEST_NORMED_BATCH,
        )


def canonical_json(config: JobConfig) -> str:
    """The one spelling of a configuration: every default resolved, what the model does not read left
    out, keys sorted, no spaces."""
    return json.dumps(
        config.model_dump(mode="json", exclude=unread(config)),
        sort_keys=True,
        separators=(",", ":"),
    )


def config_sha256(config: JobConfig) -> str:
    """Hexadecimal sha256 of :func:`canonical_json`."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()
