"""Which split a group belongs to: a pure function of the salt, the groups and what is taken."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

SPLITS = ("train", "validation", "test")


@dataclass(slots=True)
class Group:
    """What must stay together: how many samples of each class, and what was declared for them."""

    labels: Counter[str] = field(default_factory=Counter)
    declared: Set[str] = frozenset()  # shared by the millions of groups that declare nothing


def assign_splits(
    groups: Mapping[str, Group],
    taken: Mapping[tuple[str, str], int],
    *,
    salt: str,
    validation_percent: int,
    test_percent: int,
) -> dict[str, str]:
    """A split for each new group.

    groups: key → Group, none of which has a split yet.
    taken: (label, split) → samples of earlier groups, which never move.
    A declared split wins (where a group has several: test before validation before train, so
    that nothing of the test side is trained on). The others are taken in the order of
    sha256(salt ‖ key), each to the split its main class lacks most; the result does not depend
    on the order of `groups`.
    """
    counts = Counter(taken)
    result: dict[str, str] = {}
    free: list[str] = []
    for key, group in groups.items():
        if group.declared:
            result[key] = max(group.declared, key=SPLITS.index)
            _count(counts, group, result[key])
        else:
            free.append(key)
    quotas = _quotas(groups.values(), taken, validation_percent, test_percent)
    for key in sorted(free, key=lambda key: _rank(salt, key)):
        group = groups[key]
        label = main_label(group)
        result[key] = max(SPLITS, key=lambda split: quotas[label][split] - counts[label, split])
        _count(counts, group, result[key])
    return result


def main_label(group: Group) -> str:
    """The most frequent class of the group; of several, the first by name."""
    return min(group.labels, key=lambda label: (-group.labels[label], label))


def _rank(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}\n{key}".encode()).digest()


def _count(counts: Counter[tuple[str, str]], group: Group, split: str) -> None:
    for label, number in group.labels.items():
        counts[label, split] += number


def _quotas(
    groups: Iterable[Group],
    taken: Mapping[tuple[str, str], int],
    validation_percent: int,
    test_percent: int,
) -> dict[str, dict[str, float]]:
    """Samples wanted per class and split. From three samples on, each split gets at least one."""
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group.labels)
    for (label, _split), number in taken.items():
        totals[label] += number
    return {
        label: _quota(total, validation_percent, test_percent) for label, total in totals.items()
    }


def _quota(total: int, validation_percent: int, test_percent: int) -> dict[str, float]:
    test = max(1.0, total * test_percent / 100) if total >= 2 else 0.0
    validation = max(1.0, total * validation_percent / 100) if total >= 3 else 0.0
    return {"train": total - test - validation, "validation": validation, "test": test}
