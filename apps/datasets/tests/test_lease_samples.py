"""Leases: a batch belongs to one member until its time is over; nothing is handed out twice."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.datasets import actions
from apps.datasets.actions.leasing import holders, skip_samples
from apps.datasets.models import Dataset, Membership, Role, Sample, Skip
from apps.datasets.queues import to_review
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.test_tallies import check

REVIEW = "/datasets/pets/review/"


@pytest.fixture
def eve(dataset: Dataset) -> Any:
    member = make_member("eve")
    Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    return member


def lease(dataset: Dataset, by: Any, size: int = 4, **options: Any) -> Any:
    queue = to_review(dataset, by).order_by("pk")
    return actions.lease_samples(queue, by, size=size, **options)


def keys(batch: Any) -> set[int]:
    return {sample.pk for sample in batch.samples}


def test_two_members_never_get_the_same(dataset: Any, cast: Any, eve: Any, samples: Any) -> None:
    one, two = lease(dataset, cast.chen), lease(dataset, eve)
    assert len(keys(one)) == len(keys(two)) == 4
    assert not keys(one) & keys(two)
    assert keys(lease(dataset, cast.chen)) == keys(one), "a reload shows the same"
    third = make_member("finn")
    assert len(keys(lease(dataset, third))) == 2
    assert lease(dataset, make_member("gus")).samples == []
    assert {each["who"] for each in holders(Sample.objects.all())} == {
        "chen",
        "eve",
        "finn",
    }


def test_a_lease_ends_by_itself(dataset: Any, cast: Any, eve: Any, samples: Any) -> None:
    one = lease(dataset, cast.chen, 10)
    Sample.objects.update(leased_until=F("leased_until") - timedelta(minutes=14))
    assert lease(dataset, eve).samples == []
    Sample.objects.update(leased_until=F("leased_until") - timedelta(minutes=1))
    assert actions.renew_lease(one.lease, cast.chen) is None
    assert len(keys(lease(dataset, eve))) == 4


def test_given_back_and_skipped(dataset: Any, cast: Any, eve: Any, samples: Any) -> None:
    one = lease(dataset, cast.chen, 10)
    skip_samples(one.samples[:3], cast.chen)
    assert actions.end_lease(one.lease, eve) == 0, "not hers to give"
    assert actions.end_lease(one.lease, cast.chen) == 7
    assert not keys(lease(dataset, cast.chen, 10)) & {each.pk for each in one.samples[:3]}
    assert keys(lease(dataset, eve, 10)) == {each.pk for each in one.samples[:3]}
    Skip.objects.update(at=Now() - timedelta(hours=23, minutes=59))
    actions.end_lease(lease(dataset, eve, 10).lease, eve)
    actions.end_lease(lease(dataset, cast.chen, 10).lease, cast.chen)
    assert len(keys(lease(dataset, cast.chen, 10))) == 7
    Skip.objects.update(at=Now() - timedelta(hours=24))
    actions.end_lease(lease(dataset, eve, 10).lease, eve)
    actions.end_lease(lease(dataset, cast.chen, 10).lease, cast.chen)
    assert len(keys(lease(dataset, cast.chen, 10))) == 10


def test_the_next_batch_is_another_one(dataset: Any, cast: Any, eve: Any, samples: Any) -> None:
    one = lease(dataset, cast.chen)
    two = lease(dataset, cast.chen, held=[one.lease])
    assert len(keys(two)) == 4
    assert not keys(one) & keys(two)
    assert keys(lease(dataset, cast.chen, held=[one.lease])) == keys(two), "asked again: the same"
    actions.renew_lease(one.lease, cast.chen)
    actions.renew_lease(two.lease, cast.chen)
    assert keys(lease(dataset, cast.chen)) == keys(one), "a reload shows the one that came first"
    three = lease(dataset, cast.chen, held=[one.lease, two.lease])
    assert len(keys(three)) == 2
    assert lease(dataset, cast.chen, held=[one.lease, two.lease, three.lease]).samples == []
    assert lease(dataset, eve).samples == []


def test_a_late_return_keeps_what_was_prolonged_since(
    dataset: Any, cast: Any, samples: Any
) -> None:
    left = lease(dataset, cast.chen)
    shown_again = lease(dataset, cast.chen)
    assert shown_again.lease == left.lease

    assert actions.end_lease(left.lease, cast.chen, left.until) == 0
    assert actions.end_lease(left.lease, cast.chen, shown_again.until) == 4


def test_what_is_undone_joins_the_batch_on_the_screen(
    dataset: Any, cast: Any, samples: Any
) -> None:
    one = lease(dataset, cast.chen)
    two = lease(dataset, cast.chen, held=[one.lease])
    actions.renew_lease(two.lease, cast.chen)  # prolonged last, and still the second
    decision = actions.Decision(one.samples[0].pk, "accept")
    actions.review_samples(dataset, cast.chen, [decision])
    actions.undo_review(dataset, cast.chen)
    assert Sample.objects.get(pk=decision.sample_id).lease == one.lease


def test_what_is_disputed_comes_first(dataset: Any, cast: Any, samples: Any) -> None:
    Sample.objects.filter(pk=samples[7].pk).update(disputed=True)
    batch = lease(dataset, cast.chen, 2, first=Q(disputed=True))
    assert keys(batch) == {samples[7].pk, samples[0].pk}


def test_nobody_decides_about_what_another_holds(
    dataset: Any, cast: Any, eve: Any, samples: Any
) -> None:
    batch = lease(dataset, cast.chen, 2)
    decision = actions.Decision(batch.samples[0].pk, "accept")

    refused = actions.review_samples(dataset, eve, [decision]).refused
    assert [each["code"] for each in refused] == ["leased_to_other"]
    assert "chen" in refused[0]["detail"]
    assert actions.review_samples(dataset, cast.chen, [decision]).decided == [decision.sample_id]
    assert Sample.objects.get(pk=decision.sample_id).lease is None
    skipped = actions.Decision(batch.samples[1].pk, "skip")
    assert actions.review_samples(dataset, cast.chen, [skipped]).decided
    assert actions.review_samples(
        dataset, eve, [actions.Decision(batch.samples[1].pk, "accept")]
    ).decided
    check()


def test_the_page_says_whose_and_until_when(
    dataset: Any, cast: Any, eve: Any, samples: Any, browser_of: Any
) -> None:
    chen, other = browser_of(cast.chen), browser_of(eve)
    first = chen.get(REVIEW)
    assert "Yours until" in first.content.decode()
    cats = {sample.pk for sample in first.context["samples"]}
    again = chen.get(REVIEW)
    assert {sample.pk for sample in again.context["samples"]} == cats

    dogs = other.get(REVIEW)
    assert {sample.label.name for sample in dogs.context["samples"]} == {"dog"}
    other.post("/datasets/pets/review/return/", {"lease": dogs.context["batch"].lease})
    cat = first.context["chosen"].label
    waiting = other.get(REVIEW, {"label": cat.pk})
    assert waiting.context["samples"] == []
    assert "chen" in waiting.content.decode()
    assert "The oldest has waited" in waiting.content.decode()

    lease = first.context["batch"].lease
    chen.post("/datasets/pets/review/return/", {"lease": lease})
    again = other.get(REVIEW, {"label": cat.pk})
    assert {sample.pk for sample in again.context["samples"]} == cats


def test_over_the_api(dataset: Any, cast: Any, eve: Any, samples: Any, browser_of: Any) -> None:
    address = "/api/datasets/pets/reviews/batch/"
    chen = browser_of(cast.chen)
    batch = chen.post(f"{address}?size=3").json()
    assert len(batch["samples"]) == 3
    body = {"lease": batch["lease"]}
    options = {"content_type": "application/json"}
    assert chen.patch(address, body, **options).status_code == 200
    assert browser_of(eve).patch(address, body, **options).json()["code"] == "lease_ended"
    late = body | {"until": batch["until"]}
    assert chen.delete(address, late, **options).json() == {"returned": 0}, "prolonged since"
    assert chen.delete(address, body, **options).json() == {"returned": 3}


@pytest.mark.parametrize(
    ("size", "status"),
    [("1", 200), ("0", 400), ("120", 200), ("121", 400), ("²", 400), ("9" * 5000, 400)],
)
def test_a_batch_has_its_size(
    dataset: Any, cast: Any, samples: Any, browser_of: Any, size: str, status: int
) -> None:
    answer = browser_of(cast.chen).post(f"/api/datasets/pets/reviews/batch/?size={size}")
    assert answer.status_code == status
    assert answer.json().get("code", "") == ("" if status == 200 else "invalid_filter")


@pytest.mark.django_db(transaction=True)
def test_eight_reviewers_at_once(dataset: Any, cast: Any, contribute: Any) -> None:
    """Each asks for batches and accepts them until nothing is left."""
    contribute({f"cat/{n}.png": make_image(n) for n in range(64)})
    reviewers = [make_member(f"r{n}") for n in range(8)]
    for member in reviewers:
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    got: dict[str, list[int]] = {}
    start = threading.Barrier(8)

    def work(member: Any) -> None:
        try:
            start.wait()
            mine = got.setdefault(member.username, [])
            while batch := lease(dataset, member, 4).samples:
                decisions = [actions.Decision(sample.pk, "accept") for sample in batch]
                result = actions.review_samples(dataset, member, decisions)
                assert not result.refused
                mine += result.decided
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[member]) for member in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decided = [key for mine in got.values() for key in mine]
    assert len(decided) == len(set(decided)) == 64
    assert Sample.objects.filter(status="approved").count() == 64
    check()
