"""The plan's memory against torch's own tracker, on fake tensors: nothing is allocated.

The tracker follows every storage of a training step on a (fake) CPU. LSTMs alone run for real, on small
batches: what oneDNN keeps for their backward pass is empty when it is fake.
"""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

from training.config import (
    CNN,
    RNN,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ConvBlock,
    Image,
    JobConfig,
    Momentum,
    Muon,
    ResNet,
    Text,
    Transformer,
    ViT,
)
from training.models import build
from training.optimizers import build_optimizer
from training.plan import layers_of, plan
from training.plan.memory import EVALUATION_BATCH, evaluation_bytes

CLASSES = 10
CLOSE = 0.15  # what is measured lay within 0.08, for all models with all optimizers
FLAT = (ConvBlock(channels=32, pool=1),) * 3
# Each model with two sizes of what it sees, and an optimizer for each.
MODELS = [
    (CNN(), (28, 64), (Momentum(), Muon())),
    (CNN(norm="batch", dense=(64, 32), dropout=0.5), (28, 64), (AdamW(), Adagrad())),
    (CNN(norm="group", blocks=FLAT, dense=()), (16, 32), (SGD(), AdamW())),
    (ResNet(width=16), (32, 64), (Muon(), SGD())),
    (ResNet(width=16, stem="whitening"), (32, 64), (Momentum(), AdamW())),
    (ResNet(width=16, depth=18, norm="group"), (32, 48), (Adagrad(), Muon())),
    (ResNet(width=16, depth=18, stem="large"), (64, 96), (AdamW(), Momentum())),
    (ViT(depth=2), (32, 64), (AdamW(), Muon())),
    (ViT(depth=2, width=64, patch=8, dropout=0.1), (32, 64), (Adagrad(), SGD())),
    (RNN(cell="rnn"), (8, 24), (Momentum(), AdamW())),
    (RNN(cell="gru", pool="last", layers=2, hidden=64), (8, 16), (SGD(), Muon())),
    (RNN(cell="lstm"), (8, 24), (Adagrad(), AdamW())),
    (RNN(cell="lstm", bidirectional=False, pool="mean"), (8, 24), (Muon(), Momentum())),
    (Transformer(), (16, 64), (AdamW(), Muon())),
    (Transformer(width=64, pool="max", dropout=0.0), (16, 64), (Momentum(), Adagrad())),
]
CASES = [
    (model, size, batch, optimizer)
    for model, sizes, optimizers in MODELS
    for size, batch, optimizer in zip(sizes, (128, 32), optimizers, strict=True)
]


def configured(model, size, batch, optimizer):
    seen = {"text": Text(max_length=size)} if model.kind in {"rnn", "transformer"} else {}
    seen = seen or {"image": Image(size=size)}
    return JobConfig(model=model, optimizer=optimizer, batch_size=batch, **seen)


def faked(network):
    """The network with fake weights; what is frozen as buffers, as the tracker has no place for it."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            new = torch.empty(weight.shape)
            if weight.requires_grad:
                setattr(module, name, nn.Parameter(new))
            else:
                delattr(module, name)
                module.register_buffer(name, new)
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    return network


def inputs_for(config, count):
    if config.reads_texts:
        return torch.ones(count, config.text.max_length, dtype=torch.int64)
    size = config.image.size
    images = torch.empty(count, size, size, config.image.depth)
    return images.permute(0, 3, 1, 2)


def measured(config, *, bf16=False):
    """Bytes at the peak of a step whose optimizer has taken one before."""
    real = getattr(config.model, "cell", "") == "lstm"
    with torch.device("meta"):
        network = build(config, CLASSES)
    with nullcontext() if real else FakeTensorMode():
        network = (build(config, CLASSES) if real else faked(network)).train()
        optimizer = build_optimizer(config.optimizer, network)
        for weight in network.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tracker = MemTracker()
        tracker.track_external(network, optimizer)
        with tracker:
            inputs = inputs_for(config, config.batch_size)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = network(inputs)
            labels = torch.zeros(config.batch_size, dtype=torch.int64)
            F.cross_entropy(logits.float(), labels).backward()
            optimizer.step()
        return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]


def planned(config, *, bf16=False):
    return plan(config, classes=CLASSES, train_samples=10**6, bf16=bf16).step_bytes


def named(case):
    return getattr(case, "kind", str(case))


@pytest.mark.parametrize(("model", "size", "batch", "optimizer"), CASES, ids=named)
def test_a_step_takes_what_the_tracker_says(model, size, batch, optimizer):
    config = configured(model, size, batch, optimizer)
    assert planned(config) == pytest.approx(measured(config), rel=CLOSE)


@pytest.mark.parametrize(
    "optimizer",
    [SGD(), Momentum(), Adagrad(), Adam(), AdamW(), Muon()],
    ids=named,
)
def test_weights_dominate_in_small_batches(optimizer):
    """Then the peak is the optimizer's own step."""
    for model in (CNN(dense=(1024, 1024)), ResNet(width=32)):
        config = configured(model, 16, 8, optimizer)
        assert planned(config) == pytest.approx(measured(config), rel=CLOSE)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (CNN(norm="batch"), 32),
        (ResNet(width=16), 32),
        (ResNet(width=16, stem="large"), 64),
        (ViT(depth=2, dropout=0.1), 32),
        (RNN(cell="rnn"), 16),
        (RNN(cell="gru", pool="last"), 16),
        (Transformer(), 64),
    ],
    ids=named,
)
def test_so_does_a_step_in_bf16(model, size):
    config = configured(model, size, 64, AdamW())
    assert planned(config, bf16=True) == pytest.approx(measured(config, bf16=True), rel=CLOSE)


def test_group_norm_counts_as_a_gpu_computes_it():
    """In float32, where a CPU stays with bf16: never less than the tracker says, which sees a CPU."""
    config = configured(ResNet(width=16, norm="group"), 32, 64, AdamW())
    plain = planned(config)
    assert measured(config, bf16=True) < plain < planned(config, bf16=True) < 1.3 * plain


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (CNN(norm="batch"), 32),
        (ResNet(width=16), 32),
        (ResNet(width=16, depth=18), 32),
        (ViT(depth=2), 32),
        (RNN(cell="gru"), 16),
        (Transformer(), 64),
    ],
    ids=named,
)
def test_an_evaluation_takes_what_the_tracker_says(model, size):
    config = configured(model, size, 8, SGD())
    with torch.device("meta"):
        network = build(config, CLASSES)
    with FakeTensorMode():
        network = faked(network).eval()
        tracker = MemTracker()
        tracker.track_external(network)
        with tracker, torch.no_grad():
            network(inputs_for(config, EVALUATION_BATCH))
        peak = tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]
    assert evaluation_bytes(config, layers_of(config, CLASSES)) == pytest.approx(peak, rel=CLOSE)
