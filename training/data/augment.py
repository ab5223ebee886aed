"""Batches out of a split that lies whole on the device: one gather, then at most one resampling.

All random numbers of an epoch are drawn at once, as a pure function of (seed, epoch): step ``i`` takes
its slice, whoever asks and whenever, so a resumed run sees the same pictures.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.config import Augmentation
from training.data.sampler import epoch_order, generator


@dataclass(frozen=True)
class Draws:
    """The order of an epoch and what happens to each picture; each tensor holds one row per step."""

    order: Tensor
    rows: Tensor | None
    """Source row of each pixel row, steps × batch × size; None where nothing moves."""
    columns: Tensor | None
    affine: Tensor | None
    """Rotation and zoom, steps × batch × 2 × 3."""


def draw_epoch(
    augmentation: Augmentation,
    *,
    seed: int,
    epoch: int,
    samples: int,
    batch: int,
    size: int,
    device: torch.device,
) -> Draws:
    """The epoch's draws in full batches of ``batch``; what does not fill one has no turn."""
    steps = samples // batch
    order = epoch_order(seed, epoch, samples)[: steps * batch].view(steps, batch)
    source = generator("augmentation", seed, epoch)
    rows, columns = _moves(augmentation, source, steps * batch, size)
    affine = _affine(augmentation, source, steps * batch)
    return Draws(
        order.to(device),
        None if rows is None else rows.view(steps, batch, size).to(device),
        None if columns is None else columns.view(steps, batch, size).to(device),
        None if affine is None else affine.view(steps, batch, 2, 3).to(device),
    )


def gather(images: Tensor, draws: Draws, step: int) -> Tensor:
    """The pictures of a step, as the model wants them.

    ``images`` is uint8, samples × size × size × channels. Returns floats 0-255, batch × channels ×
    size × size, in channels_last order, which here costs nothing.
    """
    order = draws.order[step]
    if draws.rows is None or draws.columns is None:
        pixels = images.index_select(0, order)
    else:
        rows, columns = draws.rows[step], draws.columns[step]
        pixels = images[order[:, None, None], rows[:, :, None], columns[:, None, :]]
    batch = to_float(pixels)
    if draws.affine is not None:
        grid = F.affine_grid(draws.affine[step], list(batch.shape), align_corners=False)
        batch = F.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
        batch = batch.contiguous(memory_format=torch.channels_last)
    return batch


def to_float(pixels: Tensor) -> Tensor:
    """uint8, batch × size × size × channels, to float in channels_last order."""
    return pixels.float().permute(0, 3, 1, 2)


def _moves(
    augmentation: Augmentation, source: torch.Generator, count: int, size: int
) -> tuple[Tensor | None, Tensor | None]:
    if not augmentation.flip and not augmentation.translate:
        return None, None
    most = math.ceil(augmentation.translate * size)
    shifts = torch.randint(-most, most + 1, (2, count, 1), generator=source)
    positions = torch.arange(size)
    rows, columns = (_reflected(positions + shift, size) for shift in shifts)
    if augmentation.flip:
        mirrored = torch.rand((count, 1), generator=source) < 0.5
        columns = torch.where(mirrored, size - 1 - columns, columns)
    return rows, columns


def _reflected(positions: Tensor, size: int) -> Tensor:
    """Positions beyond an edge show what lies as far inside it."""
    positions = positions.abs()
    return size - 1 - (size - 1 - positions).abs()


def _affine(augmentation: Augmentation, source: torch.Generator, count: int) -> Tensor | None:
    if not augmentation.rotate and not augmentation.zoom:
        return None
    angle, scale = torch.rand((2, count), generator=source) * 2 - 1
    angle = torch.deg2rad(angle * augmentation.rotate)
    scale = 1 / (1 + scale * augmentation.zoom)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    zero = torch.zeros(count)
    return torch.stack((cosine, -sine, zero, sine, cosine, zero), 1).view(count, 2, 3)
