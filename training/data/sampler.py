"""In which order an epoch sees the samples: a pure function of seed and epoch."""

import hashlib

import torch
from torch import Tensor

from training.draws import Sampling

WINDOW = 50  # batches among which texts of similar length are brought together


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed of its own for each purpose, so that no two draws share a stream."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator seeded from ``parts``; draws do not depend on the device that trains."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def epoch_order(seed: int, epoch: int, labels: Tensor, sampling: Sampling = "none") -> Tensor:
    """Sample numbers in the order of an epoch, int64, on the CPU.

    Their number is ``training.draws.draws_per_epoch``. Classes without samples have no part in it.
    """
    source = generator("order", seed, epoch)
    shuffled = torch.randperm(len(labels), generator=source)
    if sampling == "none":
        return shuffled
    labels = labels.cpu()
    sorted_by_class = shuffled[labels[shuffled].argsort(stable=True)]
    counts = labels.bincount()
    counts = counts[counts > 0]
    starts = counts.cumsum(0) - counts
    if sampling == "weighted":
        return sorted_by_class[_with_replacement(starts, counts, source)]
    # Each class was shuffled, so chance decides who comes once more, and who is cut.
    drawn = int(counts.max() if sampling == "oversample" else counts.min())
    places = starts[:, None] + torch.arange(drawn) % counts[:, None]
    order = sorted_by_class[places.flatten()]
    return order[torch.randperm(len(order), generator=source)]


def into_steps(order: Tensor, batch: int) -> Tensor:
    """Steps × batch. What does not fill a batch is left out; less than one batch is one small step."""
    batch = min(batch, len(order))
    steps = len(order) // batch
    return order[: steps * batch].view(steps, batch)


def bucketed(order: Tensor, lengths: Tensor, batch: int, source: torch.Generator) -> Tensor:
    """Steps × batch, where texts of similar length share a batch, so that little is padding.

    ``lengths`` are those of all samples. Only ``WINDOW`` batches that the order brought together are
    sorted at a time: batches differ from epoch to epoch. Then the batches are shuffled.
    """
    steps = into_steps(order, batch)
    order = steps.flatten()
    window = torch.arange(len(order)) // (steps.shape[1] * WINDOW)
    keys = window * (int(lengths.max()) + 1) + lengths[order]
    batches = order[keys.argsort(stable=True)].view_as(steps)
    return batches[torch.randperm(len(batches), generator=source)]


def _with_replacement(starts: Tensor, counts: Tensor, source: torch.Generator) -> Tensor:
    """As many places as there are samples, each class as likely, each of its samples as likely."""
    total = int(counts.sum())
    classes = torch.randint(len(counts), (total,), generator=source)
    places = torch.randint(2**62, (total,), generator=source) % counts[classes]
    return starts[classes] + places
