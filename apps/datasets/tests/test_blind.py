"""Blind labelling: until somebody has answered, nothing tells them what others said."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions
from apps.datasets.models import Annotation, Dataset, Membership, Review, Role, Sample
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.test_sealed_labels import said_by

ADDRESSES = (
    "/",
    "/datasets/pets/",
    "/datasets/pets/samples/",
    "/datasets/pets/samples/?label={cat}",
    "/datasets/pets/samples/?label=none",
    "/datasets/pets/samples/?disputed=yes",
    "/datasets/pets/samples/?status=pending",
    "/datasets/pets/lookalikes/",
    "/datasets/pets/label/",
    "/datasets/pets/review/",
    "/contributions/{batch}/",
    "/contributions/{batch}/receipts.csv",
    "/contributions/{batch}/manifest.csv",
    "/samples/{one}/",
    "/samples/{other}/",
    "/api/datasets/pets/samples/",
    "/api/datasets/pets/samples/?label={cat}",
    "/api/datasets/pets/samples/?disputed=yes",
    "/api/datasets/pets/reviews/",
    "/api/contributions/{batch}/receipts/",
    "/api/samples/{one}/comments/",
    "/api/samples/{one}/history/",
    "/api/samples/{other}/history/",
    "/datasets/pets/lookalikes/groups/",
    "/datasets/pets/contributors/ben/",
    "/datasets/pets/insights/",
)


@pytest.fixture
def eve(dataset: Dataset) -> Any:
    member = make_member("eve")
    Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    return member


@pytest.fixture
def open_ones(
    dataset: Dataset, cast: SimpleNamespace, contribute: Any, eve: Any
) -> tuple[Sample, Sample]:
    """A cat and a dog of Ben's, both open; Chen called the cat a dog, and said so."""
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_max=5)
    actions.update_dataset(dataset, cast.ada, visibility="public")
    dataset.refresh_from_db()
    batch = contribute({"cat/cat-1.png": make_image(1), "dog/dog-1.png": make_image(2)})
    one, other = batch.samples.order_by("pk")
    dog = dataset.classes.get(name="dog")
    actions.label_samples(dataset, cast.chen, {one.pk: dog.pk})
    actions.comment_on(one, cast.chen, "surely a dog")
    return one, other


def answers(client: Client, open_ones: tuple[Sample, Sample]) -> dict[str, bytes]:
    one, other = open_ones
    known = {
        "cat": one.dataset.classes.get(name="cat").pk,
        "one": one.pk,
        "other": other.pk,
        "batch": one.contribution.uuid,
    }
    found = {}
    for address in ADDRESSES:
        response = client.get(address.format(**known))
        if response.status_code in {200, 403} and "label/" not in address:
            found[address] = said_by(bytes(response.getvalue()))
    return found


SWAPPED = {"cat": "dog", "dog": "cat"}


def swap(open_ones: tuple[Sample, Sample], dataset: Dataset) -> None:
    """What anybody said about either of them is the other class now, and the claims, too."""
    classes = {label.name: label for label in dataset.classes.all()}
    for said in Annotation.objects.select_related("label"):
        said.label = classes[SWAPPED[said.label.name]] if said.label else None
        said.save()
    for sample in open_ones:
        sample.refresh_from_db()
        label = classes[SWAPPED[sample.label.name]] if sample.label else None
        Sample.objects.filter(pk=sample.pk).update(label=label)


def test_no_answer_depends_on_what_others_said(
    open_ones: tuple[Sample, Sample], dataset: Dataset, cast: Any, eve: Any, browser_of: Any
) -> None:
    clients = {
        "a reviewer who has not answered": browser_of(eve),
        "an outsider": browser_of(cast.dana),
        "nobody": Client(),
    }
    before = {who: answers(client, open_ones) for who, client in clients.items()}
    swap(open_ones, dataset)
    actions.label_samples(dataset, cast.chen, {open_ones[1].pk: dataset.classes.first().pk})
    actions.undo_labels(dataset, cast.chen)
    Sample.objects.update(leased_to=None, leased_until=None, lease=None)
    after = {who: answers(client, open_ones) for who, client in clients.items()}
    assert len(before["a reviewer who has not answered"]) > 15
    for who, said in before.items():
        assert [key for key in said if said[key] != after[who][key]] == [], who


