"""Ranks that do not claim more than the data say. Pure functions over plain values.

Which samples of the test split an entry got right is an integer used as a set of bits: bit i stands
for the i-th sample in the benchmark's order. Two entries on the same samples are compared pairwise.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

LEVEL = 0.05  # of the family of all pairwise tests, and one minus the intervals' coverage


# ------------------------------------------------------------------------- intervals


def accuracy_interval(right: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """The bootstrap percentile interval of an accuracy, at infinitely many resamples.

    Resampling n outcomes of which k are right with replacement makes the number of right ones
    Binomial(n, k/n) (Efron 1979, section 3), so its quantiles need no random numbers: the interval
    is the same every time. Where all or none are right the bootstrap degenerates to a point; there
    the exact bound of Clopper and Pearson (1934) stands for the side that has room.

    Raises ValueError unless 0 ≤ right ≤ total and total > 0.
    """
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} right of {total}")
    edge = (level / 2) ** (1 / total)
    if right == total:
        return edge, 1.0
    if right == 0:
        return 0.0, 1 - edge
    low = _binomial_quantile(total, right / total, level / 2)
    high = total - _binomial_quantile(total, 1 - right / total, level / 2)
    return low / total, high / total


def _binomial_quantile(n: int, p: float, q: float) -> int:
    """The smallest k with P(X ≤ k) ≥ q for X ~ Binomial(n, p), 0 < p < 1."""
    # Below twelve deviations from the mean lies less than 1e-30: nothing is lost by starting there.
    start = max(0, int(n * p - 12 * math.sqrt(n * p * (1 - p))) - 1)
    mass = math.exp(_log_binomial(n, p, start))
    total = mass
    k = start
    while total < q and k < n:
        mass *= (n - k) / (k + 1) * p / (1 - p)
        k += 1
        total += mass
    return k


def _log_binomial(n: int, p: float, k: int) -> float:
    """log P(X = k)."""
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(p) + (n - k) * math.log1p(-p)


# ------------------------------------------------------------------------- tests


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (McNemar 1947; exact: Binomial(n, 1/2)).

    Arguments are the samples that exactly one of the two got right; the others say nothing.
    """
    n, less = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    mass = math.exp(_log_binomial(n, 0.5, less))
    tail = mass
    for k in range(less, 0, -1):
        mass *= k / (n - k + 1)
        tail += mass
        if mass < tail * 1e-17:
            break
    return min(1.0, 2 * tail)


def compare(first: int, second: int) -> float:
    """McNemar's p-value of two sets of rightly answered samples."""
    return mcnemar((first & ~second).bit_count(), (second & ~first).bit_count())


def holm(p_values: Mapping[Any, float], level: float = LEVEL) -> set[Hashable]:
    """The hypotheses that Holm's procedure rejects (Holm 1979): at most `level` falsely, at all."""
    rejected: set[Hashable] = set()
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for done, (key, p) in enumerate(ordered):
        if p > level / (len(ordered) - done):
            break
        rejected.add(key)
    return rejected


# ------------------------------------------------------------------------- ranks


@dataclass(frozen=True)
class Scored:
    """One entry. `correct` is the set of samples it got right, None with a missing score."""

    key: Hashable
    score: float | None
    correct: int | None = None


def ranks(
    entries: Sequence[Scored], *, higher_is_better: bool = True, level: float = LEVEL
) -> dict[Hashable, int]:
    """rank = 1 + number of entries significantly better; shared where no difference is shown.

    "Significantly better" is a better score and McNemar's test, corrected by Holm over all pairs.
    Entries without a score share the place after all others.
    """
    scored = [entry for entry in entries if entry.score is not None]
    pairs = list(combinations(scored, 2))
    p_values = {
        (one.key, other.key): compare(one.correct or 0, other.correct or 0) for one, other in pairs
    }
    different = holm(p_values, level)
    found: dict[Hashable, int] = dict.fromkeys((entry.key for entry in scored), 1)
    for one, other in pairs:
        if (one.key, other.key) not in different or one.score == other.score:
            continue
        # both have a score: see above
        ahead = (one.score or 0) > (other.score or 0)
        worse = other if ahead == higher_is_better else one
        found[worse.key] += 1
    return found | {entry.key: len(scored) + 1 for entry in entries if entry.score is None}


# ------------------------------------------------------------------------- scores


def score(labels: Sequence[str], predicted: Sequence[str]) -> tuple[float, float]:
    """Accuracy and macro-F1, from the labels and what was predicted for each sample.

    Macro-F1 is the mean over the classes that occur among labels or predictions (Sokolova and
    Lapalme 2009); a class that was never hit has F1 0. Raises ValueError when there is no sample.
    """
    if not labels or len(labels) != len(predicted):
        raise ValueError(f"{len(labels)} labels and {len(predicted)} predictions")
    hits: dict[str, int] = {}
    seen: dict[str, int] = {}
    for label, guess in zip(labels, predicted, strict=True):
        seen[label] = seen.get(label, 0) + 1
        seen[guess] = seen.get(guess, 0) + 1
        if label == guess:
            hits[label] = hits.get(label, 0) + 1
    f1 = [2 * hits.get(name, 0) / number for name, number in sorted(seen.items())]
    return sum(hits.values()) / len(labels), math.fsum(f1) / len(f1)


def to_bits(flags: Sequence[bool]) -> int:
    """Bit i is flag i."""
    bits = bytearray((len(flags) + 7) // 8)
    for place, flag in enumerate(flags):
        if flag:
            bits[place // 8] |= 1 << place % 8
    return int.from_bytes(bits, "little")
