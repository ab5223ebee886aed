"""Erasing what was withdrawn, while the very same bytes are sent again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.datasets import actions, blobs
from apps.datasets.actions import erasing, ingesting, taking, texting
from apps.datasets.models import Contribution, Licence, Membership, Role, Sample
from apps.datasets.tests.cast import make_image

BIG = {"cat/1.png": make_image(1, size=(300, 200)), "dog/2.png": make_image(2)}


@pytest.fixture
def again(dataset: Any, cast: Any, contribute: Any) -> Contribution:
    """Ben discarded his batch and has sent the same files again; nobody has read them yet."""
    actions.discard_contribution(contribute(BIG), cast.ben)
    return send_again(dataset, cast.ben, BIG)


def send_again(dataset: Any, by: Any, files: dict[str, bytes]) -> Contribution:
    batch = actions.open_contribution(dataset, by, licence=Licence.CC_BY, agreed=True)
    for name, data in files.items():
        actions.receive_file(batch, by, name=name, chunks=[data])
    return batch


def all_there(batch: Contribution) -> None:
    samples = list(batch.samples.exclude(status=Sample.Status.WITHDRAWN))
    assert len(samples) == 2
    for sample in samples:
        assert blobs.sha256_of(blobs.read(sample.blob_sha256)) == sample.blob_sha256
        assert not sample.thumbnail_sha256 or blobs.exists(sample.thumbnail_sha256)


def once_before(
    module: Any, name: str, first: Callable[[], Any], patch: pytest.MonkeyPatch
) -> None:
    """`first` happens just before the next call of this function."""
    real = getattr(module, name)

    def call(*args: Any, **options: Any) -> Any:
        patch.setattr(module, name, real)
        first()
        return real(*args, **options)

    patch.setattr(module, name, call)


def in_the_meantime(work: Callable[[], Any]) -> Callable[[], threading.Thread]:
    """Starts `work` in another thread, and goes on when it is done, or has to wait for us."""

    def start() -> threading.Thread:
        def run() -> None:
            try:
                work()
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.5)
        return thread

    return start


def test_erased_between_storing_and_writing(again: Contribution, monkeypatch: Any) -> None:
    once_before(ingesting, "take_images", erasing.erase_withdrawn, monkeypatch)
    ingesting.drain_ingest()
    all_there(again)


@pytest.mark.django_db(transaction=True)
def test_written_between_looking_and_erasing(again: Contribution, monkeypatch: Any) -> None:
    taken = [taking.read_image(receipt) for receipt in ingesting.claim_receipts()]
    threads: list[threading.Thread] = []
    write = in_the_meantime(lambda: taking.take_images(taken))
    once_before(blobs, "erase", lambda: threads.append(write()), monkeypatch)
    erasing.erase_withdrawn()
    for thread in threads:
        thread.join()
    assert threads
    all_there(again)


@pytest.mark.django_db(transaction=True)
def test_texts_written_between_looking_and_erasing(cast: Any, monkeypatch: Any) -> None:
    dataset = actions.create_dataset(
        cast.ada,
        title="Words",
        slug="words",
        licence=Licence.CC_BY,
        agreement="",
        class_names=["a"],
        task="text_classification",
    )
    Membership.objects.create(dataset=dataset, member=cast.ben, role=Role.CONTRIBUTOR)
    first = send_again(dataset, cast.ben, {"a/1.txt": b"one text\nanother"})
    ingesting.drain_ingest()
    actions.discard_contribution(first, cast.ben)
    batch = send_again(dataset, cast.ben, {"a/2.txt": b"one text\nanother"})
    (receipt,) = ingesting.claim_receipts()
    threads: list[threading.Thread] = []
    write = in_the_meantime(lambda: texting.take_texts(receipt))
    once_before(blobs, "erase", lambda: threads.append(write()), monkeypatch)
    erasing.erase_withdrawn()
    for thread in threads:
        thread.join()
    assert threads
    all_there(batch)
