"""What training makes small: cross-entropy, and what a configuration does to it."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from training.data.batch import Batch


def class_weights(
    counts: Sequence[int],
    kind: Literal["none", "balanced"],
    device: torch.device | None = None,
) -> Tensor | None:
    """What an error on each class costs, float32, on ``device``; ``None``: all cost 1.

    balanced: n / (k × count), for n samples (the sum of ``counts``) of the k classes that occur: all
    classes cost the same in sum, and a sample 1 in the mean. A class that does not occur costs 0.
    """
    if kind == "none":
        return None
    found = torch.tensor(counts, dtype=torch.float64)
    weights = found.sum() / (found.count_nonzero() * found)
    return weights.masked_fill(found == 0, 0.0).float().to(device)


def loss_of(
    logits: Tensor, batch: Batch, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy of ``logits`` (batch × classes), in float32 or what is finer.

    ``smoothing`` (Szegedy et al. 2016, section 7) is the share of the certainty that is spread over all
    classes. With class ``weights`` the mean is weighted: the sum of the weighted losses over the sum of
    the labels' weights. With mixup (Zhang et al. 2018) each sample counts as two, one with each of its
    labels, in the shares of the blend; their class weights then count in these shares too.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if batch.others is None or batch.shares is None:
        return F.cross_entropy(logits, batch.labels, weights, label_smoothing=smoothing)
    first, second = (
        F.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction="none")
        for labels in (batch.labels, batch.others)
    )
    total = second.lerp(first, batch.shares).sum()
    if weights is None:
        return total / len(logits)
    return total / weights[batch.others].lerp(weights[batch.labels], batch.shares).sum()
