"""Texts of one split, as rows of tokens."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training.config import JobConfig
from training.data.batch import Batch
from training.data.sampler import bucketed, epoch_order, generator

MULTIPLE = 8  # widths of batches, in tokens: fewer shapes, and whole tiles for the hardware


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of an epoch."""

    order: Tensor
    """Sample numbers, steps × batch."""
    widths: list[int]
    """Tokens that the longest text of each step has, rounded up."""

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts and their labels (int64, samples), all on the device.

    ``tokens`` are whole numbers above 0, one text after the other; ``offsets``, int64, samples + 1,
    say where each begins and the last ends. Every text has at least one token.
    """

    tokens: Tensor
    offsets: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, config: JobConfig, epoch: int, device: torch.device) -> Draws:
        """The epoch's draws in full batches, each of texts of similar length."""
        order = epoch_order(config.seed, epoch, self.labels, config.sampling)
        lengths = self._lengths()
        source = generator("buckets", config.seed, epoch)
        order = bucketed(order, lengths, config.batch_size, source)
        return Draws(order.to(device), _widths(lengths[order].amax(1)))

    def batch(self, draws: Draws, number: int, rank: int = 0, world: int = 1) -> Batch:
        """Step ``number`` of the epoch, rows ``[rank::world]``, as wide as the step's longest text."""
        rows = draws.order[number, rank::world]
        return Batch(self._padded(rows, draws.widths[number]), self.labels.index_select(0, rows))

    def pieces(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(sample numbers, inputs) of at most ``count`` texts, long ones first, so that little is
        padding, and memory that does not suffice is missed at once."""
        lengths = self._lengths()
        order = lengths.argsort(descending=True, stable=True)
        for number, width in enumerate(_widths(lengths[order[::count]])):
            rows = order[number * count : (number + 1) * count].to(self.tokens.device)
            yield rows, self._padded(rows, width)

    def _lengths(self) -> Tensor:
        """Tokens of each text, on the CPU."""
        return self.offsets.diff().cpu()

    def _padded(self, rows: Tensor, width: int) -> Tensor:
        """Tokens of some texts, int64, texts × width; 0 where one has ended."""
        begins, ends = self.offsets[rows, None], self.offsets[rows + 1, None]
        places = begins + torch.arange(width, device=rows.device)
        # Beyond the end stands another text, or nothing.
        found = self.tokens.take(places.clamp_max(len(self.tokens) - 1)).long()
        return found.masked_fill_(places >= ends, 0)


def _widths(longest: Tensor) -> list[int]:
    return ((longest + MULTIPLE - 1) // MULTIPLE * MULTIPLE).tolist()
