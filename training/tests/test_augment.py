"""Batched changes of pictures: right, each its own, and repeatable."""

import dataclasses

import pytest
import torch

from training.config import Augmentation
from training.data.augment import draw_epoch, gather
from training.data.sampler import derive_seed, epoch_order

CPU = torch.device("cpu")


def images(count=40, size=8, depth=3):
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, size, size, depth), generator=source).to(torch.uint8)


def draws(augmentation=None, *, seed=3, epoch=0, samples=40, batch=10, size=8):
    return draw_epoch(
        augmentation or Augmentation(),
        seed=seed,
        epoch=epoch,
        samples=samples,
        batch=batch,
        size=size,
        device=CPU,
    )


def plain(data, rows):
    return data[rows].float().permute(0, 3, 1, 2)


def test_without_changes_an_epoch_is_every_picture_once():
    data, drawn = images(), draws()
    batches = [gather(data, drawn, step) for step in range(4)]
    assert batches[0].shape == (10, 3, 8, 8)
    assert batches[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(torch.cat(batches), plain(data, drawn.order.flatten()))
    assert sorted(drawn.order.flatten().tolist()) == list(range(40))


def test_order_is_a_function_of_seed_and_epoch():
    assert torch.equal(epoch_order(1, 2, 50), epoch_order(1, 2, 50))
    assert not torch.equal(epoch_order(1, 2, 50), epoch_order(1, 3, 50))
    assert not torch.equal(epoch_order(1, 2, 50), epoch_order(2, 2, 50))
    assert derive_seed("order", 1, 23) != derive_seed("order", 12, 3)
    assert 0 <= derive_seed("x", 2**31) < 2**63


def test_what_does_not_fill_a_batch_has_its_turn_later():
    first, second = draws(samples=45), draws(samples=45, epoch=1)
    assert first.order.shape == (4, 10)
    assert set(first.order.flatten().tolist()) != set(second.order.flatten().tolist())


def test_flips_about_half():
    data, drawn = images(400), draws(Augmentation(flip=True), samples=400, batch=400)
    batch, original = gather(data, drawn, 0), plain(data, drawn.order[0])
    flipped = (batch == original.flip(3)).flatten(1).all(1)
    kept = (batch == original).flatten(1).all(1)
    assert (flipped ^ kept).all()
    assert 140 < int(flipped.sum()) < 260


def test_shifts_by_whole_pixels_and_reflects_at_the_edge():
    data = images(200)
    drawn = draws(Augmentation(translate=0.25), samples=200, batch=200)
    batch, original = gather(data, drawn, 0), plain(data, drawn.order[0])
    padded = torch.nn.functional.pad(original, (2, 2, 2, 2), mode="reflect")
    seen = set()
    for number in range(200):
        matches = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if torch.equal(batch[number], padded[number, :, row : row + 8, column : column + 8])
        ]
        assert matches
        seen.update(matches)
    assert len(seen) == 25


@pytest.mark.parametrize("translate", [0.01, 0.5])
def test_any_shift_stays_inside(translate):
    drawn = draws(Augmentation(translate=translate, flip=True), samples=400, batch=400)
    for positions in (drawn.rows, drawn.columns):
        assert positions.min() >= 0
        assert positions.max() <= 7


def test_rotates_a_quarter_turn_like_rot90():
    data = images(3)
    drawn = draws(Augmentation(rotate=90), samples=3, batch=3)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(1, 3, 2, 3)
    drawn = dataclasses.replace(drawn, affine=quarter)
    batch = gather(data, drawn, 0)
    expected = torch.rot90(plain(data, drawn.order[0]), 1, (2, 3))
    assert torch.allclose(batch, expected, atol=0.01)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_turns_and_scales_within_bounds_each_picture_its_own():
    drawn = draws(Augmentation(rotate=30, zoom=0.2), samples=400, batch=400)
    matrix = drawn.affine[0, :, :, :2]
    scale = torch.linalg.det(matrix).sqrt()
    angle = torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    assert scale.min() >= 1 / 1.2 - 1e-4
    assert scale.max() <= 1 / 0.8 + 1e-4
    assert 25 < angle.abs().max() <= 30.001
    assert len(set(angle.tolist())) > 390


def test_the_same_epoch_is_drawn_the_same():
    everything = Augmentation(flip=True, translate=0.2, rotate=10, zoom=0.1)
    data = images()
    first, again, other = draws(everything), draws(everything), draws(everything, epoch=1)
    assert torch.equal(gather(data, first, 2), gather(data, again, 2))
    assert not torch.equal(gather(data, first, 2), gather(data, other, 2))
