"""How many samples an epoch draws: arithmetic that a web process may do, too (no torch)."""

from collections.abc import Iterable
from typing import Literal

Sampling = Literal["none", "oversample", "undersample", "weighted"]


def draws_per_epoch(counts: Iterable[int], sampling: Sampling) -> int:
    """Training samples of an epoch, repeats included; ``counts`` are the samples of each class.

    A class without samples has no part in it. ``training.data.sampler`` draws exactly so many.
    """
    present = [count for count in counts if count > 0]
    if not present:
        return 0
    if sampling == "oversample":
        return max(present) * len(present)
    if sampling == "undersample":
        return min(present) * len(present)
    return sum(present)
