"""What waits for whom, on the tab and on the start page, under either policy."""

from typing import Any

from django.urls import reverse

from apps.datasets import actions
from apps.datasets.queues import review_counts, waiting_for
from apps.datasets.tests.cast import make_image


def kinds(user: Any) -> list[tuple[str, int]]:
    return [(item.kind, item.count) for item in waiting_for(user)]


def test_under_consensus_the_ordinary_queue_is_labelled(
    dataset: Any, samples: Any, cast: Any, browser_of: Any
) -> None:
    actions.change_policy(
        dataset, cast.ada, policy="consensus", labels_needed=2, support="2/3", labels_max=5
    )

    assert review_counts([dataset.pk], cast.chen, []) == {}
    assert kinds(cast.chen) == [("label", 0)]
    page = browser_of(cast.chen).get(reverse("review", args=["pets"])).content.decode()
    assert reverse("label", args=["pets"]) in page
    assert "Everything is reviewed" not in page


def test_an_appeal_waits_for_everybody_but_those_it_is_between(
    dataset: Any, samples: Any, cast: Any
) -> None:
    one = samples[0]
    decision = actions.Decision(one.pk, "reject", reason="other", note="too dark")
    actions.review_samples(dataset, cast.chen, [decision])
    one.refresh_from_db()
    actions.appeal_rejection(one, cast.ben, "It is a cat in the dark.")

    assert review_counts([dataset.pk], cast.chen, []) == {dataset.pk: 9}
    assert review_counts([dataset.pk], cast.ada, [dataset.pk]) == {dataset.pk: 10}
    assert review_counts([dataset.pk], cast.ben, []) == {}


def test_a_contributor_hears_of_images_without_a_class(
    dataset: Any, contribute: Any, cast: Any
) -> None:
    contribute({"loose.png": make_image(7)})

    assert kinds(cast.ben) == [("label", 0)]
    assert kinds(cast.chen) == [("review", 1)]
