"""Ingest's claims: a killed worker's files are taken up again, once; a poison file is set aside."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from apps.datasets import actions, staging
from apps.datasets.actions import ingesting
from apps.datasets.models import Contribution, Licence, Receipt, Sample
from apps.datasets.models.contribution import CLAIM_SECONDS
from apps.datasets.tests.cast import make_image, outcomes


@pytest.fixture
def sent(dataset: Any, cast: Any) -> Contribution:
    """Four files of Ben's that nobody has looked at yet."""
    contribution = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    for number in range(4):
        data = make_image(number)
        actions.receive_file(contribution, cast.ben, name=f"cat/{number}.png", chunks=[data])
    actions.finish_contribution(contribution, cast.ben)
    return contribution


def run_out() -> None:
    Receipt.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_nobody_gets_what_is_claimed(sent: Contribution) -> None:
    assert len(ingesting.claim_receipts()) == 4
    assert ingesting.claim_receipts() == []


def test_a_killed_workers_files_are_taken_up_one_by_one(sent: Contribution) -> None:
    ingesting.claim_receipts()
    run_out()
    assert len(ingesting.claim_receipts()) == 1
    assert ingesting.drain_ingest()
    run_out()
    assert ingesting.drain_ingest()
    assert Sample.objects.count() == 4
    sent.refresh_from_db()
    assert sent.status == "ready"


def test_who_lost_the_claim_writes_nothing_and_leaves_the_file(sent: Contribution) -> None:
    slow = ingesting.claim_receipts()
    run_out()
    quick = ingesting.claim_receipts()
    ingesting.process_receipts(slow)
    assert set(outcomes(sent).values()) == {"waiting", "accepted"}
    ingesting.process_receipts(quick)
    run_out()
    ingesting.drain_ingest()
    assert outcomes(sent) == {f"cat/{number}.png": "accepted" for number in range(4)}
    assert Sample.objects.count() == 4


def test_a_file_that_breaks_its_worker_three_times_is_set_aside(sent: Contribution) -> None:
    for _ in range(ingesting.MAX_TRIES):
        Receipt.objects.filter(name="cat/0.png").update(tries=ingesting.MAX_TRIES)
        run_out()
    ingesting.drain_ingest()
    found = outcomes(sent)
    assert found.pop("cat/0.png") == "crashed_ingest"
    assert set(found.values()) == {"accepted"}


def test_its_third_try_is_one(sent: Contribution) -> None:
    Receipt.objects.filter(name="cat/0.png").update(tries=ingesting.MAX_TRIES - 1)
    ingesting.drain_ingest()
    assert set(outcomes(sent).values()) == {"accepted"}


def test_a_claim_holds_for_its_time(sent: Contribution) -> None:
    ingesting.claim_receipts()
    lived = timedelta(seconds=CLAIM_SECONDS)
    Receipt.objects.update(claimed_until=F("claimed_until") - lived + timedelta(seconds=30))
    assert ingesting.claim_receipts() == []
    Receipt.objects.update(claimed_until=F("claimed_until") - timedelta(seconds=30))
    assert ingesting.claim_receipts() != []


def test_a_file_that_vanished_says_so(sent: Contribution) -> None:
    receipt = sent.receipts.first()
    staging.path_of(receipt).unlink()
    ingesting.drain_ingest()
    assert outcomes(sent)[receipt.name] == "lost_upload"


def test_a_discarded_contribution_is_not_ingested(sent: Contribution, cast: Any) -> None:
    actions.discard_contribution(sent, cast.ben)
    ingesting.drain_ingest()
    assert set(outcomes(sent).values()) == {"discarded"}
    assert not Sample.objects.exists()


def test_it_gives_way_after_its_time(sent: Contribution) -> None:
    assert not ingesting.drain_ingest(seconds=0)
    assert ingesting.drain_ingest()
