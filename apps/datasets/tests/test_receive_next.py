"""One file of thousands: a few statements each, and refused by the same rules as the first."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.serializers import ModelSerializer

from apps.datasets import actions
from apps.datasets.models import Contribution, Dataset, Licence, Membership, Receipt
from apps.datasets.models.dataset import Visibility
from apps.datasets.serializers.contributing import ReceiptSerializer
from apps.datasets.tests.cast import make_image


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Contribution:
    return actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)


def put(client: Client, batch: Contribution, number: int = 0) -> Any:
    address = reverse("api_file", args=[batch.uuid]) + f"?name=cat/{number}.png"
    return client.put(address, make_image(number), content_type="application/octet-stream")


def test_a_file_costs_a_few_statements(batch: Any, cast: Any, browser_of: Any) -> None:
    """Session, member, may they send, the receipt, and whether a worker was rung: nothing twice."""
    ben = browser_of(cast.ben)
    put(ben, batch, 0)
    with CaptureQueriesContext(connection) as asked:
        assert put(ben, batch, 1).status_code == 201
    statements = [each["sql"] for each in asked if "SAVEPOINT" not in each["sql"]]
    assert len(statements) <= 5, statements
    assert batch.receipts.count() == 2


def test_the_answer_is_what_the_serializer_would_say(
    contribute: Any, cast: Any, browser_of: Any
) -> None:
    """It is written by hand, for speed: it must not drift from what the schema promises."""
    batch = contribute({"cat/1.png": make_image(), "cat/2.png": b"no image"})
    for receipt in batch.receipts.all():
        slow = ModelSerializer.to_representation(ReceiptSerializer(), receipt)
        assert ReceiptSerializer(receipt).data == slow
    address = reverse("api_receipts", args=[batch.uuid])
    listed = browser_of(cast.ben).get(address).json()["results"]
    assert [list(each) for each in listed] == [list(ReceiptSerializer().fields)] * 2


@pytest.mark.parametrize("who", ["ada", "chen", "otto"])
def test_nobody_sends_into_the_batch_of_somebody_else(
    batch: Any, cast: Any, browser_of: Any, who: str
) -> None:
    answer = put(browser_of(getattr(cast, who)), batch)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
    assert not Receipt.objects.exists()


def test_strangers_learn_nothing_of_it(batch: Any, cast: Any, browser_of: Any) -> None:
    Dataset.objects.update(visibility=Visibility.PRIVATE)
    assert put(browser_of(cast.dana), batch).status_code == 404


def test_the_next_file_after_one_was_removed_is_refused(
    batch: Any, cast: Any, browser_of: Any
) -> None:
    ben = browser_of(cast.ben)
    assert put(ben, batch, 0).status_code == 201
    Membership.objects.filter(member=cast.ben).delete()
    answer = put(ben, batch, 1)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_required")
    Dataset.objects.update(visibility=Visibility.PRIVATE)
    assert put(ben, batch, 1).status_code == 404
    assert batch.receipts.count() == 1


def test_the_next_file_after_the_end_is_refused(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    assert put(ben, batch, 0).status_code == 201
    actions.finish_contribution(batch, cast.ben)
    answer = put(ben, batch, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_receiving")
    assert batch.receipts.count() == 1


def test_an_operator_sends_without_a_role(dataset: Any, cast: Any, browser_of: Any) -> None:
    batch = actions.open_contribution(dataset, cast.otto, licence=Licence.CC_BY, agreed=True)
    assert put(browser_of(cast.otto), batch).status_code == 201


@pytest.mark.parametrize(("length", "status"), [(0, 400), (4000, 201), (4001, 400)])
def test_a_name_of_some_length(
    batch: Any, cast: Any, browser_of: Any, length: int, status: int
) -> None:
    address = reverse("api_file", args=[batch.uuid]) + f"?name={'x' * length}"
    kind = "application/octet-stream"
    answer = browser_of(cast.ben).put(address, make_image(), content_type=kind)
    assert answer.status_code == status
