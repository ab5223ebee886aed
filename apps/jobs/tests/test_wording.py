"""A configuration in words: nothing that is not at its default goes unsaid."""

from typing import Any, get_args

import pytest

from apps.jobs.wording import NAMES, PHRASES, SAID, facts, short
from training import recipes
from training.config import Averaging, JobConfig, Model, Optimizer, Pruning, Schedule

UNIONS = {
    "model": Model,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "averaging": Averaging,
    "pruning": Pruning,
}


def parts() -> dict[str, list[Any]]:
    """{name of a part: the classes that it may be}; "" is the whole."""
    found: dict[str, list[Any]] = {"": [JobConfig]}
    for name, field in JobConfig.model_fields.items():
        if name in UNIONS:
            members = get_args(get_args(UNIONS[name])[0])
            found[name] = [inner for each in members for inner in (get_args(each) or [each])]
        elif hasattr(field.annotation, "model_fields"):
            found[name] = [field.annotation]
    return found


FIELDS = sorted(
    {
        (f"{part}.{name}" if part else name, field.annotation, field.default)
        for part, classes in parts().items()
        for each in classes
        for name, field in each.model_fields.items()
        if name != "kind" and (part or name not in parts())
    },
    key=str,
)


@pytest.mark.parametrize(("path", "kind", "default"), FIELDS)
def test_every_field_has_words(path: str, kind: Any, default: Any) -> None:
    values = [True, False] if kind is bool else get_args(kind)
    if path in SAID or path in PHRASES:
        return
    unsaid = [each for each in values if each != default and f"{path}={each}" not in PHRASES]
    assert values, path
    assert not unsaid, (path, unsaid)


def test_every_kind_has_a_name() -> None:
    for part, classes in parts().items():
        for each in classes if part in UNIONS else ():
            kind = each.model_fields["kind"].default
            assert kind in NAMES or kind in {"none", "resnet"}, kind


@pytest.mark.parametrize("name", recipes.names())
def test_recipes_can_be_read(name: str) -> None:
    config = recipes.read(name).config.model_dump(mode="json")
    said = " ".join(fact.text for fact in facts(config))
    assert "{" not in said
    assert short(config)


def test_what_is_changed_is_said_and_what_is_not_is_left_out() -> None:
    default = JobConfig().model_dump(mode="json")
    said = dict(facts(default | {"patience": 3, "averaging": {"kind": "ema", "decay": 0.99}}))
    assert said["Epochs"] == "10, stops after 3 without a better one"
    assert said["Weight averaging"] == "moving average (EMA), decay 0.99"
    assert "Pruning" not in said
    assert "Augmentation" not in said


def test_a_job_of_an_earlier_release_can_be_read() -> None:
    old = {
        "model": {"kind": "resnet", "depth": 9, "width": 64, "norm": "batch"},
        "optimizer": {"kind": "sgd", "learning_rate": 0.1, "weight_decay": 0.0},
        "schedule": {"kind": "one_cycle", "warmup": 0.25},
        "image": {"size": 16, "resize": "letterbox", "channels": "grey"},
        "augmentation": {"flip": False, "translate": 0.1, "rotate": 0.0, "zoom": 0.0},
        "epochs": 3, "batch_size": 32, "label_smoothing": 0.0, "seed": 0,
    }  # fmt: skip
    said = dict(facts(old))
    assert said["Model"] == "ResNet-9"
    assert said["Image"] == "16×16, greyscale"
    assert said["Augmentation"] == "shift 0.1"
    assert short(old) == "ResNet-9, SGD"
