"""What happens to the pictures of an epoch, and how it is done to a batch of them at once.

All random numbers of an epoch are drawn at once, as a pure function of (seed, epoch): step ``i`` takes
its slice, whoever asks and whenever, so a resumed run sees the same pictures. Each change draws from a
generator of its own: turning one on or off leaves what the others do.

Bytes stay bytes as long as pixels only move (flip, translate); then floats are resampled at most once
(rotate, zoom, crop), recoloured, blanked. Only whole rows and runs of pixels are copied, and numbers of a
picture meet them in views whose last dimension is long: torch is slow where three channels come last.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.config import Augmentation
from training.data.sampler import derive_seed, generator

GREY = {1: (1.0,), 3: (0.299, 0.587, 0.114)}  # shares of the channels in brightness (ITU-R BT.601)
LEAST_BETA = 1e-6  # of mixup; here already every share is 0 or 1, far below numpy overflows


class Changes(NamedTuple):
    """What happens to each picture of an epoch, steps × batch × …; of a step, rows × ….

    None where nothing does.
    """

    flips: Tensor | None = None
    """bool."""
    shifts: Tensor | None = None
    """Pixels down and to the right from which a picture is read, int64, … × 2."""
    affine: Tensor | None = None
    """From places in the new picture to places in the old, both from -1 to 1, … × 2 × 3."""
    squares: Tensor | None = None
    """First row and first column that are blanked, int64, … × 2; may lie outside."""
    colours: Tensor | None = None
    """Factors of brightness, contrast and saturation, … × 3."""
    shares: Tensor | None = None
    """What is left of a picture where another one is blended in."""

    def of(self, number: int, rank: int, world: int) -> "Changes":
        """Those of a step, and of ``world`` equal shares of its rows that of ``rank``."""
        return Changes(*(None if each is None else each[number, rank::world] for each in self))

    def to(self, device: torch.device) -> "Changes":
        return Changes(*(None if each is None else each.to(device) for each in self))


# ---------------------------------------------------------------------------- drawing


def draw_changes(
    augmentation: Augmentation, order: Tensor, *, seed: int, epoch: int, samples: int, size: int
) -> Changes:
    """Of an epoch whose steps see the pictures ``order`` (steps × batch, of ``samples``)."""
    shape = tuple(order.shape)
    changes = Changes()
    if augmentation.flip:
        changes = changes._replace(flips=_flips(augmentation, order, seed, epoch, samples))
    if reach := reach_of(augmentation, size):
        source = generator("translate", seed, epoch)
        shifts = torch.randint(-reach, reach + 1, (*shape, 2), generator=source)
        changes = changes._replace(shifts=shifts)
    if augmentation.rotate or augmentation.zoom or augmentation.crop:
        changes = changes._replace(affine=_affine(augmentation, shape, seed, epoch))
    if side := side_of(augmentation, size):
        source = generator("cutout", seed, epoch)
        squares = torch.randint(size, (*shape, 2), generator=source) - side // 2
        changes = changes._replace(squares=squares)
    if augmentation.colour:
        factors = _around_zero((*shape, 3), generator("colour", seed, epoch))
        changes = changes._replace(colours=1 + augmentation.colour * factors)
    if augmentation.mixup:
        shares = _beta(augmentation.mixup, shape, derive_seed("mixup", seed, epoch))
        changes = changes._replace(shares=shares)
    return changes


def reach_of(augmentation: Augmentation, size: int) -> int:
    """The longest shift, in pixels."""
    return math.ceil(augmentation.translate * size)


def side_of(augmentation: Augmentation, size: int) -> int:
    """Side of the blanked square, in pixels; 0 where there is none."""
    return max(1, round(augmentation.cutout * size)) if augmentation.cutout else 0


def _flips(
    augmentation: Augmentation, order: Tensor, seed: int, epoch: int, samples: int
) -> Tensor:
    if not augmentation.alternate:
        return torch.rand(order.shape, generator=generator("flip", seed, epoch)) < 0.5
    # Jordan 2024, section 3.6: any two epochs in a row show both sides of every picture.
    first = torch.rand(samples, generator=generator("alternate", seed)) < 0.5
    return first[order] ^ bool(epoch % 2)


def _affine(augmentation: Augmentation, shape: tuple[int, ...], seed: int, epoch: int) -> Tensor:
    """Turn and zoom about the centre, then take a part of the result: one matrix for all three."""
    turns = _around_zero(shape, generator("rotate", seed, epoch))
    zooms = _around_zero(shape, generator("zoom", seed, epoch))
    parts = torch.rand((3, *shape), generator=generator("crop", seed, epoch))
    angle = torch.deg2rad(turns * augmentation.rotate)
    scale = 1 / (1 + zooms * augmentation.zoom)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    turned = torch.stack((cosine, -sine, sine, cosine), -1).view(*shape, 2, 2)
    side = 1 - augmentation.crop * parts[0]
    centre = torch.stack(((2 * parts[1] - 1) * (1 - side), (2 * parts[2] - 1) * (1 - side)), -1)
    return torch.cat((turned * side[..., None, None], turned @ centre[..., None]), -1)


def _around_zero(shape: tuple[int, ...], source: torch.Generator) -> Tensor:
    """Even between -1 and 1."""
    return torch.rand(shape, generator=source) * 2 - 1


def _beta(alpha: float, shape: tuple[int, ...], seed: int) -> Tensor:
    alpha = max(alpha, LEAST_BETA)
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, shape)).float()


# ---------------------------------------------------------------------------- doing


def gather(pixels: Tensor, order: Tensor, changes: Changes, reach: int) -> Tensor:
    """The pictures ``order`` of ``pixels`` (uint8, samples × size × size × channels), moved.

    Beyond an edge a picture shows what lies as far inside it.
    """
    if changes.flips is None and changes.shifts is None:
        return pixels.index_select(0, order)
    samples, size, _, depth = pixels.shape
    if changes.shifts is None:
        rows = pixels.index_select(0, order)
    else:
        moved = _reflected(_positions(size, order) + changes.shifts[:, :1], size)
        places = (order[:, None] * size + moved).flatten()
        rows = pixels.reshape(samples * size, size * depth).index_select(0, places)
    rows = rows.view(len(order), size, size, depth)
    return rows if changes.flips is None and not reach else _columns(rows, changes, reach)


def _columns(rows: Tensor, changes: Changes, reach: int) -> Tensor:
    """Move columns. Each picture and its mirror image side by side, both continued beyond the edges:
    every shift, mirrored or not, is then one run of pixels that begins somewhere in there."""
    count, size, _, depth = rows.shape
    mirror = rows.flip(2)
    around = (
        mirror[:, :, size - 1 - reach : -1],
        rows,
        mirror[:, :, 1:],
        rows[:, :, 1 : reach + 1],
    )
    wide = torch.cat(around, 2)
    width = wide.shape[2]
    runs = wide.as_strided(
        ((count - 1) * size * width + width - size + 1, size, size * depth),
        (depth, width * depth, 1),
    )
    starts = torch.arange(count, device=rows.device) * (size * width) + reach
    if changes.shifts is not None:
        starts += changes.shifts[:, 1]
    if changes.flips is not None:
        starts += changes.flips * (size - 1)
    return runs.index_select(0, starts).view_as(rows)


def _positions(size: int, like: Tensor) -> Tensor:
    return torch.arange(size, device=like.device)


def _reflected(positions: Tensor, size: int) -> Tensor:
    positions = positions.abs()
    return size - 1 - (size - 1 - positions).abs()


def finish(pixels: Tensor, changes: Changes, side: int) -> Tensor:
    """All that follows after pixels were moved: bytes to what the network sees.

    Returns floats 0-255, batch × channels × size × size, in channels_last order.
    """
    batch = to_float(pixels)
    if changes.affine is not None:
        batch = _resampled(batch, changes.affine)
    if changes.colours is not None:
        batch = _recoloured(batch, changes.colours)
    if changes.squares is not None:
        batch = _blanked(batch, changes.squares, side)
    if changes.shares is not None:
        batch = _blended(batch, changes.shares)
    return batch


def to_float(pixels: Tensor) -> Tensor:
    """uint8, batch × size × size × channels, to float in channels_last order, which costs nothing."""
    return pixels.float().permute(0, 3, 1, 2)


def partners(values: Tensor) -> Tensor:
    """What is blended into each row: the row before it, which the shuffled order has chosen."""
    return torch.cat((values[-1:], values[:-1]))


def _resampled(batch: Tensor, affine: Tensor) -> Tensor:
    """Bilinear; beyond an edge a picture shows what lies as far inside it."""
    size = batch.shape[-1]
    centres = (2 * _positions(size, batch) + 1) / size - 1
    # The grid is a sum over rows and columns: F.affine_grid, a product of matrices, takes longer
    # than the resampling itself.
    across = affine[:, :, :1] * centres
    down = affine[:, :, 1:2] * centres + affine[:, :, 2:]
    grid = (down[..., None] + across[:, :, None]).permute(0, 2, 3, 1)
    batch = F.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
    return batch.contiguous(memory_format=torch.channels_last)


def _recoloured(batch: Tensor, colours: Tensor) -> Tensor:
    """Brightness scales; then contrast moves all away from the picture's mean brightness, saturation
    each pixel away from its own. Together: a share of the pixel, one of its grey, and a summand."""
    flat = batch.permute(0, 2, 3, 1).flatten(1)
    count, depth, size, _ = batch.shape
    # Numbers, not a tensor of them, which a GPU would wait for in each step.
    channels = zip(GREY[depth], flat.view(count, -1, depth).unbind(2), strict=True)
    grey = torch.stack([share * channel for share, channel in channels]).sum(0)
    brightness, contrast, saturation = colours[..., None].unbind(1)
    own = brightness * contrast * saturation
    greyed = brightness * contrast * (1 - saturation) * grey
    greyed += brightness * (1 - contrast) * grey.mean(1, keepdim=True)
    found = greyed[..., None].expand(-1, -1, depth).flatten(1)
    found = found.addcmul_(flat, own).clamp_(0, 255)
    return found.view(count, size, size, depth).permute(0, 3, 1, 2)


def _blanked(batch: Tensor, squares: Tensor, side: int) -> Tensor:
    """Squares filled with the picture's own mean colour: the sum over a picture hardly changes, and no
    number about the data set is needed."""
    lines = batch.permute(0, 2, 3, 1).flatten(2)
    count, depth, size, _ = batch.shape
    positions = _positions(size, batch)
    first = squares[..., None]
    inside = ((positions >= first) & (positions < first + side)).float()
    mask = inside[:, 0, :, None] * inside[:, 1].repeat_interleave(depth, 1)[:, None]
    colour = lines.mean(1).view(count, size, depth).mean(1).repeat(1, size)
    found = torch.lerp(lines, colour[:, None], mask)
    return found.view(count, size, size, depth).permute(0, 3, 1, 2)


def _blended(batch: Tensor, shares: Tensor) -> Tensor:
    count, depth, size, _ = batch.shape
    flat = batch.permute(0, 2, 3, 1).flatten(1)
    found = torch.lerp(partners(flat), flat, shares[:, None])
    return found.view(count, size, size, depth).permute(0, 3, 1, 2)
