"""Images of one split: on the device where they fit, on the host where not."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training.config import Augmentation, JobConfig
from training.data.augment import (
    Changes,
    draw_changes,
    finish,
    gather,
    partners,
    reach_of,
    side_of,
    to_float,
)
from training.data.batch import Batch
from training.data.sampler import epoch_order, into_steps
from training.data.stream import Ahead, fits


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of an epoch."""

    augmentation: Augmentation
    order: Tensor
    """Sample numbers, steps × batch."""
    changes: Changes

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True, eq=False)
class Images:
    """Images and their labels (int64, samples).

    ``pixels`` is uint8, samples × size × size × channels. With ``ahead`` it stays on the host, and
    batches come to the labels' device one by one; they are the same, bit for bit.
    """

    pixels: Tensor
    labels: Tensor
    ahead: Ahead | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, config: JobConfig, epoch: int, device: torch.device) -> Draws:
        """The epoch's draws in full batches; what does not fill one has its turn in other epochs."""
        order = epoch_order(config.seed, epoch, self.labels, config.sampling)
        order = into_steps(order, config.batch_size)
        changes = draw_changes(
            config.augmentation,
            order,
            seed=config.seed,
            epoch=epoch,
            samples=len(self),
            size=self.pixels.shape[1],
        )
        return Draws(config.augmentation, order.to(device), changes.to(device))

    def batch(self, draws: Draws, number: int, rank: int = 0, world: int = 1) -> Batch:
        """Step ``number`` of the epoch, rows ``[rank::world]``. Mixup blends within these rows."""
        order, changes = draws.order[number, rank::world], draws.changes.of(number, rank, world)
        labels, size = self.labels.index_select(0, order), self.pixels.shape[1]
        pixels = self.pixels
        if self.ahead is not None:
            pixels = self.ahead.step(draws.order, number, rank, world)
            order = torch.arange(len(pixels), device=pixels.device)
        moved = gather(pixels, order, changes, reach_of(draws.augmentation, size))
        inputs = finish(moved, changes, side_of(draws.augmentation, size))
        if changes.shares is None:
            return Batch(inputs, labels)
        return Batch(inputs, labels, partners(labels), changes.shares)

    def pieces(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(sample numbers, inputs) of at most ``count`` images, in their order."""
        for start in range(0, len(self), count):
            pixels = self.pixels[start : start + count].to(self.labels.device)
            yield torch.arange(start, start + len(pixels), device=pixels.device), to_float(pixels)


def place(pixels: Tensor, labels: Tensor, device: torch.device) -> Images:
    """Images (on the host) for a run on ``device``: whole where they fit, else batch by batch."""
    labels = labels.to(device)
    if fits(pixels.nbytes, device):
        return Images(pixels.to(device), labels)
    return Images(pixels, labels, Ahead(pixels, device))
