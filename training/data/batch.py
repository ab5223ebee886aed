"""What a step trains on."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from training.config import JobConfig


class Batch(NamedTuple):
    """Inputs of a network and what it should say to them."""

    inputs: Tensor
    """Images: float 0-255, batch × channels × size × size, channels_last; texts: int64, batch ×
    tokens, 0 where a text has ended."""
    labels: Tensor
    """int64, batch."""
    others: Tensor | None = None
    """With mixup: the labels of what was blended in, int64, batch."""
    shares: Tensor | None = None
    """With mixup: what is left of ``labels`` in the blend, float, batch."""


class Split(Protocol):
    """Samples of one split: ``Images`` or ``Texts``."""

    @property
    def labels(self) -> Tensor:
        """int64, samples; on the device."""

    def __len__(self) -> int: ...

    def draw(self, config: JobConfig, epoch: int, device: torch.device) -> Any:
        """The epoch's draws, a pure function of (seed, epoch)."""

    def batch(self, draws: Any, number: int, rank: int = 0, world: int = 1) -> Batch:
        """Step ``number`` of the epoch: of ``world`` equal shares the one of ``rank``."""

    def pieces(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(sample numbers, inputs) of at most ``count`` samples, all of the split in the end."""
