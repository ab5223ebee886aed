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
    waiting: Mapping[str, int],
    taken: Counts,
    shares: Shares,
) -> Iterator[tuple[str, str]]:
    """A split for each new group, chosen for its main class.

    groups: (key, samples of each class) in the order of `rank`, none of which has a split yet.
    totals: class → samples, those of `groups` and those that have a split together.
    waiting: class → how many of `groups` have it.
    taken: what has a split already; it never moves.

    A group goes where it fits and the class lacks the largest part of its share; one that fits nowhere
    goes where most is lacking. From three groups of a class on (of that class alone), each split gets
    one, however large they are: a class that a split does not have cannot be released.
    """
    counts, left = Counter(taken), Counter(waiting)
    for key, labels in groups:
        label = main_label(labels)
        have = {each: counts[label, each] for each in SPLITS}
        # A sample may be approved between counting and reading: then its class counts a little less.
        quota = _quota(max(totals.get(label, 0), labels[label]), shares)
        split = _choose(labels[label], have, quota, left[label])
        for each, number in labels.items():
            counts[each, split] += number
            left[each] -= 1
        yield key, split


def _choose(size: int, have: Mapping[str, int], quota: Mapping[str, float], left: int) -> str:
    """The split for `size` more samples of a class. left: its groups, this one included."""
    empty = [each for each in ("train", "test", "validation") if not have[each]]
    if empty and left <= len(empty):
        return empty[max(left, 1) - 1]
    lacks = {each: quota[each] - have[each] for each in ("test", "validation", "train")}
    fitting = [each for each in lacks if lacks[each] >= size]
    if fitting:
        return max(fitting, key=lambda each: lacks[each] / quota[each])
    return max(lacks, key=lambda each: lacks[each])


def main_label(labels: Mapping[str, int]) -> str:
    """The most frequent class of a group; of several, the first by name."""
    return min(labels, key=lambda label: (-labels[label], label))


def _quota(total: int, shares: Shares) -> dict[str, float]:
    """Samples wanted in each split. From three samples on, each gets at least one."""
    test = max(1.0, total * shares.test / 100) if total >= 2 else 0.0
    validation = max(1.0, total * shares.validation / 100) if total >= 3 else 0.0
    return {"train": total - test - validation, "validation": validation, "test": test}
