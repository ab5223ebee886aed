"""Counts on pages are kept as samples change; they must always say what the samples say."""

from typing import Any

from apps.datasets import actions, tallies
from apps.datasets.models import Contribution, Tally
from apps.datasets.tests.cast import make_image


def check() -> None:
    """Every tally equals a count of the samples themselves."""
    for contribution in Contribution.objects.all():
        kept = {
            tallies.State(row.contribution_id, row.label, row.status, row.hold): (
                row.number,
                row.bytes,
            )
            for row in Tally.objects.filter(contribution=contribution)
            if row.number or row.bytes
        }
        assert kept == tallies.true_counts(contribution)


def test_a_whole_life_keeps_the_counts_true(
    dataset: Any, cast: Any, samples: list[Any], approve: Any
) -> None:
    check()
    approve(samples[:4])
    check()
    fix = actions.Decision(samples[4].pk, "fix", samples[5].label_id)
    actions.review_samples(dataset, cast.chen, [fix])
    check()
    reject = actions.Decision(samples[6].pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.chen, [reject])
    check()
    actions.undo_review(dataset, cast.chen)
    actions.undo_review(dataset, cast.chen)
    check()
    assert tallies.by_status(dataset)["approved"] == 4


def test_a_class_made_of_a_folder_and_a_discarded_batch(
    dataset: Any, cast: Any, contribute: Any
) -> None:
    batch = contribute({f"bird/{i}.png": make_image(i) for i in range(3)})
    check()
    assert tallies.by_class(dataset) == {0: {"pending": 3}}

    label = actions.add_class(dataset, cast.ada, "bird")

    check()
    assert tallies.by_class(dataset) == {label.pk: {"pending": 3}}
    actions.discard_contribution(batch, cast.ben)
    check()
    assert tallies.stored_bytes(cast.ben) == 0


def test_recounting_mends_what_drifted(samples: list[Any]) -> None:
    Tally.objects.update(number=77)

    tallies.recount(samples[0].contribution)

    check()


def test_who_waits_for_whom(dataset: Any, cast: Any, samples: list[Any]) -> None:
    assert sum(tallies.reviewable(dataset, cast.chen).values()) == 10
    assert tallies.reviewable(dataset, cast.ben) == {}
