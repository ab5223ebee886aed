"""What a configuration may be, and how a wrong one is told."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from training import config
from training.config import (
    CNN,
    ConvBlock,
    Image,
    JobConfig,
    canonical_json,
    config_sha256,
    describe_errors,
    list_problems,
)
from training.tests.strategies import EVERY_CONFIG, JSON


def problems(document) -> dict[str, list[str]]:
    """What is wrong with it; the same whether it comes as text or as decoded values."""
    with pytest.raises(ValidationError) as decoded:
        JobConfig.model_validate(document)
    with pytest.raises(ValidationError) as text:
        JobConfig.model_validate_json(json.dumps(document))
    assert describe_errors(decoded.value).keys() == describe_errors(text.value).keys()
    return describe_errors(decoded.value)


REFUSED = [
    ({"epochs": 0}, "epochs", "Must be at least 1."),
    ({"epochs": 1.5}, "epochs", "Must be a whole number."),
    ({"epochs": "3"}, "epochs", "Must be a whole number."),
    ({"epochs": None}, "epochs", "Must be a whole number."),
    ({"seed": True}, "seed", "Must be a whole number."),
    ({"batch_size": 5000}, "batch_size", "Must be at most 4096."),
    ({"label_smoothing": "much"}, "label_smoothing", "Must be a number."),
    ({"pickle": 1}, "pickle", "There is no field of this name."),
    (
        {"model": {"kind": "mlp"}},
        "model.kind",
        "Must be one of 'cnn', 'resnet', 'vit', 'rnn', 'transformer'.",
    ),
    ({"model": {"kind": "vit", "width": 12}}, "model.width", "Must be a multiple of 8."),
    ({"model": {"kind": "vit", "patch": 0}}, "model.patch", "Must be at least 1."),
    ({"model": {"kind": "resnet", "stem": "huge"}}, "model.stem", "Must be one of 'small',"),
    ({"model": {"kind": "rnn", "cell": "mgu"}}, "model.cell", "Must be one of 'rnn', 'lstm'"),
    ({"model": {"kind": "transformer", "depth": 99}}, "model.depth", "Must be at most 24."),
    (
        {"model": {"kind": "rnn"}, "text": {"max_length": 100}},
        "text.max_length",
        "Must be a multiple of 8.",
    ),
    ({"optimizer": {"kind": "muon", "momentum": 1}}, "optimizer.momentum", "Must be less than 1."),
    ({"averaging": {"kind": "ema", "decay": 1}}, "averaging.decay", "Must be less than 1."),
    ({"averaging": {"kind": "swa"}}, "averaging.kind", "Must be one of 'none', 'ema',"),
    ({"averaging": {"kind": "lookahead", "every": 1}}, "averaging.every", "Must be at least 2."),
    ({"pruning": {"kind": "magnitude", "amount": 0}}, "pruning.amount", "Must be greater than 0."),
    ({"sampling": "smote"}, "sampling", "Must be one of 'none', 'oversample',"),
    ({"class_weights": "heavy"}, "class_weights", "Must be one of 'none' or 'balanced'."),
    ({"gradient_clip": -1}, "gradient_clip", "Must be at least 0."),
    ({"patience": -1}, "patience", "Must be at least 0."),
    ({"precision": "float16"}, "precision", "Must be one of 'auto' or 'float32'."),
    ({"compile": True}, "compile", "Must be one of 'off' or 'auto'."),
    ({"devices": 0}, "devices", "Must be at least 1."),
    ({"test_time_augmentation": 1}, "test_time_augmentation", "Must be true or false."),
    ({"augmentation": {"mixup": 2}}, "augmentation.mixup", "Must be at most 1."),
    ({"model": {}}, "model.kind", "Say which kind is meant."),
    ({"model": "cnn"}, "model", "Must be an object with named fields."),
    ({"model": {"kind": "cnn", "code": "x"}}, "model.code", "There is no field of this name."),
    ({"model": {"kind": "cnn", "dense": 5}}, "model.dense", "Must be a list."),
    (
        {"model": {"kind": "cnn", "blocks": []}},
        "model.blocks",
        "Holds too few items: 1 is the least.",
    ),
    (
        {"model": {"kind": "cnn", "blocks": [{"kernel": 2}]}},
        "model.blocks.0.kernel",
        "Must be one of 1, 3, 5 or 7.",
    ),
    (
        {"model": {"kind": "cnn", "blocks": [{}, {"channels": 0}]}},
        "model.blocks.1.channels",
        "Must be at least 1.",
    ),
    ({"model": {"kind": "resnet", "width": 12}}, "model.width", "Must be a multiple of 8."),
    (
        {"optimizer": {"kind": "sgd", "learning_rate": 0}},
        "optimizer.learning_rate",
        "Must be greater than 0.",
    ),
    ({"optimizer": {"kind": "adam", "beta1": 1}}, "optimizer.beta1", "Must be less than 1."),
    (
        {"schedule": {"kind": "one_cycle", "warmup": 0}},
        "schedule.warmup",
        "Must be greater than 0.",
    ),
    ({"schedule": {"kind": "cosine", "warmup": 0.6}}, "schedule.warmup", "Must be at most 0.5."),
    ({"augmentation": {"flip": 1}}, "augmentation.flip", "Must be true or false."),
    ({"image": {"resize": "tile"}}, "image.resize", "Must be one of"),
    ([], "config", "Must be an object with named fields."),
]
# Rules between fields: each names the one to change.
RULES = [
    (
        {"image": {"size": 8}, "model": {"kind": "cnn", "blocks": [{}, {}, {}, {}]}},
        "model.blocks.3.pool",
        "Pooling leaves less than one pixel here",
    ),
    (
        {"optimizer": {"kind": "momentum", "momentum": 0}},
        "optimizer.nesterov",
        "Nesterov needs a momentum above 0",
    ),
    (
        {"model": {"kind": "resnet"}, "batch_size": 4},
        "model.norm",
        "Batch normalisation needs a batch_size of at least 8",
    ),
    (
        {"model": {"kind": "cnn", "blocks": [{"pool": 1}]}, "image": {"size": 512}},
        "model.dense.0",
        "This layer would hold 536870912 weights",
    ),
    (
        {"model": {"kind": "resnet", "stem": "large"}, "image": {"size": 31}},
        "model.stem",
        "This stem needs an image.size of at least 32",
    ),
    (
        {"model": {"kind": "resnet", "stem": "whitening"}, "image": {"size": 8}},
        "model.stem",
        "This stem needs an image.size of at least 9",
    ),
    (
        {"model": {"kind": "vit", "patch": 5}},
        "model.patch",
        "Squares of 5 pixels do not fill an image of 32",
    ),
    (
        {"model": {"kind": "vit", "patch": 1}, "image": {"size": 64}},
        "model.patch",
        "This cuts the image into 4096 patches; at most 1024",
    ),
    (
        {"model": {"kind": "vit", "heads": 3}},
        "model.heads",
        "3 heads cannot share a width of 128 evenly",
    ),
    (
        {"model": {"kind": "transformer", "width": 8, "heads": 16}},
        "model.heads",
        "16 heads cannot share a width of 8 evenly",
    ),
    ({"batch_size": 64, "devices": 3}, "devices", "3 devices cannot share a batch_size of 64"),
    ({"batch_size": 4, "devices": 4}, "devices", "4 devices cannot share a batch_size of 4"),
    (
        {"model": {"kind": "cnn", "norm": "batch"}, "batch_size": 16, "devices": 4},
        "model.norm",
        "Batch normalisation needs a batch_size of at least 8 for each device",
    ),
    (
        {"augmentation": {"alternate": True}},
        "augmentation.alternate",
        "This says how flip takes turns",
    ),
    (
        {"class_weights": "balanced", "sampling": "weighted"},
        "class_weights",
        "This sampling shows every class as often already",
    ),
    (
        {"model": {"kind": "resnet"}, "pruning": {"kind": "structured"}},
        "pruning.kind",
        "Only the channels of a CNN can be removed",
    ),
    ({"text": {"lowercase": False}}, "text", "A model of this kind does not read this"),
    (
        {"model": {"kind": "rnn"}, "image": {"size": 64}},
        "image",
        "A model of this kind does not read this",
    ),
    (
        {"model": {"kind": "transformer"}, "augmentation": {"flip": True}},
        "augmentation",
        "A model of this kind does not read this",
    ),
    (
        {"model": {"kind": "rnn"}, "test_time_augmentation": True},
        "test_time_augmentation",
        "A text has one view only",
    ),
]


@pytest.mark.parametrize(("document", "field", "sentence"), [*REFUSED, *RULES])
def test_refuses_naming_the_field(document, field, sentence):
    found = problems(document)
    assert list(found) == [field]
    assert found[field][0].startswith(sentence)
    assert found[field][0].endswith(".")


def test_every_rule_between_fields_is_here():
    written = {
        code
        for path in Path(config.__file__).parent.glob("*.py")
        for code in re.findall(r'refuse\(\s*[^,]+,\s*"(\w+)"', path.read_text())
    }
    refused = set()
    for document, _field, _sentence in RULES:
        with pytest.raises(ValidationError) as caught:
            JobConfig.model_validate(document)
        refused |= {problem.code for problem in list_problems(caught.value)}
    assert refused == written


def test_names_every_wrong_field_at_once():
    assert set(problems({"epochs": 0, "batch_size": 1, "colour": 1})) == {
        "epochs",
        "batch_size",
        "colour",
    }


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_refuses_what_is_no_number(number):
    text = f'{{"optimizer": {{"kind": "sgd", "learning_rate": {number}}}}}'
    with pytest.raises(ValidationError) as caught:
        JobConfig.model_validate_json(text)
    assert set(describe_errors(caught.value)) == {"optimizer.learning_rate"}


def test_refuses_text_that_is_no_json():
    with pytest.raises(ValidationError) as caught:
        JobConfig.model_validate_json("{")
    assert list(describe_errors(caught.value)) == ["config"]


def test_a_problem_carries_what_a_translator_needs():
    with pytest.raises(ValidationError) as caught:
        JobConfig.model_validate({"epochs": 0})
    (problem,) = list_problems(caught.value)
    assert (problem.field, problem.code, problem.values) == (
        "epochs",
        "greater_than_equal",
        {"ge": 1},
    )


def test_three_poolings_fit_the_smallest_image():
    blocks = (ConvBlock(), ConvBlock(), ConvBlock())
    assert JobConfig(image=Image(size=8), model=CNN(blocks=blocks)).model.sides(8) == [4, 2, 1]


def test_the_default_is_the_classic_network():
    model = JobConfig().model
    assert [block.channels for block in model.blocks] == [32, 64, 64]
    assert model.dense == (64,)


def test_one_spelling_whatever_was_left_out():
    spelled_out = JobConfig.model_validate(
        {"seed": 0, "optimizer": {"kind": "adamw", "learning_rate": 0.003, "weight_decay": 1e-2}}
    )
    assert canonical_json(spelled_out) == canonical_json(JobConfig())
    assert config_sha256(spelled_out) == config_sha256(JobConfig())
    assert config_sha256(JobConfig(seed=1)) != config_sha256(JobConfig())
    text = canonical_json(JobConfig())
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_whole_numbers_count_as_numbers():
    whole = JobConfig.model_validate({"optimizer": {"kind": "sgd", "learning_rate": 1}})
    exact = JobConfig.model_validate({"optimizer": {"kind": "sgd", "learning_rate": 1.0}})
    assert config_sha256(whole) == config_sha256(exact)


def test_cannot_be_changed():
    with pytest.raises(ValidationError):
        JobConfig().epochs = 3


def test_every_field_says_what_it_is():
    schema = JobConfig.model_json_schema()
    for name, part in {**schema["$defs"], "JobConfig": schema}.items():
        assert part.get("description"), name
        for field, value in part["properties"].items():
            assert value.get("description"), f"{name}.{field}"


def test_needs_neither_torch_nor_numpy():
    code = (
        "import sys, training, training.config, training.plan, training.leftovers;"
        "training.plan.plan(training.config.JobConfig(), classes=2, train_samples=9);"
        "sys.exit(bool({'torch', 'numpy', 'pyarrow', 'PIL', 'django'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(max_examples=150, deadline=None)
@given(EVERY_CONFIG)
def test_survives_its_own_spelling(job):
    text = canonical_json(job)
    assert JobConfig.model_validate_json(text) == job
    assert JobConfig.model_validate(json.loads(text)) == job
    assert canonical_json(JobConfig.model_validate_json(text)) == text


@settings(max_examples=50, deadline=None)
@given(EVERY_CONFIG)
def test_leaves_out_what_the_model_does_not_read(job):
    written = json.loads(canonical_json(job))
    for_texts = job.model.kind in {"rnn", "transformer"}
    assert job.reads_texts == for_texts
    assert ("text" in written, "image" in written, "augmentation" in written) == (
        for_texts,
        not for_texts,
        not for_texts,
    )


def accepted_or_explained(document) -> None:
    """Valid, or refused with sentences about fields that exist or that the document names."""
    try:
        job = JobConfig.model_validate_json(json.dumps(document))
    except ValidationError as error:
        found = describe_errors(error)
        assert found
        assert all(sentence.endswith(".") for one in found.values() for sentence in one)
        names = {*JobConfig.model_fields, "config"}
        names |= set(document) if isinstance(document, dict) else set()
        # A name may hold dots itself.
        assert all(any(field.startswith(name) for name in names) for field in found)
    else:
        assert JobConfig.model_validate_json(canonical_json(job)) == job


@settings(max_examples=150, deadline=None)
@given(JSON | st.dictionaries(st.sampled_from([*JobConfig.model_fields, "zz"]), JSON, max_size=4))
def test_anything_is_accepted_or_explained(document):
    accepted_or_explained(document)


@settings(max_examples=150, deadline=None)
@given(EVERY_CONFIG, JSON, st.data())
def test_so_is_a_configuration_with_something_else_in_one_place(job, value, data):
    """Deeper than chance alone would go: any one value of a valid configuration is replaced."""
    document = json.loads(canonical_json(job))
    inside = document
    while True:
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(inside[key], dict | list) or not inside[key] or data.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = value
    accepted_or_explained(document)
