"""Which samples an epoch sees, how often, and in which company."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.sampler import bucketed, derive_seed, epoch_order, generator, into_steps
from training.draws import draws_per_epoch

SAMPLINGS = ("none", "oversample", "undersample", "weighted")
COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any)


def labels_of(counts, seed=0):
    """So many samples of each class, in no order."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=generator("labels", seed))]


def test_order_is_a_function_of_seed_and_epoch():
    labels = labels_of([30, 20])
    for sampling in SAMPLINGS:
        first = epoch_order(1, 2, labels, sampling)
        assert torch.equal(first, epoch_order(1, 2, labels, sampling))
        assert not torch.equal(first, epoch_order(1, 3, labels, sampling))
        assert not torch.equal(first, epoch_order(2, 2, labels, sampling))
    assert derive_seed("order", 1, 23) != derive_seed("order", 12, 3)
    assert 0 <= derive_seed("x", 2**31) < 2**63


@settings(deadline=None)
@given(counts=COUNTS, sampling=st.sampled_from(SAMPLINGS), seed=st.integers(0, 5))
def test_as_many_as_announced(counts, sampling, seed):
    labels = labels_of(counts, seed)
    order = epoch_order(seed, 0, labels, sampling)
    assert len(order) == draws_per_epoch(counts, sampling)
    assert order.dtype == torch.int64
    assert set(order.tolist()) <= set(range(len(labels)))


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 5))
def test_each_once_without_sampling(counts, seed):
    labels = labels_of(counts)
    assert sorted(epoch_order(seed, 1, labels).tolist()) == list(range(len(labels)))


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 5))
def test_oversampling_repeats_small_classes_evenly(counts, seed):
    labels = labels_of(counts)
    order = epoch_order(seed, 0, labels, "oversample")
    times = order.bincount(minlength=len(labels))
    for number, count in enumerate(counts):
        if count:
            own = times[labels == number]
            assert own.sum() == max(counts)
            assert own.min() >= max(counts) // count
            assert own.max() <= -(-max(counts) // count)


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 5))
def test_undersampling_cuts_all_to_the_smallest(counts, seed):
    labels = labels_of(counts)
    order = epoch_order(seed, 0, labels, "undersample")
    assert len(set(order.tolist())) == len(order)
    least = min(count for count in counts if count)
    expected = [least if count else 0 for count in counts]
    assert labels[order].bincount(minlength=len(counts)).tolist() == expected


def test_undersampling_cuts_others_each_epoch():
    labels = labels_of([100, 10])
    seen = [set(epoch_order(0, epoch, labels, "undersample").tolist()) for epoch in range(120)]
    assert seen[0] != seen[1]
    assert set.union(*seen) == set(range(110))


def test_weighted_draws_every_class_as_likely():
    labels = labels_of([9000, 900, 0, 100])
    order = epoch_order(0, 0, labels, "weighted")
    found = labels[order].bincount(minlength=4)
    assert found[2] == 0
    assert (found[[0, 1, 3]] - 10_000 / 3).abs().max() < 200
    times = order.bincount(minlength=len(labels))[labels == 3]
    assert times.min() > 10  # with replacement: each of the few comes about 33 times
    assert times.max() < 65


@pytest.mark.parametrize("sampling", ["oversample", "undersample", "weighted"])
def test_classes_are_mixed(sampling):
    labels = labels_of([300, 30, 100])
    order = labels[epoch_order(0, 0, labels, sampling)]
    assert set(order[:30].tolist()) == {0, 1, 2}


def test_nothing_to_draw_from():
    assert draws_per_epoch([0, 0], "oversample") == 0


def test_full_batches_only():
    assert into_steps(torch.arange(10), 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert into_steps(torch.arange(3), 4).tolist() == [[0, 1, 2]]


@settings(deadline=None)
@given(count=st.integers(1, 400), batch=st.integers(2, 16), seed=st.integers(0, 5))
def test_buckets_hold_what_the_order_holds(count, batch, seed):
    order = torch.randperm(count, generator=generator("order", seed))
    lengths = torch.randint(1, 50, (count,), generator=generator("lengths", seed))
    steps = bucketed(order, lengths, batch, generator("buckets", seed))
    assert steps.shape == into_steps(order, batch).shape
    assert sorted(steps.flatten().tolist()) == sorted(into_steps(order, batch).flatten().tolist())
    assert torch.equal(steps, bucketed(order, lengths, batch, generator("buckets", seed)))


def test_buckets_spare_padding_and_come_in_no_order():
    lengths = torch.randint(1, 200, (20_000,), generator=generator("lengths"))
    order = epoch_order(0, 0, lengths)
    steps = bucketed(order, lengths, 20, generator("buckets"))
    longest = lengths[steps].amax(1)
    padding = 1 - lengths[steps].sum() / (longest.sum() * 20)
    unsorted = lengths[into_steps(order, 20)]
    assert padding < 0.03
    assert 1 - unsorted.sum() / (unsorted.amax(1).sum() * 20) > 0.4
    halves = longest.float().view(2, -1).mean(1)
    assert (halves[0] - halves[1]).abs() < 20


def test_buckets_differ_between_epochs():
    lengths = torch.randint(1, 30, (2000,), generator=generator("lengths"))
    first, second = (
        {frozenset(step.tolist()) for step in bucketed(order, lengths, 20, generator("b", epoch))}
        for epoch, order in ((epoch, epoch_order(0, epoch, lengths)) for epoch in range(2))
    )
    assert not first & second
