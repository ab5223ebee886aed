"""The start page: a welcome, or what waits for this member."""

from types import SimpleNamespace
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.datasets import actions
from apps.datasets.queues import waiting_for
from apps.datasets.tests.cast import make_image


def kinds(user: Any) -> list[tuple[str, int]]:
    return [(item.kind, item.count) for item in waiting_for(user)]


def test_a_visitor_sees_public_datasets_only(client: Client, dataset: Any) -> None:
    assert "Pets" not in client.get(reverse("home")).content.decode()

    dataset.visibility = "public"
    dataset.save()

    assert "Pets" in client.get(reverse("home")).content.decode()


def test_images_wait_for_whoever_may_review_them(samples: Any, cast: SimpleNamespace) -> None:
    assert kinds(cast.chen) == [("review", 10)]
    assert kinds(cast.ada) == [("review", 10)]
    assert kinds(cast.ben) == []
    assert kinds(cast.dana) == []


def test_an_open_contribution_waits_for_its_contributor(
    dataset: Any, cast: SimpleNamespace
) -> None:
    actions.open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)

    assert kinds(cast.ben) == [("unfinished", 0)]


def test_unknown_folders_and_drafts_wait_for_a_maintainer(
    contribute: Any, samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace
) -> None:
    contribute({"bird/1.png": make_image(77)})
    approve(samples)
    freeze()

    assert kinds(cast.ada) == [("draft", 0), ("claims", 1), ("review", 1)]
    assert kinds(cast.chen) == [("review", 1)]


def test_every_kind_has_its_sentence(
    contribute: Any, samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    contribute({"bird/1.png": make_image(77)})
    approve(samples)
    freeze()

    page = browser_of(cast.ada).get(reverse("home")).content.decode()

    assert "Pets: version 1 is a draft" in page
    assert "Pets: 1 sample has a class that is not in the list" in page
    assert "Pets: 1 sample to review" in page


def test_a_new_member_learns_where_to_begin(cast: SimpleNamespace, browser_of: Any) -> None:
    page = browser_of(cast.dana).get(reverse("home")).content.decode()

    assert reverse("dataset_new") in page


def test_the_number_of_queries_does_not_grow(
    cast: SimpleNamespace, browser_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        actions.create_dataset(cast.ada, title=f"Set {number}", slug=f"set-{number}", licence="MIT")
    client = browser_of(cast.ada)
    client.get(reverse("home"))

    with django_assert_max_num_queries(24):
        client.get(reverse("home"))


def test_searching_datasets(dataset: Any, cast: SimpleNamespace, browser_of: Any) -> None:
    client = browser_of(cast.ben)

    assert "Pets" in client.get(reverse("datasets"), {"q": "pet"}).content.decode()
    assert "Nothing found" in client.get(reverse("datasets"), {"q": "boat"}).content.decode()
