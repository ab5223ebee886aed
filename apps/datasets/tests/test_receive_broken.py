"""Files that arrive too large, too short, or not to their end: what they leave, and what is said."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.datasets import actions
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.models import Contribution, Licence, Receipt
from apps.datasets.receipts import sentence
from apps.datasets.tests.cast import make_image
from apps.errors import RuleError

DATA = make_image(1, size=(64, 64))
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Contribution:
    return actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)


@pytest.fixture
def ben(cast: Any, browser_of: Any) -> Client:
    return browser_of(cast.ben)


def put(client: Client, batch: Contribution, data: bytes, **headers: Any) -> Any:
    address = reverse("api_file", args=[batch.uuid]) + f"?name=cat/1.png&sha256={SHA256}"
    return client.put(address, data, content_type="application/octet-stream", **headers)


def staged(settings: Any) -> list[Path]:
    return list(Path(settings.STAGING_DIR).iterdir())


def test_too_large_with_its_hash(
    ben: Client, batch: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stops reading at the limit; the receipt is of the file as it was announced."""
    monkeypatch.setattr("apps.datasets.api.contributing.CHUNK", 500)
    settings.MAX_IMAGE_BYTES = 1000
    answer = put(ben, batch, DATA)
    assert answer.status_code == 201, answer.content
    receipt = batch.receipts.get()
    assert (receipt.outcome, receipt.code) == ("refused", "file_too_large")
    assert (receipt.source_sha256, receipt.size) == (SHA256, len(DATA))
    assert "1000" in sentence(receipt)
    assert staged(settings) == []
    settings.MAX_IMAGE_BYTES = len(DATA)
    assert put(ben, batch, DATA).status_code == 201
    receipt.refresh_from_db()
    assert receipt.outcome == "waiting"


def test_too_large_with_a_wrong_hash(batch: Any, cast: Any, settings: Any) -> None:
    settings.MAX_IMAGE_BYTES = 1000
    receipt = actions.receive_file(batch, cast.ben, name="1.png", chunks=[DATA], sha256="x" * 99)
    assert receipt.code == "file_too_large"


def test_a_lost_connection_leaves_nothing(batch: Any, cast: Any, settings: Any) -> None:
    with pytest.raises(RuleError) as refusal:
        actions.receive_file(
            batch, cast.ben, name="1.png", chunks=[DATA[:100]], size=len(DATA), sha256=SHA256
        )
    assert (refusal.value.code, refusal.value.status) == ("cut_short", 400)
    assert not Receipt.objects.exists()
    assert staged(settings) == []


def test_a_failing_stream_leaves_nothing(batch: Any, cast: Any, settings: Any) -> None:
    def failing() -> Iterator[bytes]:
        yield DATA[:100]
        raise OSError("connection reset")

    with pytest.raises(OSError, match="reset"):
        actions.receive_file(batch, cast.ben, name="1.png", chunks=failing())
    assert staged(settings) == []


def test_what_a_killed_process_was_receiving_is_swept(batch: Any, cast: Any, settings: Any) -> None:
    kept = actions.receive_file(batch, cast.ben, name="1.png", chunks=[DATA])
    old, young = (Path(settings.STAGING_DIR) / f"arriving-{name}" for name in ("old", "young"))
    yesterday = time.time() - 25 * 3600
    for path in (old, young):
        path.write_bytes(b"half")
    for path in (old, Path(settings.STAGING_DIR) / str(kept.pk)):
        os.utime(path, (yesterday, yesterday))
    ring_for_waiting()
    assert {path.name for path in staged(settings)} == {"arriving-young", str(kept.pk)}


@pytest.mark.parametrize("length", ["²", "", "9" * 5000])
def test_an_odd_length_is_no_failure(ben: Client, batch: Any, length: str) -> None:
    assert put(ben, batch, DATA, CONTENT_LENGTH=length).status_code in (201, 400)
