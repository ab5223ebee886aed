"""The plan's arithmetic against torch itself, on the meta device: nothing is allocated."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from training.config import CNN, ConvBlock, Image, JobConfig, ResNet
from training.models import build
from training.plan import Layer, layers_of, plan, steps_per_epoch

BLOCKS = (ConvBlock(channels=5, kernel=5, pool=3), ConvBlock(channels=7, kernel=1, pool=1))
MODELS = [
    CNN(),
    CNN(norm="batch", dense=(64, 32), dropout=0.5),
    CNN(norm="group", dense=(), blocks=BLOCKS),
    ResNet(),
    ResNet(norm="group", width=8),
    ResNet(depth=18),
    ResNet(depth=18, width=16, norm="group"),
]
IMAGES = [Image(), Image(size=8, channels="grey"), Image(size=28), Image(size=45)]


@pytest.mark.parametrize("image", IMAGES, ids=lambda i: f"{i.size}{i.channels}")
@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.kind}-{m.norm}")
def test_agrees_with_torch(model, image):
    with torch.device("meta"):
        network = build(model, image, 11).eval()
        pixels = torch.empty(2, image.depth, image.size, image.size)
    with FlopCounterMode(display=False) as counter:
        network(pixels)
    layers = layers_of(model, image, 11)
    assert sum(layer.parameters for layer in layers) == sum(
        weight.numel() for weight in network.parameters()
    )
    flops = sum(layer.flops for layer in layers)
    assert flops == pytest.approx(counter.get_total_flops() / 2, rel=0.01)


def test_shapes_agree_with_torch():
    image = Image(size=45)
    for model in MODELS:
        with torch.device("meta"):
            network = build(model, image, 3).eval()
            pixels = torch.empty(1, 3, 45, 45)
        seen = []
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                module.register_forward_hook(
                    lambda _m, _i, out, seen=seen: seen.append(tuple(out.shape[1:]))
                )
        network(pixels)
        assert sorted(seen) == sorted(layer.shape for layer in layers_of(model, image, 3))


def test_the_classic_network_by_hand():
    layers = layers_of(CNN(), Image(size=28, channels="grey"), 10)
    assert layers[0] == Layer("blocks.0", "conv", (32, 28, 28), 320, 2 * 9 * 32 * 28 * 28)
    assert [layer.shape for layer in layers[1:]] == [(64, 14, 14), (64, 7, 7), (64,), (10,)]
    assert layers[3].parameters == (7 * 7 * 64 + 1) * 64


def test_counts_full_batches_only():
    assert steps_per_epoch(100, 64) == 1
    assert steps_per_epoch(128, 64) == 2
    assert steps_per_epoch(10, 64) == 1  # less than a batch is one small step
    found = plan(JobConfig(epochs=3, batch_size=64), classes=10, train_samples=200)
    assert (found.steps_per_epoch, found.steps) == (3, 9)


def test_memory_holds_what_torch_keeps_for_the_backward_pass():
    for model in (CNN(), ResNet(width=16), ResNet(depth=18, width=16)):
        config = JobConfig(model=model, batch_size=16)
        found = plan(config, classes=10, train_samples=16)
        kept: dict[int, int] = {}

        def note(tensor, kept=kept):
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
            return tensor

        network = build(model, config.image, 10)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            network(torch.zeros(16, 3, 32, 32)).sum()
        estimate = found.memory_bytes - 400_000_000
        assert 1.0 < estimate / sum(kept.values()) < 4.0


def test_time_follows_from_operations():
    found = plan(JobConfig(), classes=10, train_samples=1000, validation_samples=100)
    assert found.seconds(1e9) == pytest.approx(found.training_flops / 1e9)
    assert found.training_flops > 3 * found.flops_per_image * found.steps * 64


@pytest.mark.parametrize(("classes", "samples"), [(1, 100), (2, 1)])
def test_refuses_what_cannot_be_trained(classes, samples):
    with pytest.raises(ValueError, match="at least two"):
        plan(JobConfig(), classes=classes, train_samples=samples)
