"""Averages of the weights: what they hold, what they change, and resuming."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from training.averaging import Average, ema_decay, lookahead_decay
from training.config import EMA, Lookahead, NoAveraging

KINDS = [NoAveraging(), EMA(decay=0.7), Lookahead(every=3, decay=0.8)]
every_kind = pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
STEPS = 10


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).to(
        memory_format=torch.channels_last
    )


def train(net: nn.Module, average: Average, first: int, last: int) -> None:
    """Steps ``first`` to ``last`` of random changes to weights and statistics."""
    for step in range(first, last + 1):
        source = torch.Generator().manual_seed(step)
        net(torch.randn(4, 1, 5, 5, generator=source))
        with torch.no_grad():
            for weight in net.parameters():
                weight += torch.randn(weight.shape, generator=source)
        average.update(step, STEPS)


def copied(tensors):
    return {key: value.clone() for key, value in tensors.items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_ema_keeps_weights_and_statistics_apart_and_counters_as_they_are():
    net, plain = network(), network()
    average = Average(EMA(decay=0.7), net)
    expected = copied(net.state_dict())
    for step in range(1, 7):
        train(net, average, step, step)
        train(plain, Average(NoAveraging(), plain), step, step)
        decay = ema_decay(0.7, step)
        for key, value in net.state_dict().items():
            expected[key] = decay * expected[key] + (1 - decay) * value
    assert same(net.state_dict(), plain.state_dict())  # training never sees the average
    found = average.weights()
    assert found.keys() == expected.keys()
    for key in ("0.weight", "1.bias", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(found[key], expected[key])
        assert not torch.equal(found[key], net.state_dict()[key])
    assert found["1.num_batches_tracked"] == 6


def test_lookahead_returns_every_few_steps_and_at_the_end():
    config = Lookahead(every=3, decay=0.8)
    net = network()
    average = Average(config, net)
    slow = copied(net.state_dict())
    for step in range(1, STEPS + 1):
        before = copied(net.state_dict())
        train(net, Average(NoAveraging(), net), step, step)
        fast = copied(net.state_dict())
        average.update(step, STEPS)
        if step in (3, 6, 9):
            decay = lookahead_decay(config, step, STEPS)
            for key in ("0.weight", "1.weight", "1.running_mean", "1.running_var"):
                slow[key] = decay * slow[key] + (1 - decay) * fast[key]
                torch.testing.assert_close(net.state_dict()[key], slow[key])
            slow = copied(net.state_dict())
        elif step < STEPS:
            assert same(net.state_dict(), fast)
        assert not same(net.state_dict(), before)
        assert same(average.weights(), net.state_dict())
        assert net.state_dict()["1.num_batches_tracked"] == step
    assert torch.equal(net[0].weight, slow["0.weight"])  # step 10 went unused


def test_a_run_too_short_for_lookahead_keeps_its_weights():
    net = network()
    average = Average(Lookahead(every=20), net)
    before = copied(net.state_dict())
    train(net, average, 1, STEPS)
    plain = network()
    train(plain, Average(NoAveraging(), plain), 1, STEPS)
    assert not same(net.state_dict(), before)
    assert same(net.state_dict(), plain.state_dict())


@given(st.floats(0.5, 0.9999), st.integers(1, 100_000))
def test_the_first_averages_are_over_what_there_is(decay, step):
    assert 0 < ema_decay(decay, step) <= min(decay, ema_decay(decay, step + 1))
    assert ema_decay(decay, 10_000_000) == decay


@given(st.integers(2, 100), st.floats(0, 0.99), st.integers(1, 1000), st.data())
def test_lookahead_leans_on_its_average_more_and_more(every, decay, steps, data):
    config = Lookahead(every=every, decay=decay)
    step = data.draw(st.integers(0, steps - 1))
    earlier, later = (lookahead_decay(config, one, steps) for one in (step, step + 1))
    assert 0 <= earlier <= later <= decay**every


@given(st.sampled_from(KINDS), st.integers(0, 20), st.floats(-1e3, 1e3, width=32))
def test_what_does_not_change_stays_to_the_bit(config, steps, value):
    net = nn.Linear(2, 2).requires_grad_(False)
    net.weight.fill_(value)
    average = Average(config, net)
    before = copied(net.state_dict())
    for step in range(1, steps + 1):
        average.update(step, steps)
    assert same(average.weights(), before)
    assert same(net.state_dict(), before)


@every_kind
@pytest.mark.parametrize("cut", [2, 3, 7])
def test_a_resumed_average_gives_the_same_bits(config, cut):
    net = network()
    average = Average(config, net)
    train(net, average, 1, cut)
    weights, tensors = copied(net.state_dict()), copied(average.tensors())
    resumed = network()
    resumed.load_state_dict(weights)
    again = Average(config, resumed)
    again.load({key: value.contiguous() for key, value in tensors.items()})
    for one, other in ((net, average), (resumed, again)):
        train(one, other, cut + 1, STEPS)
    assert same(net.state_dict(), resumed.state_dict())
    assert same(average.weights(), again.weights())
    assert same(average.tensors(), again.tensors())


def test_where_nothing_is_averaged_nothing_is_stored():
    assert Average(NoAveraging(), network()).tensors() == {}


def test_a_checkpoint_without_the_average_is_refused():
    with pytest.raises(KeyError):
        Average(EMA(), network()).load({})


@pytest.mark.parametrize("config", KINDS[1:], ids=lambda config: config.kind)
def test_a_restart_forgets_the_past(config):
    net = network()
    average = Average(config, net)
    train(net, average, 1, 4)
    average.restart()
    live = net.state_dict()
    assert same(average.tensors(), {key: live[key] for key in average.tensors()})
    before = copied(average.weights())
    train(net, Average(NoAveraging(), net), 5, 5)  # and is not tied to the weights
    assert config.kind == "lookahead" or torch.equal(
        average.weights()["0.weight"], before["0.weight"]
    )
