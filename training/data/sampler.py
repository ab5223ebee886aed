"""In which order an epoch sees the samples: a pure function of seed and epoch."""

import hashlib

import torch
from torch import Tensor


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed of its own for each purpose, so that no two draws share a stream."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator seeded from ``parts``; draws do not depend on the device that trains."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """A permutation of ``range(samples)``, int64, on the CPU."""
    return torch.randperm(samples, generator=generator("order", seed, epoch))
