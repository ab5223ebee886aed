"""Optimizers as a configuration asks for them: which weight is moved how, and resuming."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from training.config import SGD, Adagrad, Adam, AdamW, Momentum, Muon
from training.muon import ITERATIONS, hidden_matrices, orthogonalise, scale
from training.muon import Muon as MuonOptimizer
from training.optimizers import build_optimizer, load_state_tensors, state_tensors

KINDS = [SGD(), Momentum(), Adagrad(), Adam(), AdamW(), Muon()]
every_kind = pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)


class Everything(nn.Module):
    """A weight of each sort that a network here may have."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Conv2d(3, 4, 2).requires_grad_(False)
        self.filters = nn.Conv2d(4, 6, 3)
        self.batch_norm = nn.BatchNorm2d(6)
        self.group_norm = nn.GroupNorm(2, 6)
        self.embedding = nn.Embedding(9, 5)
        self.positions = nn.Parameter(torch.zeros(7, 5))
        self.cells = nn.LSTM(5, 4)
        self.layer_norm = nn.LayerNorm(4)
        self.hidden = nn.Linear(4, 4)
        self.classes = nn.Linear(4, 3)


ORTHOGONAL = {"filters.weight", "cells.weight_ih_l0", "cells.weight_hh_l0", "hidden.weight"}
NORM_BIASES = {"batch_norm.bias", "group_norm.bias", "layer_norm.bias"}


def treatments(optimizer, network):
    """By weight's name: the group it is in. Fails where a weight is in two."""
    names = {weight: name for name, weight in network.named_parameters()}
    found = [(names[w], group) for group in optimizer.param_groups for w in group["params"]]
    assert len(dict(found)) == len(found)
    return dict(found)


@every_kind
def test_each_weight_that_is_trained_is_in_one_group(config):
    network = Everything()
    optimizer = build_optimizer(config, network)
    trained = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert "frozen.weight" not in trained
    assert treatments(optimizer, network).keys() == trained
    for group in optimizer.param_groups:
        assert group["params"]
        assert group["lr"] == config.learning_rate * group["rate_share"]


@every_kind
def test_only_matrices_and_filters_decay(config):
    network = Everything()
    optimizer = build_optimizer(config.model_copy(update={"weight_decay": 0.03}), network)
    for name, group in treatments(optimizer, network).items():
        flat = network.get_parameter(name).ndim == 1
        assert group["weight_decay"] == (0.0 if flat else 0.03), name


@every_kind
def test_biases_of_norms_may_have_a_rate_of_their_own(config):
    network = Everything()
    plain = build_optimizer(config, network)
    faster = build_optimizer(config.model_copy(update={"bias_rate": 64.0}), network)
    before, after = treatments(plain, network), treatments(faster, network)
    changed = {name for name in after if after[name]["rate_share"] != before[name]["rate_share"]}
    assert changed == NORM_BIASES
    for name in changed:
        assert after[name]["rate_share"] == 64 * before[name]["rate_share"]


def test_a_norm_without_weights_and_a_network_without_vectors_are_fine():
    network = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3, affine=False))
    assert len(build_optimizer(SGD(bias_rate=2.0), network).param_groups) == 1


# ---------------------------------------------------------------------------- muon


def test_muon_takes_the_matrices_of_hidden_layers_and_adamw_the_rest():
    network = Everything()
    optimizer = build_optimizer(Muon(rest_rate=0.25, bias_rate=8.0), network)
    for name, group in treatments(optimizer, network).items():
        assert group["orthogonal"] == (name in ORTHOGONAL), name
        share = 1.0 if name in ORTHOGONAL else 0.25
        assert group["rate_share"] == share * (8 if name in NORM_BIASES else 1), name
    names = {name for name, w in network.named_parameters() if w in hidden_matrices(network)}
    assert names == ORTHOGONAL | {"frozen.weight"}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def twins(*shapes):
    """The same weights twice, and a function that gives both the same gradients."""
    left, right = ([nn.Parameter(noise(*shape)) for shape in shapes] for _ in range(2))

    def differentiate(step):
        for one, other in zip(left, right, strict=True):
            one.grad = noise(*one.shape, seed=step)
            other.grad = one.grad.clone()

    return left, right, differentiate


def relative(one, other):
    one, other = one.detach(), other.detach()
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muon_moves_matrices_as_torch_does(decay):
    """torch has bf16 where ours has float32, and takes two dimensions only."""
    ours, theirs, differentiate = twins((24, 24), (40, 8), (8, 40), (16, 24), (8, 40))
    before = [weight.detach().clone() for weight in ours]
    group = {"params": ours, "weight_decay": decay, "orthogonal": True}
    mine = MuonOptimizer([group], 0.02, 0.95)
    torchs = torch.optim.Muon(theirs, 0.02, weight_decay=decay, momentum=0.95)
    for step in range(1, 5):
        differentiate(step)
        mine.step()
        torchs.step()
        for one, other, start in zip(ours, theirs, before, strict=True):
            assert relative(one - start, other - start) < 0.03


