"""Cross-entropy as a configuration asks for it, against torch's and scikit-learn's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from training.data.batch import Batch
from training.losses import class_weights, loss_of

CLASSES = 4
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.25])


def drawn(seed, size=6):
    source = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(size, CLASSES, generator=source)
    labels, others = torch.randint(CLASSES, (2, size), generator=source)
    return logits, Batch(logits, labels, others, torch.rand(size, generator=source))


def plain(batch):
    return Batch(batch.inputs, batch.labels)


smoothings = st.floats(0, 0.3)
some_weights = st.sampled_from([None, WEIGHTS])


@given(st.integers(0, 999), smoothings, some_weights)
def test_without_mixup_it_is_torchs(seed, smoothing, weights):
    logits, batch = drawn(seed)
    expected = F.cross_entropy(logits, batch.labels, weights, label_smoothing=smoothing)
    assert torch.equal(loss_of(logits, plain(batch), smoothing, weights), expected)


@given(st.integers(0, 999), smoothings)
def test_mixup_is_the_loss_of_blended_labels(seed, smoothing):
    logits, batch = drawn(seed)
    shares = batch.shares[:, None]
    first, second = F.one_hot(batch.labels, CLASSES), F.one_hot(batch.others, CLASSES)
    blend = shares * first + (1 - shares) * second
    expected = F.cross_entropy(logits, blend, label_smoothing=smoothing)
    torch.testing.assert_close(loss_of(logits, batch, smoothing), expected)


@given(st.integers(0, 999), some_weights, smoothings)
def test_whole_shares_of_mixup_are_no_mixup(seed, weights, smoothing):
    logits, batch = drawn(seed)
    ones = torch.ones(len(logits))
    expected = loss_of(logits, plain(batch), smoothing, weights)
    first = loss_of(logits, batch._replace(shares=ones), smoothing, weights)
    turned = Batch(batch.inputs, batch.others, batch.labels, 0 * ones)
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(loss_of(logits, turned, smoothing, weights), expected)


@given(st.integers(0, 999), smoothings)
def test_mixup_with_weights_counts_each_sample_as_two(seed, smoothing):
    """Shares in quarters: the same as a batch in which each sample stands four times."""
    logits, batch = drawn(seed)
    quarters = (batch.shares * 4).round().long()
    labels = torch.cat([batch.labels.where(quarters > turn, batch.others) for turn in range(4)])
    repeated = logits.repeat(4, 1)
    expected = F.cross_entropy(repeated, labels, WEIGHTS, label_smoothing=smoothing)
    found = loss_of(logits, batch._replace(shares=quarters / 4), smoothing, WEIGHTS)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mixed", [False, True])
def test_bf16_logits_are_counted_in_float32(mixed):
    logits, batch = drawn(0)
    batch, logits = batch if mixed else plain(batch), logits.bfloat16()
    found = loss_of(logits, batch, 0.1, WEIGHTS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss_of(logits.float(), batch, 0.1, WEIGHTS))


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=20))
def test_balanced_weights_are_those_of_scikit_learn(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    found = class_weights(counts, "balanced")
    assert found.dtype == torch.float32
    assert found.numpy() == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=9).filter(any))
def test_all_classes_that_occur_cost_the_same_and_a_sample_1_in_the_mean(counts):
    found = class_weights(counts, "balanced").double()
    costs = found * torch.tensor(counts)
    present = costs[costs > 0]
    assert len(present) == np.count_nonzero(counts)
    assert torch.allclose(present, present[0], rtol=1e-6)
    assert float(costs.sum()) == pytest.approx(sum(counts), rel=1e-6)
    assert not found[torch.tensor(counts) == 0].any()


def test_no_weights_where_none_are_wanted():
    assert class_weights([1, 9], "none") is None
