"""Discarding a batch: all of it goes, whatever ingest or a reviewer does at the same moment."""

import threading
from typing import Any

import pytest
from django.db import connection

from apps.datasets import actions
from apps.datasets.actions import contributing, ingesting, taking
from apps.datasets.models import Contribution, Licence, Sample
from apps.datasets.tests.cast import make_image, outcomes
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def sent(dataset: Any, cast: Any) -> Contribution:
    """Three images of Ben's that wait for ingest."""
    batch = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    for number in range(3):
        data = make_image(number)
        actions.receive_file(batch, cast.ben, name=f"cat/{number}.png", chunks=[data])
    return batch


def discard(batch: Contribution, by: Any) -> None:
    actions.discard_contribution(Contribution.objects.get(pk=batch.pk), by)


def test_what_ingest_has_claimed_is_not_written(sent: Contribution, cast: Any) -> None:
    claimed = ingesting.claim_receipts()
    discard(sent, cast.ben)
    ingesting.process_receipts(claimed)
    assert set(outcomes(sent).values()) == {"discarded"}
    assert not Sample.objects.exists()


def test_what_ingest_has_read_is_not_written(sent: Contribution, cast: Any) -> None:
    read = [taking.read_image(receipt) for receipt in ingesting.claim_receipts()]
    discard(sent, cast.ben)
    taking.take_images(read)
    assert set(outcomes(sent).values()) == {"discarded"}
    assert not Sample.objects.exists()


def test_another_batch_of_the_same_claim_is_written(
    sent: Contribution, dataset: Any, cast: Any
) -> None:
    other = actions.open_contribution(dataset, cast.ada, licence=Licence.CC_BY, agreed=True)
    actions.receive_file(other, cast.ada, name="dog/9.png", chunks=[make_image(9)])
    claimed = ingesting.claim_receipts()
    discard(sent, cast.ben)
    ingesting.process_receipts(claimed)
    assert outcomes(other) == {"dog/9.png": "accepted"}


def test_the_rest_of_a_file_of_texts_is_not_written(cast: Any, monkeypatch: Any) -> None:
    dataset = actions.create_dataset(
        cast.ada,
        title="Words",
        slug="words",
        licence=Licence.CC_BY,
        agreement="",
        class_names=["a"],
        task="text_classification",
    )
    batch = actions.open_contribution(dataset, cast.ada, licence=Licence.CC_BY, agreed=True)
    actions.receive_file(batch, cast.ada, name="a/1.txt", chunks=[b"one\ntwo\nthree"])
    monkeypatch.setattr("apps.datasets.actions.texting.PORTION", 2)
    monkeypatch.setattr(
        "apps.datasets.models.Receipt.renew_claim", lambda self: discard(batch, cast.ada)
    )
    ingesting.drain_ingest()
    assert outcomes(batch)["a/1.txt"] == "discarded"
    assert set(Sample.objects.values_list("status", flat=True)) == {"withdrawn"}
    check()


@pytest.mark.django_db(transaction=True)
def test_ingest_waits_while_a_batch_is_discarded(
    sent: Contribution, cast: Any, monkeypatch: Any
) -> None:
    read = [taking.read_image(receipt) for receipt in ingesting.claim_receipts()]
    threads = []

    def write() -> None:
        try:
            taking.take_images(read)
        finally:
            connection.close()

    def meanwhile(batch: Any) -> None:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(0.5)
        threads.append(thread)
        monkeypatch.setattr(contributing, "_require_undecided", checked)

    checked = contributing._require_undecided
    monkeypatch.setattr(contributing, "_require_undecided", meanwhile)
    discard(sent, cast.ben)
    for thread in threads:
        thread.join()
    assert set(outcomes(sent).values()) == {"discarded"}
    assert not Sample.objects.exclude(status="withdrawn").exists()


def test_a_decision_at_the_last_moment_keeps_all_of_it(
    dataset: Any, cast: Any, samples: list[Sample], monkeypatch: Any
) -> None:
    """Chen accepts one when the batch has been looked through and nothing is withdrawn yet."""
    real = contributing.change_samples

    def after_a_decision(which: Any, **options: Any) -> Any:
        which = list(which)
        actions.review_samples(dataset, cast.chen, [actions.Decision(samples[0].pk, "accept")])
        return real(which, **options)

    monkeypatch.setattr(contributing, "change_samples", after_a_decision)
    with pytest.raises(RuleError, match="already_reviewed"):
        discard(samples[0].contribution, cast.ben)
    assert Contribution.objects.get().status == "ready"
    assert not Sample.objects.filter(status="withdrawn").exists()


def test_a_large_batch_goes_in_portions(samples: list[Sample], cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.portions.PORTION", 3)
    discard(samples[0].contribution, cast.ben)
    assert set(Sample.objects.values_list("status", flat=True)) == {"withdrawn"}
    check()