def test_muon_moves_the_rest_as_adamw_does():
    ours, theirs, differentiate = twins((9, 4), (5,), (1, 3, 4))
    mine = MuonOptimizer([{"params": ours, "weight_decay": 0.1}], 0.01, 0.95)
    torchs = torch.optim.AdamW(theirs, 0.01, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    for step in range(1, 4):
        differentiate(step)
        mine.step()
        torchs.step()
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one, other)


def test_muon_sees_a_filter_as_a_matrix_however_it_lies_in_memory():
    filters, matrices, _ = twins((6, 4, 3, 3))
    matrices[0] = nn.Parameter(filters[0].detach().flatten(1).clone())
    filters[0].data = filters[0].data.contiguous(memory_format=torch.channels_last)
    first, second = (
        MuonOptimizer([{"params": weights, "orthogonal": True}], 0.1, 0.9)
        for weights in (filters, matrices)
    )
    for step in range(1, 3):
        gradient = noise(6, 4, 3, 3, seed=step)
        filters[0].grad = gradient.contiguous(memory_format=torch.channels_last)
        matrices[0].grad = gradient.flatten(1)
        first.step()
        second.step()
        assert relative(filters[0].flatten(1), matrices[0]) < 1e-5


def test_muon_leaves_what_has_no_gradient_and_does_not_divide_by_a_gradient_of_zeros():
    asleep, still = nn.Parameter(noise(3, 3)), nn.Parameter(noise(3, 3))
    before = asleep.detach().clone(), still.detach().clone()
    optimizer = MuonOptimizer([{"params": [asleep, still], "orthogonal": True}], 0.1, 0.9)
    still.grad = torch.zeros(3, 3)
    optimizer.step()
    assert torch.equal(asleep, before[0])
    assert torch.equal(still, before[1])
    assert set(optimizer.state) == {still}


def test_muon_takes_a_closure():
    weight = nn.Parameter(torch.eye(2))

    def closure():
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    optimizer = MuonOptimizer([{"params": [weight], "orthogonal": True}], 0.1, 0.9)
    assert optimizer.step(closure) == 2
    assert float(weight.detach().square().sum()) < 2


def exactly(matrices):
    """The same by singular values, in float64."""
    left, values, right = torch.linalg.svd(matrices.double(), full_matrices=False)
    values /= values.square().sum(-1, keepdim=True).sqrt()
    for _ in range(ITERATIONS):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left @ torch.diag_embed(values) @ right


SIDES = st.integers(1, 40)


@given(st.integers(1, 3), SIDES, SIDES, st.integers(0, 99), st.floats(1e-4, 1e4))
def test_orthogonalising_does_to_singular_values_what_it_says(count, rows, columns, seed, size):
    matrices = noise(count, rows, columns, seed=seed) * size
    found = orthogonalise(matrices)
    assert found.shape == matrices.shape
    assert found.dtype == torch.float32
    assert relative(found.double(), exactly(matrices)) < 1e-3
    alone = torch.cat([orthogonalise(one[None]) for one in matrices])
    assert relative(found, alone) < 1e-3


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 99))
def test_a_step_of_muon_is_as_long_for_each_number_of_inputs_whatever_the_shape(
    rows, columns, seed
):
    move = orthogonalise(noise(1, rows, columns, seed=seed)) * scale(rows, columns)
    assert 0.6 < float(move.square().mean() * columns) ** 0.5 < 1.25


# ---------------------------------------------------------------------------- resuming


def small() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 1), nn.Conv2d(6, 1, 3),
        nn.Flatten(), nn.Linear(16, 8), nn.LayerNorm(8), nn.Linear(8, 3),
    )  # fmt: skip
    return network.to(memory_format=torch.channels_last)


def train(network, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        images = noise(4, 3, 8, 8, seed=step).contiguous(memory_format=torch.channels_last)
        network(images).square().mean().backward()
        optimizer.step()


@every_kind
def test_a_resumed_optimizer_gives_the_same_bits(config):
    config = config.model_copy(update={"bias_rate": 3.0})
    network = small()
    optimizer = build_optimizer(config, network)
    train(network, optimizer, range(3))
    # As a file would hold them: plain, without the order of memory.
    saved = {key: value.clone().contiguous() for key, value in state_tensors(optimizer).items()}
    weights = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
    resumed = small()
    resumed.load_state_dict(weights)
    again = build_optimizer(config, resumed)
    load_state_tensors(again, saved)
    assert state_tensors(again).keys() == saved.keys()
    for run, moved in ((network, optimizer), (resumed, again)):
        train(run, moved, range(3, 6))
    for one, other in zip(network.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    for key, value in state_tensors(optimizer).items():
        assert torch.equal(value, state_tensors(again)[key])


def test_the_memory_of_a_larger_network_is_refused():
    network = small()
    optimizer = build_optimizer(Adam(), network)
    train(network, optimizer, range(1))
    with pytest.raises(KeyError):
        load_state_tensors(build_optimizer(Adam(), network[:2]), state_tensors(optimizer))
