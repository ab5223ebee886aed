"""Collecting: every succeeded job becomes an entry, once; the platform scores."""

from typing import Any

import pytest
from django.db import connection

from apps.jobs.tests.stage import make_job
from apps.leaderboard import actions
from apps.leaderboard.models import Entry
from apps.leaderboard.tests.conftest import parquet, table, truth


def test_scored_by_the_platform(finish: Any, digits: Any) -> None:
    job = finish(wrong=6)
    assert actions.collect_entries() == 1
    entry = job.entry
    total = len(truth(digits))
    assert entry.accuracy == pytest.approx((total - 6) / total), "not what the run boasts of"
    assert entry.ci_low < entry.accuracy < entry.ci_high
    assert entry.correct_bits.bit_count() == total - 6
    assert entry.correct_bits == ((1 << total) - 1) ^ 0b111111, "in the order of the samples"
    assert entry.parameters == job.plan["parameters"]
    assert entry.train_seconds == 4.2
    assert entry.benchmark.samples == total
    assert entry.rank == 1


def test_collected_once(finish: Any) -> None:
    finish()
    assert [actions.collect_entries() for _ in range(3)] == [1, 0, 0]
    assert Entry.objects.count() == 1


def test_what_has_not_succeeded_is_no_entry(digits: Any, cast: Any) -> None:
    make_job(digits, cast.ada)
    assert actions.collect_entries() == 0


def test_ranks_are_written_for_all(finish: Any) -> None:
    good, same, bad = finish(wrong=2, seed=1), finish(wrong=3, seed=2), finish(wrong=40, seed=3)
    assert actions.collect_entries() == 3
    assert [job.entry.rank for job in (good, same, bad)] == [1, 1, 3]


def test_ranked_later_where_a_process_died_in_between(finish: Any) -> None:
    job = finish()
    actions.add_entry(job)
    assert Entry.objects.get().rank == 0
    assert actions.collect_entries() == 0
    assert Entry.objects.get().rank == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda right: dict(list(right.items())[1:]), "lack 1 test samples"),
        (lambda right: right | {"f" * 64: "1"}, "have 1 others"),
        (lambda right: {}, "lack"),
    ],
)
def test_predictions_that_do_not_fit_are_shown_unscored(
    finish: Any, digits: Any, change: Any, says: str
) -> None:
    finish(content=parquet(change(truth(digits))))
    assert actions.collect_entries() == 1
    entry = Entry.objects.get()
    assert says in entry.problem
    assert entry.accuracy is None
    assert actions.collect_entries() == 0


def test_predictions_without_a_split_are_those_of_the_test_split(finish: Any, digits: Any) -> None:
    right = truth(digits)
    finish(content=table(sample=list(right), predicted=list(right.values())))
    assert actions.collect_entries() == 1
    assert Entry.objects.get().accuracy == 1


@pytest.mark.parametrize("content", [b"PAR1 but not really", table(sample=["a"], split=["test"])])
def test_a_broken_file_is_shown_unscored(finish: Any, content: bytes) -> None:
    finish(content=content)
    finish(wrong=1)
    assert actions.collect_entries() == 2
    assert sorted(Entry.objects.values_list("rank", "accuracy"))[1] == (2, None)
    assert "cannot be read" in Entry.objects.get(rank=2).problem


def test_ranking_reads_no_more_for_more_entries(
    finish: Any, django_assert_max_num_queries: Any
) -> None:
    for seed in range(4):
        finish(wrong=seed, seed=seed)
    actions.collect_entries()
    benchmark = Entry.objects.first().benchmark
    with django_assert_max_num_queries(6):
        actions.rank_entries(benchmark)
    assert connection.in_atomic_block
