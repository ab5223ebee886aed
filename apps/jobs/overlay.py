"""The form's values laid over a configuration: which field of the form is which of a JobConfig."""

import copy
from typing import Any, get_args

from training.config import ImageModel, TextModel

# Fields of the form → dotted fields of the configuration.
PATHS = {
    "learning_rate": "optimizer.learning_rate",
    "image_size": "image.size",
    "channels": "image.channels",
    "dropout": "model.dropout",
    "norm": "model.norm",
    "pruning_amount": "pruning.amount",
    "pruning_epochs": "pruning.epochs",
    **{name: f"text.{name}" for name in ("tokenizer", "vocabulary", "max_length", "lowercase")},
    **{
        name: f"augmentation.{name}"
        for name in "translate rotate zoom crop cutout colour mixup flip alternate".split()
    },
    **{
        name: name
        for name in (
            "epochs batch_size seed label_smoothing class_weights sampling patience gradient_clip "
            "test_time_augmentation precision devices"
        ).split()
    },
}
# These fields of the form choose the kind of the part of the same name.
KINDS = ("optimizer", "schedule", "averaging", "pruning")
# Where these are empty, the model has its own; so they start empty, whatever the recipe says.
OF_THE_MODEL = ("dropout", "norm")
# Beside which field of the form a refusal stands; the longest beginning decides.
PLACES = {
    **{path: name for name, path in PATHS.items()},
    **{part: part for part in KINDS},
    "model": "model",
    "model.norm": "batch_size",
    **dict.fromkeys(("model.blocks", "model.dense", "model.stem", "model.patch"), "image_size"),
}
LARGEST_PATCH, MOST_PATCHES_A_SIDE = 64, 12

Config = dict[str, Any]
_MODELS = {
    each.model_fields["kind"].default: each
    for each in (*get_args(ImageModel), *get_args(TextModel))
}


def at(config: Config, path: str) -> Any:
    """What stands at a dotted field; None where there is nothing."""
    found: Any = config
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def put(config: Config, path: str, value: Any) -> None:
    """Write at a dotted field, and make the parts around it where they are missing."""
    *parts, last = path.split(".")
    for key in parts:
        config = config.setdefault(key, {})
    config[last] = value


def values_of(config: Config) -> dict[str, Any]:
    """{field of the form: what the configuration says}, as far as it says something."""
    found = {name: at(config, path) for name, path in PATHS.items() if name not in OF_THE_MODEL}
    found |= {part: at(config, f"{part}.kind") for part in KINDS}
    return {name: value for name, value in found.items() if value is not None}


def lay_over(base: Config, model: Config, values: dict[str, Any]) -> Config:
    """``values`` of the form and the network ``model`` over ``base``, which stays as it is.

    A part whose kind changes loses what the base said of it: that was about the other kind.
    """
    config = copy.deepcopy(base)
    config["model"] = copy.deepcopy(model)
    for part in KINDS:
        if at(config, f"{part}.kind") != values[part]:
            config[part] = {"kind": values[part]}
    if values["learning_rate"] is None:
        config["optimizer"].pop("learning_rate", None)  # each optimizer has a usual one
    unused = {"pruning_amount", "pruning_epochs"} if values["pruning"] == "none" else set()
    for name, path in PATHS.items():
        if name not in unused and values.get(name) not in (None, ""):
            put(config, path, values[name])
    return config


def place_of(field: str) -> str:
    """The field of the form for a dotted one of the configuration; empty where there is none."""
    beginnings = [path for path in PLACES if f"{field}.".startswith(f"{path}.")]
    return PLACES[max(beginnings, key=len)] if beginnings else ""


def has(model: Config, field: str) -> bool:
    """Whether a network of this kind has such a field."""
    return field in _MODELS[model["kind"]].model_fields


def patch_for(size: int) -> int | None:
    """Side of a ViT's patches that fill an image of this size, not too many; None: there is none."""
    fit = (
        each
        for each in range(1, LARGEST_PATCH + 1)
        if size % each == 0 and size // each <= MOST_PATCHES_A_SIDE
    )
    return next(fit, None)
