"""The form over a recipe: what it sets counts, what it does not ask stays."""

import json
from typing import Any

import pytest
from django import forms

from apps.jobs.forms import AS_IN_RECIPE, propose_form
from apps.jobs.overlay import KINDS, PATHS, at, lay_over, patch_for, place_of
from apps.jobs.recipe_words import WORDS
from apps.jobs.starts import _usual_tokenizer, offered
from training import recipes
from training.config import JobConfig, canonical_json
from training.recipes import Recipe

BASE: dict[str, Any] = {
    "model": {"kind": "cnn", "blocks": [{"channels": 8}], "dropout": 0.2},
    "optimizer": {"kind": "momentum", "learning_rate": 0.2, "bias_rate": 64.0},
    "schedule": {"kind": "cosine", "warmup": 0.2},
    "augmentation": {"rotate": 10.0},
    "compile": "auto",
}
VALUES: dict[str, Any] = {
    "optimizer": "momentum", "schedule": "cosine", "averaging": "none", "pruning": "none",
    "learning_rate": 0.2, "pruning_amount": 0.5, "dropout": None, "norm": "", "rotate": 10.0,
}  # fmt: skip


def read(config: dict[str, Any]) -> JobConfig:
    return JobConfig.model_validate_json(json.dumps(config))


def over(base: dict[str, Any] = BASE, **change: Any) -> dict[str, Any]:
    return lay_over(base, base["model"], VALUES | change)


def test_what_the_form_does_not_ask_stays() -> None:
    found = over(rotate=0.0, epochs=3)
    assert found["model"] == BASE["model"]
    assert found["optimizer"]["bias_rate"] == 64.0
    assert found["schedule"]["warmup"] == 0.2
    assert found["compile"] == "auto"
    assert (found["augmentation"]["rotate"], found["epochs"]) == (0.0, 3)
    assert BASE["augmentation"]["rotate"] == 10.0, "the recipe itself is as it was"


def test_another_kind_takes_nothing_of_the_one_before() -> None:
    found = over(optimizer="adamw", learning_rate=None, schedule="constant")
    assert found["optimizer"] == {"kind": "adamw"}
    assert found["schedule"] == {"kind": "constant"}


def test_an_emptied_rate_is_the_usual_one() -> None:
    assert "learning_rate" not in over(learning_rate=None)["optimizer"]


def test_pruning_is_measured_out_only_where_something_is_pruned() -> None:
    assert over()["pruning"] == {"kind": "none"}
    assert over(pruning="magnitude")["pruning"] == {"kind": "magnitude", "amount": 0.5}


def test_dropout_empty_is_the_models_own() -> None:
    assert over()["model"]["dropout"] == 0.2
    assert over(dropout=0.0)["model"]["dropout"] == 0.0


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("optimizer.learning_rate", "learning_rate"),
        ("optimizer.nesterov", "optimizer"),
        ("model.blocks.2.pool", "image_size"),
        ("model.heads", "model"),
        ("model.kind", "model"),
        ("averaging.decay", "averaging"),
        ("text.max_length", "max_length"),
        ("image.resize", ""),
        ("epochs", "epochs"),
        ("", ""),
    ],
)
def test_where_a_refusal_stands(field: str, place: str) -> None:
    assert place_of(field) == place


def test_fields_of_the_form_are_fields_of_a_configuration() -> None:
    whole = [JobConfig(), read({"pruning": {"kind": "magnitude"}})]
    whole.append(read({"model": {"kind": "rnn"}}))
    dumps = [each.model_dump(mode="json") for each in whole]
    for path in (*PATHS.values(), *(f"{part}.kind" for part in KINDS)):
        assert any(at(dump, path) is not None for dump in dumps), path


@pytest.mark.parametrize(("size", "patch"), [(8, 1), (28, 4), (32, 4), (64, 8), (224, 28)])
def test_patches_fill_the_image(size: int, patch: int) -> None:
    assert patch_for(size) == patch


def test_no_patches_for_a_large_prime() -> None:
    assert patch_for(67) is None


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_sent_as_it_is_offered_is_the_recipe(version: Any, texts: Any, name: str) -> None:
    recipe = recipes.read(name)
    held = texts if recipe.config.reads_texts else version
    held.dataset.flips_preserve_labels = True
    assert name in [each.name for each in offered(held.dataset)]
    found = sent(held, recipe).config()
    assert canonical_json(read(found)) == canonical_json(recipe.config)


def shown(form: Any) -> dict[str, Any]:
    """What a browser sends of a form that nobody has touched."""
    values = {name: form[name].value() for name in form.fields}
    for name, field in form.fields.items():
        if isinstance(field, forms.ChoiceField) and values[name] is None:
            values[name] = field.choices[0][0]
    return {name: value for name, value in values.items() if value is not None}


def sent(version: Any, recipe: Recipe | None, **change: Any) -> Any:
    values = shown(propose_form(version.dataset, recipe=recipe))
    values |= {"version": version.pk, "title": "x"} | change
    form = propose_form(version.dataset, values, recipe=recipe)
    assert form.is_valid(), form.errors
    return form


def test_another_network_than_the_recipes(version: Any) -> None:
    recipe = Recipe("own", "Own", "", JobConfig.model_validate_json('{"model": {"kind": "vit"}}'))
    assert sent(version, recipe).cleaned_data["model"] == AS_IN_RECIPE
    assert sent(version, recipe, model="resnet9").config()["model"]["depth"] == 9


def test_a_recipe_that_mirrors_is_offered_without_it(version: Any) -> None:
    config = '{"augmentation": {"flip": true, "alternate": true, "zoom": 0.1}}'
    recipe = Recipe("mirrors", "Mirrors", "", JobConfig.model_validate_json(config))
    form = sent(version, recipe)
    assert form.unmirrored
    found = form.config()["augmentation"]
    assert (found["flip"], found["alternate"], found["zoom"]) == (False, False, 0.1)


def test_the_words_of_recipes_are_marked_for_translation() -> None:
    found = [recipes.read(name) for name in recipes.names()]
    assert {text for each in found for text in (each.title, each.about)} == set(WORDS)


def test_the_blank_form_is_a_sensible_job(version: Any, texts: Any) -> None:
    """What a member does not touch is at its default, but for a few better starts."""
    better = {"epochs": 12, "optimizer": {"kind": "adamw"}}
    assert read(sent(version, None).config()) == read(better)
    better |= {"model": {"kind": "rnn"}, "gradient_clip": 1.0}
    assert read(sent(texts, None).config()) == read(better)


def test_chinese_texts_are_read_character_by_character(texts: Any) -> None:
    assert propose_form(texts.dataset)["tokenizer"].value() == "bpe"
    assert _usual_tokenizer("我的密码是什么？ PIN") == "characters"
    assert _usual_tokenizer("What does 密码 mean") == "bpe"
