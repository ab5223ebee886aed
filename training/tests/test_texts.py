"""Batches of texts: the right tokens, little padding, and the same ones whoever asks, and when."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config import RNN, JobConfig
from training.data.texts import Texts

CPU = torch.device("cpu")


def texts_of(lengths, dtype=torch.int16):
    """Text ``n`` has ``lengths[n]`` tokens, all of them n + 1; its label is n % 3."""
    lengths = torch.tensor(lengths, dtype=torch.int64)
    numbers = torch.arange(1, len(lengths) + 1)
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)))
    return Texts(numbers.repeat_interleave(lengths).to(dtype), offsets, (numbers - 1) % 3)


def config(**more):
    return JobConfig(model=RNN(), **{"batch_size": 8, **more})


def check(inputs, rows, lengths):
    assert inputs.dtype == torch.int64
    assert inputs.shape[1] % 8 == 0
    for row, number in zip(inputs.tolist(), rows.tolist(), strict=True):
        padding = inputs.shape[1] - lengths[number]
        assert row == [number + 1] * lengths[number] + [0] * padding


some_lengths = st.lists(st.integers(1, 40), min_size=2, max_size=60)


@given(lengths=some_lengths, epoch=st.integers(0, 3), dtype=st.sampled_from(["int16", "int64"]))
@settings(deadline=None)
def test_a_batch_holds_its_texts_and_nothing_else(lengths, epoch, dtype):
    texts = texts_of(lengths, getattr(torch, dtype))
    draws = texts.draw(config(), epoch, CPU)
    assert len(draws) == max(1, len(lengths) // 8)
    seen = []
    for number in range(len(draws)):
        batch = texts.batch(draws, number)
        check(batch.inputs, draws.order[number], lengths)
        longest = max(lengths[row] for row in draws.order[number].tolist())
        assert batch.inputs.shape[1] - longest < 8
        assert batch.labels.tolist() == [row % 3 for row in draws.order[number].tolist()]
        assert (batch.others, batch.shares) == (None, None)
        seen += draws.order[number].tolist()
    assert len(set(seen)) == len(seen) == len(draws) * min(8, len(lengths))


@given(lengths=some_lengths, count=st.integers(1, 70))
@settings(deadline=None)
def test_pieces_hold_each_text_once(lengths, count):
    texts, seen = texts_of(lengths), []
    for rows, inputs in texts.pieces(count):
        assert len(rows) <= count
        check(inputs, rows, lengths)
        seen += rows.tolist()
    assert sorted(seen) == list(range(len(lengths)))


def test_an_empty_split_has_no_pieces():
    assert list(texts_of([]).pieces(4)) == []


def test_ranks_share_a_step():
    texts = texts_of([*range(1, 33)])
    draws = texts.draw(config(), 0, CPU)
    whole = texts.batch(draws, 2)
    for rank in (0, 1):
        part = texts.batch(draws, 2, rank, 2)
        assert torch.equal(part.inputs, whole.inputs[rank::2])
        assert torch.equal(part.labels, whole.labels[rank::2])


def test_draws_depend_on_seed_and_epoch_alone():
    texts = texts_of([*range(1, 33)])
    first = texts.draw(config(), 1, CPU)
    again = texts_of([*range(1, 33)]).draw(config(), 1, CPU)
    assert torch.equal(first.order, again.order)
    assert not torch.equal(first.order, texts.draw(config(), 2, CPU).order)
    assert not torch.equal(first.order, texts.draw(config(seed=1), 1, CPU).order)


def test_small_classes_are_repeated_where_the_job_says_so():
    texts = texts_of([5] * 31)
    texts.labels[:] = 0
    texts.labels[:3] = 1
    draws = texts.draw(config(sampling="oversample"), 0, CPU)
    labels = torch.cat([texts.batch(draws, number).labels for number in range(len(draws))])
    assert len(labels) == 56
    assert (labels == 1).sum() >= 20


@pytest.mark.parametrize("how", ["draw", "pieces"])
def test_little_is_padding(how):
    source = torch.Generator().manual_seed(0)
    lengths = (torch.rand(20_000, generator=source) ** 3 * 120 + 1).long()
    texts = texts_of(lengths.tolist())
    if how == "draw":
        draws = texts.draw(config(batch_size=64), 0, CPU)
        inputs = [texts.batch(draws, number).inputs for number in range(len(draws))]
    else:
        inputs = [inputs for _, inputs in texts.pieces(256)]
    tokens = sum(int((each > 0).sum()) for each in inputs)
    assert tokens > 0.8 * sum(each.numel() for each in inputs)
