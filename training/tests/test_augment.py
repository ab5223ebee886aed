"""Batched changes of pictures: right, each its own, and repeatable."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config import Augmentation, Image, JobConfig
from training.data.augment import Changes
from training.data.images import Images
from training.models.layers import Normalise

CPU = torch.device("cpu")
EVERYTHING = {
    "flip": True, "translate": 0.2, "rotate": 10.0, "zoom": 0.1, "crop": 0.2, "cutout": 0.3,
    "colour": 0.3, "mixup": 0.4,
}  # fmt: skip


def noise(count=40, size=8, depth=3):
    """Random pictures, each with its number as its label."""
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, size, size, depth), generator=source).to(torch.uint8)
    return Images(pixels, torch.arange(count))


def job(images, batch=10, seed=3, **augmentation):
    size, depth = images.pixels.shape[2:]
    return JobConfig(
        image=Image(size=size, channels="grey" if depth == 1 else "rgb"),
        augmentation=Augmentation(**augmentation),
        batch_size=batch,
        seed=seed,
    )


def one_step(images, **augmentation):
    """All pictures in one batch, the draws that made it, and what was there before."""
    draws = images.draw(job(images, batch=len(images), **augmentation), 0, CPU)
    return images.batch(draws, 0), draws, plain(images, draws.order[0])


def changed(images, **changes):
    """All pictures in their order, with these changes."""
    draws = images.draw(job(images, batch=len(images)), 0, CPU)
    rows = {name: values[None] for name, values in changes.items()}
    order = torch.arange(len(images))[None]
    return images.batch(dataclasses.replace(draws, order=order, changes=Changes(**rows)), 0)


def plain(images, rows):
    return images.pixels[rows].float().permute(0, 3, 1, 2)


def same(batch, other):
    return (batch == other).flatten(1).all(1)


def test_without_changes_an_epoch_is_every_picture_once():
    images = noise()
    draws = images.draw(job(images), 0, CPU)
    assert len(draws) == 4
    batches = [images.batch(draws, step) for step in range(4)]
    inputs = batches[0].inputs
    assert inputs.shape == (10, 3, 8, 8)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert inputs.dtype == torch.float32
    labels = torch.cat([batch.labels for batch in batches])
    assert torch.equal(torch.cat([batch.inputs for batch in batches]), plain(images, labels))
    assert sorted(labels.tolist()) == list(range(40))


def test_what_does_not_fill_a_batch_has_its_turn_later():
    images = noise(45)
    first, second = (images.draw(job(images), epoch, CPU) for epoch in range(2))
    assert first.order.shape == (4, 10)
    assert set(first.order.flatten().tolist()) != set(second.order.flatten().tolist())


def test_fewer_pictures_than_a_batch_are_one_small_step():
    images = noise(7)
    draws = images.draw(job(images, **EVERYTHING), 0, CPU)
    assert len(draws) == 1
    assert sorted(images.batch(draws, 0).labels.tolist()) == list(range(7))


@pytest.mark.parametrize("name", sorted(set(EVERYTHING) - {"mixup"}))
def test_each_change_changes_pictures_and_keeps_labels(name):
    images = noise()
    batch, draws, original = one_step(images, **{name: EVERYTHING[name]})
    assert torch.equal(batch.labels, draws.order[0])
    assert not same(batch.inputs, original).all()
    assert batch.inputs.shape == original.shape
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= batch.inputs.min() <= batch.inputs.max() <= 255
    assert batch.others is batch.shares is None


# ---------------------------------------------------------------------------- whole pixels


@settings(deadline=None, max_examples=40)
@given(
    size=st.integers(8, 13),
    depth=st.sampled_from([1, 3]),
    flip=st.booleans(),
    translate=st.sampled_from([0.0, 0.01, 0.125, 0.5]),
)
def test_moves_like_a_lookup_pixel_by_pixel(size, depth, flip, translate):
    images = noise(12, size, depth)
    batch, draws, original = one_step(images, flip=flip, translate=translate)
    changes = draws.changes
    shifts = torch.zeros(12, 2, dtype=torch.int64) if not translate else changes.shifts[0]
    flips = torch.zeros(12, dtype=torch.bool) if not flip else changes.flips[0]
    for number in range(12):
        picture = original[number].flip(2) if flips[number] else original[number]
        rows, columns = (
            [reflect(place + int(shift), size) for place in range(size)] for shift in shifts[number]
        )
        assert torch.equal(batch.inputs[number], picture[:, rows][:, :, columns])


def reflect(place, size):
    place = -place if place < 0 else place
    return 2 * (size - 1) - place if place > size - 1 else place


def test_flips_about_half():
    batch, _, original = one_step(noise(400), flip=True)
    flipped, kept = same(batch.inputs, original.flip(3)), same(batch.inputs, original)
    assert (flipped ^ kept).all()
    assert 140 < int(flipped.sum()) < 260


def test_alternating_flips_take_turns():
    images = noise(400)
    config = job(images, batch=400, flip=True, alternate=True)
    mirrored = []
    for epoch in range(4):
        batch = images.batch(images.draw(config, epoch, CPU), 0)
        found = torch.empty(400, dtype=torch.bool)
        found[batch.labels] = same(batch.inputs, plain(images, batch.labels).flip(3))
        mirrored.append(found)
    assert 140 < int(mirrored[0].sum()) < 260
    assert torch.equal(mirrored[1], ~mirrored[0])
    assert torch.equal(mirrored[2], mirrored[0])
    assert torch.equal(mirrored[3], ~mirrored[0])


def test_shifts_by_whole_pixels_and_reflects_at_the_edge():
    batch, _, original = one_step(noise(200), translate=0.25)
    padded = F.pad(original, (2, 2, 2, 2), mode="reflect")
    seen = set()
    for number in range(200):
        matches = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if torch.equal(
                batch.inputs[number], padded[number, :, row : row + 8, column : column + 8]
            )
        ]
        assert matches
        seen.update(matches)
    assert len(seen) == 25


# ---------------------------------------------------------------------------- resampling


def test_rotates_a_quarter_turn_like_rot90():
    images = noise(3)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(3, 2, 3)
    inputs = changed(images, affine=quarter).inputs
    expected = torch.rot90(plain(images, torch.arange(3)), 1, (2, 3))
    assert torch.allclose(inputs, expected, atol=0.01)
    assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_resamples_like_torch_with_any_matrix():
    images = noise(20)
    matrices = torch.randn((20, 2, 3), generator=torch.Generator().manual_seed(1))
    original = plain(images, torch.arange(20))
    grid = F.affine_grid(matrices, list(original.shape), align_corners=False)
    expected = F.grid_sample(original, grid, padding_mode="reflection", align_corners=False)
    assert torch.allclose(changed(images, affine=matrices).inputs, expected, atol=0.05)


def test_turns_and_scales_within_bounds_each_picture_its_own():
    _, draws, _ = one_step(noise(400), rotate=30.0, zoom=0.2)
    matrix = draws.changes.affine[0, :, :, :2]
    scale = torch.linalg.det(matrix).sqrt()
    angle = torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    assert 1 / 1.2 - 1e-4 <= scale.min() < 0.85
    assert 1.2 < scale.max() <= 1 / 0.8 + 1e-4
    assert 25 < angle.abs().max() <= 30.001
    assert len(set(angle.tolist())) > 390
    assert not draws.changes.affine[0, :, :, 2].any()


def test_a_crop_is_a_part_enlarged():
    images = noise(2)
    upper_right = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.5, -0.5]]).expand(2, 2, 3)
    found = changed(images, affine=upper_right).inputs
    part = plain(images, torch.arange(2))[:, :, :4, 4:]
    expected = F.interpolate(part, scale_factor=2, mode="bilinear")
    # At the part's own edges it sees the neighbours.
    assert torch.allclose(found[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=0.01)


def test_crops_lie_inside_at_any_place():
    _, draws, _ = one_step(noise(400), crop=0.6)
    matrix = draws.changes.affine[0]
    side, centre = matrix[:, 0, 0], matrix[:, :, 2]
    assert torch.equal(matrix[:, 1, 1], side)
    assert 0.4 <= side.min() < 0.45
    assert 0.95 < side.max() <= 1
    assert (centre.abs() + side[:, None]).max() <= 1 + 1e-6
    assert centre.min() < -0.45
    assert centre.max() > 0.45


# ---------------------------------------------------------------------------- values


def test_cutout_blanks_one_square_with_the_mean_colour():
    batch, draws, original = one_step(noise(300), cutout=0.375)
    areas = set()
    for number in range(300):
        different = (batch.inputs[number] != original[number]).any(0)
        rows, columns = different.any(1).nonzero().flatten(), different.any(0).nonzero().flatten()
        first = draws.changes.squares[0, number].tolist()
        for places, start in zip((rows, columns), first, strict=True):
            assert places.tolist() == [place for place in range(start, start + 3) if 0 <= place < 8]
        mean = original[number].mean((1, 2))
        assert torch.allclose(batch.inputs[number][:, different].T, mean, atol=0.01)
        assert different.sum() == len(rows) * len(columns)
        areas.add(int(different.sum()))
    assert {4, 6, 9} <= areas  # partly outside, wholly inside


def test_colours_change_as_their_names_say():
    images = noise(5)
    original = plain(images, torch.arange(5))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    grey = (original * weights).sum(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)

    def coloured(*factors):
        return changed(images, colours=torch.tensor(factors).expand(5, 3)).inputs

    def near(found, expected):
        return torch.allclose(found, expected.clamp(0, 255).expand(5, 3, 8, 8), atol=0.01)

    assert near(coloured(1.0, 1.0, 1.0), original)
    assert near(coloured(1.5, 1.0, 1.0), original * 1.5)
    assert near(coloured(1.0, 0.5, 1.0), (original + mean) / 2)
    assert near(coloured(1.0, 1.0, 0.0), grey)
    assert near(coloured(1.0, 1.0, 1.5), grey + 1.5 * (original - grey))
    assert near(coloured(0.5, 0.8, 1.0), 0.8 * original / 2 + 0.2 * mean / 2)


def test_a_grey_picture_has_no_saturation():
    images = noise(5, depth=1)
    colours = torch.tensor([1.0, 1.0, 0.2]).expand(5, 3)
    assert torch.allclose(
        changed(images, colours=colours).inputs, plain(images, torch.arange(5)), atol=0.01
    )


def test_colours_are_drawn_evenly_within_bounds():
    _, draws, _ = one_step(noise(400), colour=0.4)
    factors = draws.changes.colours[0]
    assert (factors.amin(0) < 0.65).all()
    assert (factors.amin(0) >= 0.6 - 1e-6).all()
    assert (factors.amax(0) > 1.35).all()
    assert (factors.amax(0) <= 1.4 + 1e-6).all()


def test_mixup_blends_pictures_and_names_both_labels():
    images = noise(400)
    batch, draws, original = one_step(images, mixup=0.3)
    assert torch.equal(batch.labels, draws.order[0])
    assert (batch.others != batch.labels).all()
    assert sorted(batch.others.tolist()) == list(range(400))
    shares = batch.shares.view(-1, 1, 1, 1)
    expected = shares * original + (1 - shares) * plain(images, batch.others)
    assert torch.allclose(batch.inputs, expected, atol=0.01)
    # Beta(0.3, 0.3) has mean 1/2 and variance 1 / (4 (2 × 0.3 + 1)).
    assert abs(float(batch.shares.mean()) - 0.5) < 0.08
    assert abs(float(batch.shares.var()) - 1 / 6.4) < 0.03


def test_hardly_any_mixup_is_none():
    batch, _, original = one_step(noise(), mixup=1e-300)
    assert set(batch.shares.tolist()) == {0.0, 1.0}
    assert torch.equal(batch.inputs[batch.shares == 1], original[batch.shares == 1])


# ---------------------------------------------------------------------------- draws


def test_the_same_epoch_is_drawn_the_same():
    images = noise()
    first, again, other, elsewhere = (
        images.batch(images.draw(job(images, seed=seed, **EVERYTHING), epoch, CPU), 2).inputs
        for seed, epoch in ((3, 0), (3, 0), (3, 1), (4, 0))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, elsewhere)


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_a_change_leaves_what_the_others_draw(name):
    images = noise()
    fewer = {key: value for key, value in EVERYTHING.items() if key != name}
    all_on, one_off = (images.draw(job(images, **chosen), 0, CPU) for chosen in (EVERYTHING, fewer))
    assert torch.equal(all_on.order, one_off.order)
    for field in Changes._fields:
        with_it, without = getattr(all_on.changes, field), getattr(one_off.changes, field)
        if without is not None and field != "affine":
            assert torch.equal(with_it, without)
    if name in {"rotate", "zoom"}:
        assert not torch.equal(all_on.changes.affine, one_off.changes.affine)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_shares_of_several_devices_make_up_the_step(world):
    images = noise()
    draws = images.draw(job(images, **{**EVERYTHING, "mixup": 0.0}), 0, CPU)
    whole = images.batch(draws, 1)
    for rank in range(world):
        share = images.batch(draws, 1, rank, world)
        assert torch.equal(share.labels, whole.labels[rank::world])
        assert torch.allclose(share.inputs, whole.inputs[rank::world], atol=0.01)


def test_mixup_stays_within_the_share_of_a_device():
    images = noise()
    draws = images.draw(job(images, **EVERYTHING), 0, CPU)
    for rank in range(2):
        share = images.batch(draws, 0, rank, 2)
        assert sorted(share.others.tolist()) == sorted(share.labels.tolist())
        assert torch.equal(share.shares, draws.changes.shares[0, rank::2])


def test_pieces_are_the_whole_split_unchanged():
    images = noise(45)
    pieces = list(images.pieces(20))
    assert [len(rows) for rows, _ in pieces] == [20, 20, 5]
    assert torch.equal(torch.cat([rows for rows, _ in pieces]), torch.arange(45))
    assert torch.equal(torch.cat([inputs for _, inputs in pieces]), plain(images, torch.arange(45)))


@pytest.mark.parametrize("depth", [1, 3])
def test_normalised_pixels_have_no_mean_and_unit_deviation(depth):
    images = noise(60, depth=depth)
    pixels = plain(images, torch.arange(60))
    layer = Normalise(depth)
    layer.measure(pixels.mean((0, 2, 3)), pixels.std((0, 2, 3)))
    for laid_out in (pixels, pixels.contiguous()):
        found = layer(laid_out)
        assert found.stride() == laid_out.stride()
        assert torch.equal(found, (laid_out - layer.mean) * layer.scale)
    assert found.mean((0, 2, 3)).abs().max() < 1e-4
    assert (found.std((0, 2, 3)) - 1).abs().max() < 1e-4
