"""The shipped configurations: complete, readable, runnable."""

import json

import pytest
import torch

from training import engine, recipes
from training.__main__ import main
from training.config import canonical_json
from training.data.images import Images
from training.data.texts import Texts
from training.errors import Cancelled
from training.pulse import Pulse


def test_there_are_recipes_for_both_kinds():
    found = [recipes.read(name).config for name in recipes.names()]
    assert {config.reads_texts for config in found} == {True, False}
    assert {config.model.kind for config in found} >= {"cnn", "resnet", "vit", "rnn", "transformer"}


def test_the_speed_recipe_is_what_the_papers_describe():
    config = recipes.read("cifar-speed").config
    assert config.model.stem == "whitening"
    assert config.optimizer.bias_rate > 1
    assert config.averaging.kind == "lookahead"
    assert config.augmentation.alternate


@pytest.mark.parametrize("name", recipes.names())
def test_says_what_it_is_for(name):
    recipe = recipes.read(name)
    assert recipe.title
    assert len(recipe.about) > 80
    written = json.loads((recipes.FOLDER / f"{name}.json").read_text())
    assert set(written) == {"title", "about", "config"}


@pytest.mark.parametrize("name", recipes.names())
def test_takes_a_step(name):
    config = recipes.read(name).config.model_copy(update={"batch_size": 16})
    source = torch.Generator().manual_seed(0)
    if config.reads_texts:
        tokens = torch.randint(2, 60, (160,), generator=source)
        data = Texts(tokens, torch.arange(17) * 10, torch.arange(16) % 2)
    else:
        size, depth = config.image.size, config.image.depth
        pixels = torch.randint(0, 256, (16, size, size, depth), generator=source)
        data = Images(pixels.to(torch.uint8), torch.arange(16) % 2)
    run = engine.start(config, 2, data, None, torch.device("cpu"))
    with pytest.raises(Cancelled):
        engine.train(run, Pulse(stopped=lambda: True))
    assert run.step == 1


def test_the_command_line_lists_and_prints_them(capsys):
    assert main(["recipes"]) == 0
    text = capsys.readouterr().out
    for name in recipes.names():
        assert f"{name}: " in text
    assert main(["recipe", "cifar-speed"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(canonical_json(recipes.read("cifar-speed").config))
    assert main(["recipe", "none-such"]) == 2
