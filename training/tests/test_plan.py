"""The plan's arithmetic against torch itself, on the meta device: nothing is allocated."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from training import evaluation
from training.config import (
    CNN,
    EMA,
    RNN,
    Augmentation,
    ConvBlock,
    Image,
    JobConfig,
    Lookahead,
    Magnitude,
    Muon,
    ResNet,
    Text,
    Transformer,
    ViT,
)
from training.data.images import Images
from training.data.pack import DTYPES
from training.models import build, vit
from training.optimizers import build_optimizer
from training.plan import compile_pays, layers_of, memory, plan, steps_per_epoch
from training.plan.images import FEED_FORWARD
from training.tests.strategies import EVERY_CONFIG

BLOCKS = (ConvBlock(channels=5, kernel=5, pool=3), ConvBlock(channels=7, kernel=1, pool=1))
TEXT = Text(vocabulary=100, max_length=24)


def images(model, *sizes):
    return [
        JobConfig(model=model, image=Image(size=size, channels=channels))
        for size, channels in zip(sizes, ("rgb", "grey", "rgb"), strict=False)
    ]


CONFIGS = [
    *images(CNN(), 32, 8, 45),
    *images(CNN(norm="batch", dense=(64, 32), dropout=0.5), 32, 28),
    *images(CNN(norm="group", dense=(), blocks=BLOCKS), 32, 45),
    *images(ResNet(), 32, 8, 45),
    *images(ResNet(norm="group", width=8), 28, 9),
    *images(ResNet(depth=18), 32, 8, 45),
    *images(ResNet(depth=18, width=16, norm="group"), 33, 8),
    *images(ResNet(width=8, stem="large"), 64, 45),
    *images(ResNet(depth=18, width=8, stem="large"), 33, 32),
    *images(ResNet(width=8, stem="whitening"), 32, 9),
    *images(ResNet(depth=18, width=8, stem="whitening"), 20, 45),
    *images(ViT(), 32, 8),
    *images(ViT(patch=7, width=24, depth=3, heads=3, dropout=0.1), 28, 14),
    *[
        JobConfig(model=model, text=TEXT)
        for model in (
            RNN(),
            RNN(cell="gru", pool="last", embedding=12),
            RNN(cell="rnn", pool="mean", hidden=40, layers=3),
            RNN(bidirectional=False, layers=2, dropout=0.0),
            Transformer(),
            Transformer(width=24, depth=3, heads=3, pool="max", dropout=0.0, feed_forward=1),
        )
    ],
]


def network_and_inputs(config, classes, samples):
    with torch.device("meta"):
        network = build(config, classes)
        if config.reads_texts:
            inputs = torch.ones(samples, config.text.max_length, dtype=torch.int64)
        else:
            size = config.image.size
            inputs = torch.empty(samples, config.image.depth, size, size)
    return network, inputs


def check_against_torch(config):
    network, inputs = network_and_inputs(config, 11, 2)
    with FlopCounterMode(display=False) as counter:
        network.eval()(inputs)
    found = plan(config, classes=11, train_samples=100)
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    assert found.parameters == sum(weight.numel() for weight in trained)
    assert found.flops_per_sample == pytest.approx(counter.get_total_flops() / 2, rel=0.01)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.model.kind}-{c.image.size}")
def test_agrees_with_torch(config):
    check_against_torch(config)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVERY_CONFIG)
def test_agrees_with_torch_on_any_configuration(config):
    check_against_torch(config)


def test_each_convolution_agrees_with_torch():
    """So sides are right, too, where only a sum could hide an error by another."""
    for config in (one for one in CONFIGS if one.model.kind in {"cnn", "resnet"}):
        network, inputs = network_and_inputs(config, 3, 1)
        with FlopCounterMode(display=False) as counter:
            network.eval()(inputs)
        counted = [
            sum(counter.get_flop_counts()[f"Classifier.{name}"].values())
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        ]
        assert sorted(counted) == sorted(layer.flops for layer in layers_of(config, 3))


def test_the_classic_network_by_hand():
    layers = layers_of(JobConfig(image=Image(size=28, channels="grey")), 10)
    first = layers[0]
    assert (first.name, first.kind, first.shape) == ("blocks.0", "conv", (32, 14, 14))
    assert (first.parameters, first.flops) == (320, 2 * 9 * 32 * 28 * 28)
    # The convolution's output; the pooled one, with the places of the largest.
    assert first.kept == 32 * (28 * 28 * 4 + 14 * 14 * (4 + 8))
    assert [layer.shape for layer in layers[1:]] == [(64, 7, 7), (64, 7, 7), (64,), (10,)]
    assert layers[3].parameters == (7 * 7 * 64 + 1) * 64


def test_shorter_texts_take_less_time_and_the_longest_the_memory():
    config = JobConfig(model=Transformer(), text=Text(max_length=128))
    whole, half = (plan(config, classes=2, train_samples=99, tokens=tokens) for tokens in (128, 64))
    assert plan(config, classes=2, train_samples=99) == whole
    assert plan(config, classes=2, train_samples=99, tokens=999).flops_per_sample == (
        whole.flops_per_sample
    )
    assert 2 < whole.flops_per_sample / half.flops_per_sample < 4  # attention: by their square
    assert half.step_bytes == whole.step_bytes
    assert half.parameters == whole.parameters
    assert half.data_bytes == 99 * (64 * 2 + 8)


# ---------------------------------------------------------------------------- steps


def test_counts_full_batches_only():
    assert steps_per_epoch(100, 64) == 1
    assert steps_per_epoch(128, 64) == 2
    assert steps_per_epoch(10, 64) == 1  # less than a batch is one small step
    found = plan(JobConfig(epochs=3, batch_size=64), classes=10, train_samples=200)
    assert (found.steps_per_epoch, found.steps) == (3, 9)


@pytest.mark.parametrize(
    ("sampling", "steps"), [("none", 6), ("weighted", 6), ("oversample", 10), ("undersample", 2)]
)
def test_counts_what_an_epoch_draws(sampling, steps):
    config = JobConfig(sampling=sampling, batch_size=10, epochs=1)
    found = plan(config, classes=2, train_samples=60, per_class=(50, 10))
    assert found.steps == steps


@pytest.mark.parametrize("sampling", ["none", "weighted", "oversample", "undersample"])
def test_the_loop_takes_as_many_steps(sampling):
    config = JobConfig(sampling=sampling, batch_size=8, image=Image(size=8))
    labels = torch.tensor([0] * 25 + [1] * 7 + [2] * 9)
    split = Images(torch.zeros(41, 8, 8, 3, dtype=torch.uint8), labels)
    found = plan(config, classes=3, train_samples=41, per_class=(25, 7, 9))
    assert len(split.draw(config, 0, torch.device("cpu"))) == found.steps_per_epoch


def test_training_after_pruning_counts():
    plain = plan(JobConfig(epochs=3), classes=2, train_samples=640)
    pruned = plan(JobConfig(epochs=3, pruning=Magnitude(epochs=2)), classes=2, train_samples=640)
    assert (plain.steps, pruned.steps) == (30, 50)
    assert pruned.training_flops == pytest.approx(plain.training_flops * 5 / 3)


# ---------------------------------------------------------------------------- time


def test_time_follows_from_operations():
    found = plan(JobConfig(), classes=10, train_samples=1000, validation_samples=100)
    assert found.seconds(1e9) == pytest.approx(found.training_flops / 1e9)
    forward = found.flops_per_sample
    assert found.training_flops == forward * (3 * found.steps * 64 + 100 * (10 + 1))


def test_every_view_of_a_test_image_counts():
    def judged(**changes):
        found = plan(JobConfig(**changes), classes=2, train_samples=64, test_samples=1000)
        return found.training_flops / found.flops_per_sample - 3 * 64 * 10

    shifted, mirrored = Augmentation(), Augmentation(flip=True)
    views = list(evaluation.views(torch.zeros(1, 3, 8, 8), mirrored=False))
    assert judged() == 1000
    assert judged(test_time_augmentation=True, augmentation=shifted) == 1000 * (1 + len(views))
    assert judged(test_time_augmentation=True, augmentation=mirrored) == 1000 * (1 + 2 * len(views))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.model.kind}-{c.image.size}")
def test_a_backward_pass_takes_at_most_two_forward_passes(config):
    """Less only for the first layer, whose input has no gradient."""
    network, inputs = network_and_inputs(config, 11, 8)
    with FlopCounterMode(display=False) as counter:
        network.train()(inputs).sum().backward()
    per_step = 8 * sum(layer.flops for layer in layers_of(config, 11))
    assert 2 * per_step < counter.get_total_flops() <= 3.01 * per_step


@pytest.mark.parametrize(
    "model", [CNN(), ResNet(width=8, stem="whitening"), ViT(depth=1), RNN(), Transformer(width=64)]
)
def test_muon_takes_its_own_time(model):
    text = {"text": TEXT} if model.kind in {"rnn", "transformer"} else {}
    config = JobConfig(model=model, optimizer=Muon(), epochs=1, **text)
    network = build(config, 5)
    optimizer = build_optimizer(config.optimizer, network)
    for weight in network.parameters():
        if weight.requires_grad:
            weight.grad = torch.ones_like(weight)
    with FlopCounterMode(display=False) as counter:
        optimizer.step()
    found = plan(config, classes=5, train_samples=64)
    forward = 3 * 64 * found.flops_per_sample
    assert found.training_flops - forward == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_compiling_pays_for_long_runs_on_gpus():
    found = plan(JobConfig(), classes=10, train_samples=50_000)
    long = found.training_flops / 1000  # a thousand seconds: a fifth of them pays
    assert compile_pays(found, long, "cuda")
    assert not compile_pays(found, long * 10, "cuda")
    assert not compile_pays(found, long / 1000, "cpu")
    border = found.training_flops * (1 - 1 / 1.24) / 60
    assert compile_pays(found, border * 0.99, "cuda")
    assert not compile_pays(found, border * 1.01, "cuda")


# ---------------------------------------------------------------------------- memory


def bytes_of(**changes):
    config = JobConfig(model=CNN(dense=(512,)), **changes)
    return plan(config, classes=10, train_samples=640, validation_samples=0)


@pytest.mark.parametrize(
    "changes", [{"averaging": EMA()}, {"averaging": Lookahead()}, {"pruning": Magnitude()}], ids=str
)
def test_each_copy_of_the_weights_counts(changes):
    plain, more = bytes_of(), bytes_of(**changes)
    assert more.memory_bytes - plain.memory_bytes == 4 * plain.parameters
    assert more.step_bytes == plain.step_bytes


def test_the_best_weights_so_far_and_the_data_count():
    config = JobConfig()
    few = plan(config, classes=10, train_samples=640)
    more = plan(config, classes=10, train_samples=640, validation_samples=100)
    assert few.data_bytes == 640 * 32 * 32 * 3
    assert more.memory_bytes - few.memory_bytes == 100 * 32 * 32 * 3 + 4 * few.parameters


def test_devices_share_the_batch():
    one, four = bytes_of(batch_size=64), bytes_of(batch_size=64, devices=4)
    alone = bytes_of(batch_size=16)
    assert four.step_bytes == alone.step_bytes < one.step_bytes
    assert four.steps == one.steps


def test_small_batches_are_evaluated_in_large_ones():
    small = bytes_of(batch_size=8)
    assert small.memory_bytes - 400_000_000 - small.data_bytes > small.step_bytes


def test_bf16_takes_less_where_it_is_allowed():
    asked = {"classes": 2, "train_samples": 640, "bf16": True}
    config = JobConfig(model=ResNet(width=16))
    exact = config.model_copy(update={"precision": "float32"})
    assert plan(config, **asked).step_bytes < 0.7 * plan(exact, **asked).step_bytes
    assert plan(exact, **asked) == plan(exact, classes=2, train_samples=640)


def test_numbers_that_belong_to_others():
    assert memory.EVALUATION_BATCH == evaluation.EVALUATION_BATCH
    assert DTYPES["tokens"]().itemsize == memory.TOKEN_BYTES
    assert FEED_FORWARD == vit.FEED_FORWARD


@pytest.mark.parametrize(("classes", "samples"), [(1, 100), (2, 1)])
def test_refuses_what_cannot_be_trained(classes, samples):
    with pytest.raises(ValueError, match="at least two"):
        plan(JobConfig(), classes=classes, train_samples=samples)
