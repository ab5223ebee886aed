"""A trained network made smaller: what goes, what stays, and what it says afterwards."""

import pytest
import torch

from training import engine, pruning
from training.config import CNN, ConvBlock, Image, JobConfig, Magnitude, ResNet, Structured
from training.data.images import Images
from training.evaluation import evaluate
from training.pulse import Pulse

CPU = torch.device("cpu")
MODEL = CNN(
    blocks=(ConvBlock(channels=8), ConvBlock(channels=12)), dense=(16,), norm="batch", dropout=0.1
)


def data(count=48):
    source = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 12, 12, 3), generator=source, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 3)


def pruned(kind, model=MODEL):
    config = JobConfig(model=model, image=Image(size=12), epochs=2, batch_size=16, pruning=kind)
    run = engine.start(config, 3, data(), None, CPU)
    engine.train(run, Pulse())
    successor = engine.start(pruning.follow_up(config), 3, data(), None, CPU)
    pruning.prune(run, successor)
    return run, successor


def test_nothing_follows_where_nothing_is_pruned():
    assert pruning.follow_up(JobConfig()) is None


@pytest.mark.parametrize("model", [MODEL, ResNet(width=8)], ids=lambda one: one.kind)
def test_the_smallest_weights_become_zero_and_stay_it(model):
    run, successor = pruned(Magnitude(amount=0.6, epochs=2), model)
    matrices = {
        name: weight for name, weight in successor.network.named_parameters() if weight.ndim > 1
    }
    zeros = sum(int((weight == 0).sum()) for weight in matrices.values())
    assert zeros / sum(weight.numel() for weight in matrices.values()) == pytest.approx(
        0.6, abs=0.01
    )
    before = dict(run.network.named_parameters())
    gone = max(before[name][weight == 0].abs().max() for name, weight in matrices.items())
    kept = min(weight[weight != 0].abs().min() for weight in matrices.values())
    assert gone <= kept
    engine.train(successor, Pulse())
    for name, weight in matrices.items():
        assert (weight[successor.masks[name] == 0] == 0).all()
        assert not torch.equal(weight, before[name])
    weighed = pruning.weigh(successor.network, next(data().pieces(8))[1])
    assert weighed["non_zero"] < weighed["parameters"] * 0.45
    assert weighed["compressed_bytes"] < weighed["bytes"] * 0.7


def test_channels_are_removed_from_the_network_itself():
    run, successor = pruned(Structured(amount=0.5, epochs=1))
    assert [block.channels for block in successor.config.model.blocks] == [4, 6]
    before = pruning.weigh(run.network, next(data().pieces(8))[1])
    after = pruning.weigh(successor.network, next(data().pieces(8))[1])
    assert after["parameters"] < before["parameters"] * 0.6
    assert after["non_zero"] == after["parameters"]
    engine.train(successor, Pulse())
    assert evaluate(successor.network, data()).shape == (48, 3)


def test_removing_dead_channels_changes_nothing():
    """Channels that are zero through and through do not count, so the answers stay."""
    config = JobConfig(
        model=MODEL, image=Image(size=12), epochs=1, batch_size=16, pruning=Structured(amount=0.5)
    )
    run = engine.start(config, 3, data(), None, CPU)
    with torch.no_grad():
        for layer, dead in ((run.network.body[0], 4), (run.network.body[4], 6)):
            layer.weight[::2].zero_()
            assert (layer.weight.abs().sum((1, 2, 3)) == 0).sum() == dead
    run.network.eval()
    successor = engine.start(pruning.follow_up(config), 3, data(), None, CPU)
    pruning.prune(run, successor)
    expected = evaluate(run.network, data(), precision="float32")
    found = evaluate(successor.network, data(), precision="float32")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
