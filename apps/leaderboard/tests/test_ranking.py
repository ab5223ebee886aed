"""Ranking: pure functions, against closed forms, other libraries and their own properties."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import accuracy_score, f1_score

from apps.leaderboard.ranking import (
    Scored,
    accuracy_interval,
    compare,
    holm,
    mcnemar,
    ranks,
    score,
    to_bits,
)

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_an_interval_contains_its_accuracy(counts: tuple[int, int]) -> None:
    right, total = counts
    low, high = accuracy_interval(right, total)
    assert 0 <= low <= right / total <= high <= 1
    assert low < high


@given(COUNTS)
def test_an_interval_is_symmetric(counts: tuple[int, int]) -> None:
    right, total = counts
    low, high = accuracy_interval(right, total)
    assert accuracy_interval(total - right, total) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("right", "total"), [(90, 100), (7, 9), (9321, 10_000), (1, 1000)])
def test_an_interval_is_the_bootstraps_own_quantiles(right: int, total: int) -> None:
    exact = binom.ppf([0.025, 0.975], total, right / total) / total
    assert accuracy_interval(right, total) == pytest.approx(exact, abs=1.0 / total)
    draw = random.Random(1)  # and what resampling itself comes to
    drawn = sorted(sum(draw.choices((1, 0), (right, total - right), k=total)) for _ in range(400))
    assert accuracy_interval(right, total)[0] * total == pytest.approx(drawn[10], abs=total**0.5)


def test_all_right_is_not_certainty() -> None:
    low, high = accuracy_interval(30, 30)
    assert high == 1
    assert low == pytest.approx(binomtest(30, 30).proportion_ci(0.95, "exact").low, abs=1e-9)


@pytest.mark.parametrize("counts", [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="right of"):
        accuracy_interval(*counts)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_exact_binomial_test(one: int, other: int) -> None:
    p = mcnemar(one, other)
    assert p == mcnemar(other, one)
    assert p == pytest.approx(exactly(one, other), rel=1e-6, abs=1e-300)


def exactly(one: int, other: int) -> float:
    """The same in whole numbers. (scipy's answer underflows to zero a little before ours.)"""
    n = one + other
    ways, tail = 1, 1
    for k in range(1, min(one, other) + 1):
        ways = ways * (n - k + 1) // k
        tail += ways
    return float(min(Fraction(1), Fraction(2 * tail, 2**n)))


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_an_entry_equals_itself(flags: list[bool]) -> None:
    bits = to_bits(flags)
    assert bits.bit_count() == sum(flags)
    assert compare(bits, bits) == 1.0


def test_holm_by_hand() -> None:
    # 0.05/4 = 0.0125, 0.05/3 = 0.0167, 0.05/2 = 0.025: c stops it, so d is not reached
    assert holm({"a": 0.01, "b": 0.016, "c": 0.03, "d": 0.04}) == {"a", "b"}
    assert holm({}) == set()


@given(st.dictionaries(st.integers(), st.floats(0, 1), max_size=12))
def test_holm_is_between_bonferroni_and_nothing(p_values: dict[int, float]) -> None:
    rejected = holm(p_values)
    bonferroni = {key for key, p in p_values.items() if p <= 0.05 / len(p_values)}
    assert bonferroni <= rejected <= {key for key, p in p_values.items() if p <= 0.05}


def entry(key: str, right: int, total: int = 1000, first: int = 0) -> Scored:
    flags = [first <= place < first + right for place in range(total)]
    return Scored(key, right / total, to_bits(flags))


def test_those_that_cannot_be_told_apart_share_a_rank() -> None:
    found = ranks([entry("a", 950), entry("b", 949), entry("c", 700), Scored("none", None)])
    assert found == {"a": 1, "b": 1, "c": 3, "none": 4}


def test_the_direction_is_explicit() -> None:
    entries = [entry("a", 950), entry("c", 700)]
    assert ranks(entries, higher_is_better=False) == {"a": 2, "c": 1}


def test_nobody_and_one() -> None:
    assert ranks([]) == {}
    assert ranks([entry("a", 5)]) == {"a": 1}
    assert ranks([Scored("a", None), Scored("b", None)]) == {"a": 1, "b": 1}


FIELD = st.lists(st.lists(st.booleans(), min_size=60, max_size=60), min_size=1, max_size=7)


@given(FIELD, st.randoms())
def test_ranks_hold_together(field: list[list[bool]], shuffle: random.Random) -> None:
    entries = [Scored(n, sum(f) / 60, to_bits(f)) for n, f in enumerate(field)]
    found = ranks(entries)
    best = max(entries, key=lambda each: each.score or 0)
    assert found[best.key] == 1, "nobody is significantly better than the best score"
    assert all(1 <= rank <= len(entries) for rank in found.values())
    shuffled = list(entries)
    shuffle.shuffle(shuffled)
    assert ranks(shuffled) == found, "the order of arrival means nothing"
    twin = Scored("twin", best.score, best.correct)
    assert ranks([*entries, twin])["twin"] == 1


LABELS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=60
)


@given(LABELS)
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    labels, predicted = [a for a, _ in pairs], [b for _, b in pairs]
    accuracy, macro_f1 = score(labels, predicted)
    assert accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))


def test_nothing_to_score() -> None:
    with pytest.raises(ValueError, match="0 labels"):
        score([], [])
