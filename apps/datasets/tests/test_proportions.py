"""Wilson's interval: known values, and what must hold for any proportion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.proportions import Share, wilson

TRIED = st.integers(1, 10**6)
SHARES = TRIED.flatmap(lambda tried: st.tuples(st.integers(0, tried), st.just(tried)))


@pytest.mark.parametrize(
    ("right", "tried", "low", "high"),
    [  # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_known_values(right: int, tried: int, low: float, high: float) -> None:
    assert wilson(right, tried) == pytest.approx((low, high), abs=5e-5)


def test_nothing_tried_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert Share(0, 0).percent == 0


@given(SHARES)
def test_the_share_lies_within(share: tuple[int, int]) -> None:
    right, tried = share
    low, high = wilson(right, tried)
    assert 0 <= low <= right / tried <= high <= 1
    assert low < high
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == tried)


@given(SHARES)
def test_right_and_wrong_mirror_each_other(share: tuple[int, int]) -> None:
    right, tried = share
    low, high = wilson(right, tried)
    assert wilson(tried - right, tried) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(SHARES, st.integers(2, 50))
def test_more_of_the_same_is_surer(share: tuple[int, int], times: int) -> None:
    right, tried = share
    low, high = wilson(right, tried)
    surer_low, surer_high = wilson(right * times, tried * times)
    assert surer_high - surer_low < high - low


@given(SHARES)
def test_one_more_right_moves_both_ends_up(share: tuple[int, int]) -> None:
    right, tried = share
    if right < tried:
        before, after = wilson(right, tried), wilson(right + 1, tried)
        assert before[0] < after[0]
        assert before[1] < after[1] or before[1] == 1
