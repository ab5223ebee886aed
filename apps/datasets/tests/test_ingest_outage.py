"""An outage while files are read: they wait for its end, however often it is met."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError
from django.utils import timezone

from apps.datasets import actions, staging
from apps.datasets.actions import ingesting
from apps.datasets.models import Contribution, Licence, Receipt
from apps.datasets.tests.cast import make_image, outcomes


@pytest.fixture
def sent(dataset: Any, cast: Any) -> Contribution:
    batch = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    for number in range(3):
        data = make_image(number)
        actions.receive_file(batch, cast.ben, name=f"cat/{number}.png", chunks=[data])
    actions.finish_contribution(batch, cast.ben)
    return batch


def wait() -> None:
    waiting = Receipt.objects.filter(claimed_until__gt=timezone.now())
    waiting.update(claimed_until=timezone.now() - timedelta(seconds=1))


def fails(error: Exception) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (FileSystemStorage, "size", OSError(28, "No space left on device")),
        (FileSystemStorage, "size", RuntimeError("whatever a remote store raises")),
        (ingesting, "take_images", OperationalError("database is locked")),
        (ingesting, "read_image", PermissionError("staging")),
    ],
    ids=["disk", "store", "database", "staging"],
)
def test_an_outage_costs_no_try(
    sent: Contribution, monkeypatch: Any, place: Any, name: str, error: Exception
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(place, name, fails(error))
        for _ in range(ingesting.MAX_TRIES + 2):
            assert ingesting.drain_ingest(), "rung at once it would only fail again"
            wait()
    assert set(outcomes(sent).values()) == {"waiting"}
    assert set(Receipt.objects.values_list("tries", flat=True)) == {0}
    assert ingesting.drain_ingest()
    assert set(outcomes(sent).values()) == {"accepted"}
    sent.refresh_from_db()
    assert sent.status == "ready"


def test_one_that_cannot_be_read_does_not_hold_up_the_others(sent: Contribution) -> None:
    bad = staging.path_of(sent.receipts.get(name="cat/0.png"))
    bad.unlink()
    bad.mkdir()  # whoever reads it gets an OSError
    ingesting.drain_ingest()
    ingesting.drain_ingest()
    found = outcomes(sent)
    assert found.pop("cat/0.png") == "waiting"
    assert set(found.values()) == {"accepted"}


def test_what_broke_its_worker_can_be_sent_again(sent: Contribution, cast: Any) -> None:
    Receipt.objects.filter(name="cat/0.png").update(tries=ingesting.MAX_TRIES)
    ingesting.drain_ingest()
    assert outcomes(sent)["cat/0.png"] == "crashed_ingest"
    sent.refresh_from_db()
    actions.reopen_contribution(sent, cast.ben)
    actions.receive_file(sent, cast.ben, name="cat/0.png", chunks=[make_image(0)])
    ingesting.drain_ingest()
    assert outcomes(sent)["cat/0.png"] == "accepted"