def test_neither_names_nor_words_are_shown(
    open_ones: tuple[Sample, Sample], eve: Any, browser_of: Any
) -> None:
    """Neither a class, nor a file's name, nor a comment: only the page's own list of classes."""
    for address, body in answers(browser_of(eve), open_ones).items():
        text = body.decode()
        assert "cat-1" not in text, address
        assert "cat/" not in text, address
        assert "surely" not in text, address
    one = open_ones[0]
    page = browser_of(eve).get(f"/samples/{one.pk}/").content.decode()
    main = page.partition("<main")[2]
    assert not re.search(r"\b(cat|dog)\b", main)
    assert "hidden" in main
    assert "labelled independently" in main


def test_whoever_has_answered_sees_it_all(
    open_ones: tuple[Sample, Sample], dataset: Dataset, cast: Any, eve: Any, browser_of: Any
) -> None:
    one = open_ones[0]
    chen = browser_of(cast.chen)
    page = chen.get(f"/samples/{one.pk}/").content.decode()
    assert "surely a dog" in page
    assert "cat/cat-1.png" in page
    listed = chen.get("/api/datasets/pets/samples/").json()["results"]
    assert {row["id"]: row["label"] for row in listed}[one.pk] == "cat"
    assert chen.get(f"/api/samples/{one.pk}/comments/").status_code == 200
    refused = browser_of(eve).get(f"/api/samples/{one.pk}/comments/")
    assert (refused.status_code, refused.json()["code"]) == (403, "blind")

    actions.undo_labels(dataset, cast.chen)  # and is blind again
    assert "surely a dog" not in chen.get(f"/samples/{one.pk}/").content.decode()


def test_the_contributor_sees_their_own_claim(
    open_ones: tuple[Sample, Sample], cast: Any, browser_of: Any
) -> None:
    one = open_ones[0]
    ben = browser_of(cast.ben)
    assert "cat/cat-1.png" in ben.get(f"/contributions/{one.contribution.uuid}/").content.decode()
    listed = ben.get("/api/datasets/pets/samples/").json()["results"]
    assert {row["id"]: row["label"] for row in listed}[one.pk] == "cat"


def test_a_contributor_without_a_claim_is_blind_to_the_answers(
    dataset: Dataset, cast: Any, contribute: Any, browser_of: Any
) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus")
    dataset.refresh_from_db()
    own = contribute({"loose.png": make_image(5)}).samples.get()
    dog = dataset.classes.get(name="dog")
    actions.label_samples(dataset, cast.chen, {own.pk: dog.pk})
    page = browser_of(cast.ben).get(f"/samples/{own.pk}/").content.decode()
    assert "<td>chen</td>" not in page
    assert "loose.png" in page


def test_what_is_settled_or_held_is_open(
    open_ones: tuple[Sample, Sample], dataset: Dataset, cast: Any, eve: Any, browser_of: Any
) -> None:
    one, other = open_ones
    Sample.objects.filter(pk=one.pk).update(hold="expert")
    actions.label_samples(dataset, cast.chen, {other.pk: dataset.classes.get(name="dog").pk})
    client = browser_of(eve)
    for sample, words in ((one, "surely a dog"), (other, "dog/dog-1.png")):
        assert words in client.get(f"/samples/{sample.pk}/").content.decode()
    assert Review.objects.count() == 0


def test_the_lists_need_no_query_for_each(
    open_ones: Any, contribute: Any, eve: Any, browser_of: Any
) -> None:
    client = browser_of(eve)
    addresses = ("/datasets/pets/samples/", "/api/datasets/pets/samples/")
    counts = [count_queries(client, address) for address in addresses]
    contribute({f"cat/{n}.png": make_image(n) for n in range(20, 30)})
    assert [count_queries(client, address) for address in addresses] == counts


def count_queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)
