"""What an earlier word about a sample means after merges and splits: pure, against a slow simulation."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.lineage import Step, trace

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def test_a_merge_turns_what_was_said_and_a_split_silences_it() -> None:
    found = trace([Step(1, 2, at(10)), Step(3, None, at(20))])
    assert found.now(1, at(5)) == 2
    assert found.now(2, at(5)) == 2
    assert found.now(3, at(5)) is None
    assert found.now(3, at(25)) == 3
    assert found.now(None, at(5)) is None


def test_what_was_merged_into_a_class_that_was_split_later_is_silenced_too() -> None:
    found = trace([Step(1, 2, at(10)), Step(2, None, at(20))])
    assert found.now(1, at(5)) is None


def test_what_was_merged_after_the_split_still_counts() -> None:
    found = trace([Step(2, None, at(10)), Step(1, 2, at(20))])
    assert found.now(1, at(5)) == 2, "it was never the class that was split"
    assert found.now(2, at(5)) is None


def test_merges_in_a_row_lead_to_the_last() -> None:
    found = trace([Step(1, 2, at(10)), Step(2, 3, at(20)), Step(3, 4, at(30))])
    assert [found.now(label, at(5)) for label in (1, 2, 3, 4)] == [4, 4, 4, 4]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Steps that can happen: a merged class is none any more; every second a new step."""
    current = {1, 2, 3, 4, 5}
    steps = []
    for number in range(draw(st.integers(0, 8))):
        label = draw(st.sampled_from(sorted(current)))
        others = sorted(current - {label})
        into = draw(st.sampled_from([None, *others]))
        if into is not None:
            current.discard(label)
        steps.append(Step(label, into, at(10 * (number + 1))))
    return steps


@given(histories(), st.integers(1, 5), st.integers(0, 99))
def test_any_history_is_what_living_through_it_comes_to(
    steps: list[Step], label: int, minute: int
) -> None:
    meant: int | None = label
    gone: set[int] = set()
    for step in steps:
        if step.at < at(minute) and step.into is not None:
            gone.add(step.label)
        if step.at >= at(minute) and meant == step.label:
            meant = step.into
    if label in gone:  # nobody could say it then
        return
    assert trace(steps).now(label, at(minute)) == meant
