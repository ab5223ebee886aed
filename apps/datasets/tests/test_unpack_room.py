"""Archives unpack into the room of their sender, and into the disk that there is."""

import io
import shutil
import tarfile
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Contribution, Licence, Receipt
from apps.datasets.receipts import sentence
from apps.datasets.storage import room_of
from apps.datasets.tests.cast import outcomes

# They pack to next to nothing.
FILES = {f"cat/{number}.png": bytes([65 + number]) * 5000 for number in range(10)}


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture(autouse=True)
def nothing_is_a_bomb(settings: Any) -> None:
    settings.MAX_ARCHIVE_RATIO = 10_000


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Contribution:
    return actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)


@pytest.mark.parametrize("data", [zipped(), tarred()], ids=["zip", "tar"])
def test_what_is_unpacked_counts(batch: Contribution, cast: Any, data: bytes) -> None:
    cast.ben.storage_quota = 49_999
    cast.ben.save()
    actions.receive_file(batch, cast.ben, name="a", chunks=[data], size=len(data))
    drain_ingest()
    assert outcomes(batch) == {"a": "quota_full"}
    assert "48.8\xa0KB" in sentence(batch.receipts.get())
    assert room_of(cast.ben).used == 0
    cast.ben.storage_quota = 50_000
    cast.ben.save()
    actions.receive_file(batch, cast.ben, name="a", chunks=[data], size=len(data))
    drain_ingest()
    assert outcomes(batch)["a"] == "unpacked"
    assert len(outcomes(batch)) == 11


def test_what_was_unpacked_before_a_crash_is_not_counted_twice(
    batch: Contribution, cast: Any, monkeypatch: Any
) -> None:
    cast.ben.storage_quota = 50_000
    cast.ben.save()
    data = zipped()
    actions.receive_file(batch, cast.ben, name="a.zip", chunks=[data], size=len(data))
    with monkeypatch.context() as patched:
        patched.setattr(Receipt, "settle", crash)
        with pytest.raises(KeyboardInterrupt):
            drain_ingest()
    assert batch.receipts.count() == 11
    Receipt.objects.update(claimed_until=None)
    drain_ingest()
    assert outcomes(batch)["a.zip"] == "unpacked"


def crash(*args: Any, **options: Any) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_leaves_the_archive_waiting(
    batch: Contribution, cast: Any, settings: Any, monkeypatch: Any
) -> None:
    data = zipped()
    actions.receive_file(batch, cast.ben, name="a.zip", chunks=[data], size=len(data))
    settings.MIN_FREE_BYTES = 1000
    free = iter([10_000, 8_000, 5_999])
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(free)))
        assert drain_ingest()
    waiting = batch.receipts.get(name="a.zip")
    assert (waiting.outcome, waiting.tries) == ("waiting", 0)
    assert batch.receipts.count() == 3
    Receipt.objects.update(claimed_until=None)
    drain_ingest()
    assert outcomes(batch)["a.zip"] == "unpacked"
    assert batch.receipts.count() == 11
