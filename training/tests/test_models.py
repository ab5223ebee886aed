"""Networks: what they take, what they give, and what must make no difference to them."""

import pytest
import torch
from torch import nn

from training.config import CNN, RNN, Image, JobConfig, ResNet, Text, Transformer, ViT
from training.data.images import Images
from training.models import build, measure
from training.models.resnet import Whitening
from training.models.texts import UNKNOWN, TokenDropout

IMAGE_MODELS = [
    CNN(),
    ResNet(width=8),
    ResNet(width=8, stem="whitening"),
    ResNet(width=8, depth=18),
    ResNet(width=8, depth=18, stem="large", norm="group"),
    ViT(width=16, depth=2, heads=2),
]
TEXT_MODELS = [
    RNN(embedding=12, hidden=8),
    RNN(cell="gru", layers=2, pool="last"),
    RNN(cell="rnn", pool="mean", bidirectional=False),
    RNN(pool="last", bidirectional=False),
    RNN(cell="gru", pool="mean_max"),
    Transformer(width=16),
    Transformer(width=16, pool="mean", feed_forward=1),
    Transformer(width=16, pool="max"),
]
SMALL = Text(vocabulary=64, max_length=32)


@pytest.mark.parametrize("channels", ["grey", "rgb"])
@pytest.mark.parametrize("model", IMAGE_MODELS, ids=str)
def test_one_logit_per_class_for_images(model, channels):
    config = JobConfig(model=model, image=Image(size=32, channels=channels))
    network = build(config, 7)
    images = torch.rand(3, config.image.depth, 32, 32) * 255
    assert network(images).shape == (3, 7)


@pytest.mark.parametrize("size", [8, 17, 45])
def test_images_of_any_size(size):
    for model in (ResNet(width=8), ResNet(width=8, depth=18), CNN()):
        network = build(JobConfig(model=model, image=Image(size=size)), 2)
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 2)


@pytest.mark.parametrize("model", TEXT_MODELS, ids=str)
def test_padding_makes_no_difference(model):
    """A text says the same alone and beside a longer one, in its direction and the other."""
    torch.manual_seed(0)
    network = build(JobConfig(model=model, text=SMALL), 5).eval()
    short, long = torch.randint(2, 64, (1, 5)), torch.randint(2, 64, (1, 16))
    together = torch.cat((nn.functional.pad(short, (0, 11)), long))
    found = network(together)
    assert found.shape == (2, 5)
    torch.testing.assert_close(found[:1], network(short), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1:], network(long), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", TEXT_MODELS, ids=str)
def test_every_token_is_read(model):
    torch.manual_seed(0)
    network = build(JobConfig(model=model, text=SMALL), 5).eval()
    tokens = torch.randint(2, 60, (1, 9))
    plain = network(tokens)
    changed = 0
    for place in (0, 4, 8):
        other = tokens.clone()
        other[0, place] += 3
        changed += not torch.allclose(network(other), plain, atol=1e-7)
    assert changed == 3


def test_token_dropout_hides_tokens_while_training_only():
    layer = TokenDropout(0.5)
    tokens = torch.full((40, 50), 7)
    tokens[:, 30:] = 0
    hidden = layer(tokens)
    assert set(hidden[:, :30].unique().tolist()) == {UNKNOWN, 7}
    assert (hidden[:, :30] == UNKNOWN).float().mean() == pytest.approx(0.5, abs=0.1)
    assert (hidden[:, 30:] == 0).all()
    assert torch.equal(layer.eval()(tokens), tokens)


def test_whitening_leaves_no_correlation():
    source = torch.Generator().manual_seed(3)
    smooth = torch.randint(0, 256, (64, 12, 12, 3), generator=source).float().cumsum(1)
    pixels = (smooth / smooth.max() * 255).to(torch.uint8)
    config = JobConfig(model=ResNet(width=8, stem="whitening"), image=Image(size=12))
    network = build(config, 2)
    measure(network, Images(pixels, torch.zeros(64, dtype=torch.int64)))
    layer = next(one for one in network.modules() if isinstance(one, Whitening))
    with torch.no_grad():
        found = layer(network.normalise(pixels.permute(0, 3, 1, 2).float()))
    assert found.shape == (64, 24, 11, 11)
    assert torch.equal(found[:, :12], -found[:, 12:])
    values = found[:, :12].permute(1, 0, 2, 3).flatten(1).double()
    covariance = values @ values.T / values.shape[1]
    off = covariance - covariance.diag().diag()
    assert off.abs().max() < 0.05
    assert covariance.diag().max() == pytest.approx(1, abs=0.1)
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad
