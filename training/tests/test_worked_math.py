"""The field's formulas against numbers worked out by hand, and gradients against differences.

Logarithms make the numbers whole: softmax(ln 1, ln 2, ln 5) = (1, 2, 5) / 8, sigmoid(ln 3) = 3/4, and
tanh(½ ln 3) = (3 - 1) / (3 + 1) = 1/2.
"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from training.averaging import Average, ema_decay, lookahead_decay
from training.config import (
    EMA,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Lookahead,
    Momentum,
    Muon,
    OneCycle,
)
from training.data.batch import Batch
from training.losses import class_weights, loss_of
from training.models.attention import Attention
from training.models.layers import Normalise, conv
from training.models.texts import CELLS
from training.muon import orthogonalise
from training.optimizers import build_optimizer
from training.schedule import learning_rate

LN2, LN3, LN5 = math.log(2), math.log(3), math.log(5)


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def listed(tensor):
    return tensor.detach().flatten().tolist()


def near(*values):
    return pytest.approx(list(values), rel=1e-9, abs=1e-12)


# ---------------------------------------------------------------------------- losses

LOGITS = doubles([0, LN2, LN5], [LN5, LN2, 0])
LABELS = torch.tensor([2, 1])
# -ln of the shares 1/8, 2/8 and 5/8
EIGHTH, QUARTER, FIVE = 2.0794415416798357, 1.3862943611198906, 0.4700036292457356


def test_softmax():
    assert listed(LOGITS[0].softmax(0)) == near(0.125, 0.25, 0.625)
    assert listed((LOGITS[0] + 1000).softmax(0)) == near(0.125, 0.25, 0.625)


def test_cross_entropy():
    # (0.4700036 + 1.3862944) / 2
    found = loss_of(LOGITS, Batch(LOGITS, LABELS))
    assert float(found) == pytest.approx(0.9281489951828131)


def test_smoothed_cross_entropy():
    # 0.3 spread over three classes: the label keeps 0.8, the others get 0.1 each.
    # first: 0.1 × 2.0794415 + 0.1 × 1.3862944 + 0.8 × 0.4700036 = 0.7225765
    # second: 0.1 × 0.4700036 + 0.8 × 1.3862944 + 0.1 × 2.0794415 = 1.3639800
    found = loss_of(LOGITS, Batch(LOGITS, LABELS), smoothing=0.3)
    assert float(found) == pytest.approx((0.7225764936765612 + 1.3639800059884697) / 2)


def test_weighted_cross_entropy():
    # (1 × 0.4700036 + 3 × 1.3862944) / (1 + 3)
    found = loss_of(LOGITS, Batch(LOGITS, LABELS), weights=doubles(5, 3, 1))
    assert float(found) == pytest.approx(1.1572216781513519)


def test_cross_entropy_of_a_mixup():
    # first: 3/4 × 0.4700036 + 1/4 × 2.0794415 = 0.8723631; second: 1/2 × 1.3862944 + 1/2 × 0.4700036
    batch = Batch(LOGITS, LABELS, torch.tensor([0, 0]), doubles(0.75, 0.5))
    assert float(loss_of(LOGITS, batch)) == pytest.approx(
        (0.8723631073542605 + FIVE / 2 + QUARTER / 2) / 2
    )
    # weighted by 2, 1, 4 of the classes 0, 1, 2: sums of share × weight × loss over share × weight
    # (3/4 × 4 × 0.4700036 + 1/4 × 2 × 2.0794415 + 1/2 × 1 × 1.3862944 + 1/2 × 2 × 0.4700036)
    #   / (3 + 1/2 + 1/2 + 1) = 3.6128825 / 5
    found = loss_of(LOGITS, batch, weights=doubles(2, 1, 4))
    assert float(found) == pytest.approx(0.7225764936765612)


def test_balanced_weights():
    # 12 samples of 3 classes that occur: 12 / (3 × 1), 12 / (3 × 3), 12 / (3 × 8)
    assert class_weights([1, 3, 0, 8], "balanced").tolist() == pytest.approx([4, 4 / 3, 0, 0.5])


# ---------------------------------------------------------------------------- optimizers

WORKED = [
    # 1 - 0.1 × 0.5; then - 0.1 × 0.25
    (SGD(learning_rate=0.1), 0.95, 0.925),
    # decay joins the gradient: 1 - 0.1 × (0.5 + 0.1 × 1); 0.94 - 0.1 × (0.25 + 0.1 × 0.94)
    (SGD(learning_rate=0.1, weight_decay=0.1), 0.94, 0.9056),
    # memory 0.5: 1 - 0.1 × 0.5; memory 0.9 × 0.5 + 0.25 = 0.7: 0.95 - 0.1 × 0.7
    (Momentum(learning_rate=0.1, momentum=0.9, nesterov=False), 0.95, 0.88),
    # 1 - 0.1 × (0.5 + 0.9 × 0.5); 0.905 - 0.1 × (0.25 + 0.9 × 0.7)
    (Momentum(learning_rate=0.1, momentum=0.9, nesterov=True), 0.905, 0.817),
    # √(0.11 + 0.25) = 0.6: 1 - 0.1 × 0.5 / 0.6; √(0.36 + 0.0625) = 0.65: - 0.1 × 0.25 / 0.65
    (Adagrad(learning_rate=0.1, initial_accumulator=0.11), 0.9166666667, 0.8782051282),
    # mean 0.1 × 0.5 / (1 - 0.9) = 0.5, square 0.01 × 0.25 / (1 - 0.99) = 0.25: 1 - 0.1 × 0.5 / 0.5
    # mean (0.9 × 0.05 + 0.1 × 0.25) / (1 - 0.81) = 0.07 / 0.19 = 0.3684211
    # square (0.99 × 0.0025 + 0.01 × 0.0625) / (1 - 0.9801) = 0.0031 / 0.0199 = 0.1557789
    # 0.9 - 0.1 × 0.3684211 / 0.3946884
    (Adam(learning_rate=0.1, beta2=0.99, epsilon=1e-12), 0.9, 0.8066551998),
    # the same beside a decay of its own: 1 × (1 - 0.1 × 0.1) - 0.1; 0.89 × 0.99 - 0.0933448
    (AdamW(learning_rate=0.1, beta2=0.99, epsilon=1e-12, weight_decay=0.1), 0.89, 0.7877551998),
]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "first", "second"), WORKED, ids=lambda one: getattr(one, "kind", None)
)
def test_two_steps(config, first, second):
    """From a weight of 1 by gradients of 0.5 and 0.25."""
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(network.weight)
    optimizer = build_optimizer(config, network)
    for gradient, expected in ((0.5, first), (0.25, second)):
        network.weight.grad = doubles([gradient])
        optimizer.step()
        assert float(network.weight.detach()) == pytest.approx(expected, abs=1e-9)


# The gradient diag(3, 4) has norm 5: singular values 0.6 and 0.8. s ← 3.4445 s - 4.775 s³ + 2.0315 s⁵:
# 0.6 → 1.1932694 → 0.9119177 → 0.8011377 → 0.9747024 → 0.7228762
# 0.8 → 0.9764819 → 0.7211176 → 1.0894568 → 0.6960447 → 1.1192039
ORTHOGONAL = (0.7228761686, 1.1192039299)


def test_newton_schulz_takes_singular_values_near_one():
    assert listed(orthogonalise(doubles([[3, 0], [0, 4]]))) == pytest.approx(
        [ORTHOGONAL[0], 0, 0, ORTHOGONAL[1]]
    )
    matrix = torch.randn(2, 30, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert 0.68 < float(values.min()) < float(values.max()) < 1.21


def test_a_step_of_muon():
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)).double()
    for layer in network:
        nn.init.ones_(layer.weight)
        layer.weight.grad = torch.zeros_like(layer.weight)
    network[0].weight.grad = doubles([3, 0], [0, 4])
    network[1].weight.grad = doubles([0.5, -0.5])
    config = Muon(learning_rate=0.1, weight_decay=0.1, rest_rate=0.5)
    build_optimizer(config, network).step()
    # 1 × (1 - 0.1 × 0.1) - 0.1 × the orthogonal matrix; momentum only scales the first gradient
    assert listed(network[0].weight) == pytest.approx(
        [0.99 - 0.1 * ORTHOGONAL[0], 0.99, 0.99, 0.99 - 0.1 * ORTHOGONAL[1]]
    )
    # the classes by AdamW at half the rate: 1 × (1 - 0.05 × 0.1) ∓ 0.05
    assert listed(network[1].weight) == pytest.approx([0.945, 1.045])


# ---------------------------------------------------------------------------- rates and averages


def test_one_cycle():
    """Peak 2, 100 steps, the first 20 of them rising."""
    schedule = OneCycle(warmup=0.2)
    rates = {step: learning_rate(schedule, 2.0, step, 100) for step in (0, 10, 20, 60, 100)}
    # 2 / 25; half way up (0.08 + 2) / 2; peak; half way down (2 + 0.0002) / 2; 2 / 10,000
    assert rates == pytest.approx({0: 0.08, 10: 1.04, 20: 2.0, 60: 1.0001, 100: 0.0002})


def test_cosine_and_constant_after_a_warm_up():
    # the first 10 of 100 steps rise by 1/11 each
    assert learning_rate(Constant(warmup=0.1), 1.0, 1, 100) == pytest.approx(2 / 11)
    assert learning_rate(Constant(warmup=0.1), 1.0, 99, 100) == 1.0
    rates = [learning_rate(Cosine(warmup=0.25), 1.0, step, 40) for step in (0, 9, 10, 20, 25, 40)]
    # the first 10 of 40 steps; then 0, 10, 15 and 30 of 30 steps of half a cosine: at 60° it is 3/4
    assert rates == pytest.approx([1 / 11, 10 / 11, 1.0, 0.75, 0.5, 0.0])


def constant(value):
    layer = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(layer.weight, value)
    return layer


def test_an_exponential_moving_average():
    layer = constant(1.0)
    average = Average(EMA(decay=0.9), layer)
    # decay (1 + 1) / (10 + 1): 2/11 × 1 + 9/11 × 2 = 20/11; then 3/12: 1/4 × 20/11 + 3/4 × 3 = 119/44
    for step, value, expected in ((1, 2.0, 20 / 11), (2, 3.0, 119 / 44)):
        nn.init.constant_(layer.weight, value)
        average.update(step, 2)
        assert float(average.weights()["weight"]) == pytest.approx(expected)
        assert float(layer.weight.detach()) == value
    assert ema_decay(0.9, 79) == pytest.approx(80 / 89)
    assert ema_decay(0.9, 81) == 0.9


def test_lookahead():
    """Every 2 of 4 steps, decay ½: (½)² × (2/4)³ = 1/32 stays at step 2, and (½)² at step 4."""
    config, layer = Lookahead(every=2, decay=0.5), constant(1.0)
    assert lookahead_decay(config, 2, 4) == 1 / 32
    average = Average(config, layer)
    # 1/32 × 1 + 31/32 × 3 = 2.9375; 1/4 × 2.9375 + 3/4 × 5 = 4.484375
    steps = ((1, 2.0, 2.0), (2, 3.0, 2.9375), (3, 4.0, 4.0), (4, 5.0, 4.484375))
    for step, value, expected in steps:
        nn.init.constant_(layer.weight, value)
        average.update(step, 4)
        assert float(layer.weight.detach()) == pytest.approx(expected)


# ---------------------------------------------------------------------------- layers


def test_normalised_pixels():
    # (200 - 100) / 50; a flat channel is divided by 1
    layer = Normalise(2)
    layer.measure(torch.tensor([100.0, 7.0]), torch.tensor([50.0, 0.0]))
    assert listed(layer(torch.tensor([[[[200.0]], [[9.0]]]]))) == [2.0, 2.0]


def test_batch_norm():
    """1, 3, 5 and 7: mean 4, variance 5; over the running one, 20 / 3 without bias."""
    layer = conv(1, 1, 1, "batch")[1].double()
    pixels = doubles(1, 3, 5, 7).view(2, 1, 1, 2)
    root = math.sqrt(5 + 1e-5)
    assert listed(layer(pixels)) == near(-3 / root, -1 / root, 1 / root, 3 / root)
    # 0.9 × 0 + 0.1 × 4; 0.9 × 1 + 0.1 × 20 / 3
    assert listed(layer.running_mean) == near(0.4)
    assert listed(layer.running_var) == near(0.9 + 2 / 3)
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 1.0)
    root = math.sqrt(0.9 + 2 / 3 + 1e-5)
    expected = [2 * (value - 0.4) / root + 1 for value in (1, 3, 5, 7)]
    assert listed(layer.eval()(pixels)) == near(*expected)


def test_layer_norm():
    # mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5
    root = math.sqrt(3.5 + 1e-5)
    found = nn.LayerNorm(4).double()(doubles(1, 2, 3, 6))
    assert listed(found) == near(-2 / root, -1 / root, 0, 3 / root)


def test_scaled_dot_product_attention():
    """Two positions, one head, queries, keys and values the input itself: a² / √2 = ln 3 on the
    diagonal, 0 beside it, so each takes 3/4 of itself and 1/4 of the other."""
    layer = Attention(2, 1).double()
    for part in (layer.inputs, layer.outputs):
        part.weight.data = torch.eye(2, dtype=torch.float64).repeat(len(part.weight) // 2, 1)
        nn.init.zeros_(part.bias)
    a = math.sqrt(math.sqrt(2) * LN3)
    x = doubles([[a, 0], [0, a]])
    assert listed(layer(x, None)) == near(0.75 * a, 0.25 * a, 0.25 * a, 0.75 * a)
    # Where the second position is not read, both take all of the first.
    unread = torch.tensor([[[[True, False]]]])
    assert listed(layer(x, unread)) == near(a, 0, a, 0)


def cell(kind, **weights):
    """One unit, one input, in float64; gates are stacked as torch documents them."""
    layer = CELLS[kind](1, 1, batch_first=True).double()
    for name, values in weights.items():
        parameter = layer.get_parameter(f"{name}_l0")
        parameter.data = doubles(*values).view_as(parameter)
    return layer


# An input of 2 and a state of -1 make `weight_ih` × 2 - `weight_hh` + `bias_ih` + `bias_hh` of each gate.
X, STATE = doubles([[2]]), doubles([[-1]])


def test_a_step_of_an_lstm():
    layer = cell(
        "lstm",
        weight_ih=(LN3, -LN3, LN3 / 4, 0),
        weight_hh=(LN3, 0, 0, LN3),
        bias_ih=(0, LN3, LN3, 0),
        bias_hh=(0, 0, -LN3, LN3),
    )
    # input gate: σ(2 ln 3 - ln 3) = 3/4; forget gate: σ(-2 ln 3 + ln 3) = 1/4
    # new: tanh(½ ln 3 + ln 3 - ln 3) = 1/2; output gate: σ(-ln 3 + ln 3) = 1/2
    # memory: 1/4 × 2 + 3/4 × 1/2 = 0.875; state: 1/2 × tanh(0.875) = 1/2 × 0.7039056
    _, (state, memory) = layer(X, (STATE, doubles([[2]])))
    assert float(memory.detach()) == pytest.approx(0.875)
    assert float(state.detach()) == pytest.approx(0.3519528019683106)


def test_a_step_of_a_gru():
    layer = cell(
        "gru",
        weight_ih=(LN3, 0, LN3),
        weight_hh=(LN3, LN3, LN3 / 3),
        bias_ih=(0, 0, -2 * LN3),
        bias_hh=(0, 0, LN3),
    )
    # reset: σ(2 ln 3 - ln 3) = 3/4; update: σ(-ln 3) = 1/4
    # new: tanh(2 ln 3 - 2 ln 3 + 3/4 × (-1/3 ln 3 + ln 3)) = tanh(½ ln 3) = 1/2
    # state: (1 - 1/4) × 1/2 + 1/4 × -1 = 1/8
    _, state = layer(X, STATE)
    assert float(state.detach()) == pytest.approx(0.125)


def test_a_step_of_an_elman_network():
    # tanh(ln 3 - ln 3 + ½ ln 3) = 1/2
    layer = cell(
        "rnn", weight_ih=(LN3 / 2,), weight_hh=(LN3,), bias_ih=(LN3 / 4,), bias_hh=(LN3 / 4,)
    )
    assert float(layer(X, STATE)[1].detach()) == pytest.approx(0.5)


@given(st.integers(0, 999), st.integers(1, 4))
def test_pooling_before_the_relu_is_pooling_after_it(seed, window):
    pixels = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    pool = nn.MaxPool2d(window)
    assert torch.equal(pool(pixels).relu(), pool(pixels.relu()))


# ---------------------------------------------------------------------------- gradients


def by_differences(function, x, width=1e-6):
    """Gradient of the number ``function(x)``: (f(x + h) - f(x - h)) / 2h for each number of ``x``."""
    found = torch.zeros_like(x)
    with torch.no_grad():
        for place in range(x.numel()):
            value = float(x.view(-1)[place])
            ends = []
            for end in (value + width, value - width):
                x.view(-1)[place] = end
                ends.append(float(function(x)))
            x.view(-1)[place] = value
            found.view(-1)[place] = (ends[0] - ends[1]) / (2 * width)
    return found


def agree(function, x):
    torch.testing.assert_close(x.grad, by_differences(function, x.data), rtol=1e-6, atol=1e-8)


def drawn(*shape):
    torch.manual_seed(3)
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


MIXED = Batch(LOGITS, torch.tensor([2, 1, 0]), torch.tensor([0, 0, 1]), doubles(0.75, 0.5, 0.1))
PLAIN = Batch(LOGITS, MIXED.labels)


@pytest.mark.parametrize("batch", [PLAIN, MIXED], ids=["plain", "mixup"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, doubles(2, 1, 4)], ids=["even", "weighted"])
def test_gradients_of_the_loss(batch, smoothing, weights):
    logits = drawn(3, 3)
    loss_of(logits, batch, smoothing, weights).backward()
    agree(lambda x: loss_of(x, batch, smoothing, weights), logits)


READ = torch.tensor([[[[True, True, False]]], [[[True, True, True]]]])
LAYERS = {
    "batch norm": (lambda: nn.BatchNorm2d(2), (3, 2, 2, 2)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (2, 4, 2, 1)),
    "layer norm": (lambda: nn.LayerNorm(4), (3, 4)),
    "convolution": (lambda: nn.Conv2d(2, 3, 3, padding=1), (1, 2, 4, 4)),
    "attention": (lambda: Attention(4, 2), (2, 3, 4)),
    "lstm": (lambda: CELLS["lstm"](2, 3, batch_first=True), (2, 3, 2)),
    "gru": (lambda: CELLS["gru"](2, 3, batch_first=True), (2, 3, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_layers(name):
    """Of the input and of each weight, for outputs weighed so that no symmetry makes them flat."""
    make, shape = LAYERS[name]
    x, layer = drawn(*shape), make().double()

    def function(_):
        y = layer(x, READ) if name == "attention" else layer(x)
        y = y[0] if isinstance(y, tuple) else y
        return (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum()

    function(x).backward()
    for one in (x, *layer.parameters()):
        agree(function, one)
