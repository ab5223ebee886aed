"""Which split a group belongs to: a pure function of the salt, the groups and what is taken."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

SPLITS = ("train", "validation", "test")
# (class, split) → samples.
Counts = Counter[tuple[str, str]]


class Shares(NamedTuple):
    """Percent of a class's samples; what is left is for training."""

    validation: int
    test: int


def rank(salt: str, key: str) -> str:
    """By this the groups of a dataset are taken: an order that nobody chose, and that never changes."""
    return hashlib.sha256(f"{salt}\n{key}".encode()).hexdigest()


def declared_split(declared: Iterable[str]) -> str:
    """Where a group has several: test before validation before train, so that nothing of the test
    side is trained on."""
    return max(declared, key=SPLITS.index)


def fill(
    groups: Iterable[tuple[str, Counter[str]]],
    totals: Mapping[str, int],
    taken: Counts,
    shares: Shares,
) -> Iterator[tuple[str, str]]:
    """A split for each new group: the one that its main class lacks most.

    groups: (key, samples of each class) in the order of `rank`, none of which has a split yet.
    totals: class → samples, those of `groups` and those that have a split together.
    taken: what has a split already; it never moves.
    """
    counts = Counter(taken)
    quotas = {label: _quota(total, shares) for label, total in totals.items()}
    for key, labels in groups:
        label = main_label(labels)
        split = max(SPLITS, key=lambda each: quotas[label][each] - counts[label, each])
        for each, number in labels.items():
            counts[each, split] += number
        yield key, split


def main_label(labels: Mapping[str, int]) -> str:
    """The most frequent class of a group; of several, the first by name."""
    return min(labels, key=lambda label: (-labels[label], label))


def _quota(total: int, shares: Shares) -> dict[str, float]:
    """Samples wanted in each split. From three samples on, each gets at least one."""
    test = max(1.0, total * shares.test / 100) if total >= 2 else 0.0
    validation = max(1.0, total * shares.validation / 100) if total >= 3 else 0.0
    return {"train": total - test - validation, "validation": validation, "test": test}
