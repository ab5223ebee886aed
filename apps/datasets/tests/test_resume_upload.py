"""Announced files, room, and a second try: what is missing is sent, what does not fit is not."""

import hashlib
import io
import shutil
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Licence, Receipt
from apps.datasets.storage import room_of
from apps.datasets.tests.cast import make_image, outcomes
from apps.errors import RuleError


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Any:
    return actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)


def announced(name: str, data: bytes) -> actions.Announced:
    return actions.Announced(name, hashlib.sha256(data).hexdigest(), len(data))


def send(batch: Any, by: Any, name: str, data: bytes, **options: Any) -> Receipt:
    return actions.receive_file(batch, by, name=name, chunks=[data], **options)


def test_only_what_is_missing_is_asked_for(batch: Any, cast: Any) -> None:
    one, two = make_image(1), make_image(2)
    files = [announced("cat/1.png", one), announced("cat/2.png", two)]
    assert actions.announce_files(batch, cast.ben, files, total_files=2, total_bytes=99) == [0, 1]
    send(batch, cast.ben, "cat/1.png", one)

    assert actions.announce_files(batch, cast.ben, files) == [1]
    batch.refresh_from_db()
    assert (batch.expected_files, batch.expected_bytes) == (2, 99)
    same_name = [announced("cat/1.png", two)]
    assert actions.announce_files(batch, cast.ben, same_name) == [0], "other bytes, other file"


def test_a_thousand_at_once_and_no_more(batch: Any, cast: Any) -> None:
    files = [announced(f"{n}.png", b"x") for n in range(1000)]
    assert len(actions.announce_files(batch, cast.ben, files)) == 1000
    with pytest.raises(RuleError) as refusal:
        actions.announce_files(batch, cast.ben, [*files, announced("one more", b"x")])
    assert refusal.value.code == "too_many_files"


def test_what_does_not_fit_is_refused_beforehand(batch: Any, cast: Any) -> None:
    data = make_image(1)
    cast.ben.storage_quota = len(data)
    exact = [announced("a.png", data)]
    assert actions.announce_files(batch, cast.ben, exact) == [0]
    cast.ben.storage_quota -= 1
    for attempt in (
        lambda: actions.announce_files(batch, cast.ben, exact),
        lambda: send(batch, cast.ben, "a.png", data, size=len(data)),
    ):
        with pytest.raises(RuleError) as refusal:
            attempt()
        assert (refusal.value.code, refusal.value.status) == ("quota_full", 413)
    assert not Receipt.objects.exists()


def test_without_a_quota_of_their_own_the_sites_holds(batch: Any, cast: Any, settings: Any) -> None:
    data = make_image(1)
    exact = [announced("a.png", data)]
    settings.MEMBER_STORAGE_BYTES = len(data)
    assert actions.announce_files(batch, cast.ben, exact) == [0]
    settings.MEMBER_STORAGE_BYTES -= 1
    with pytest.raises(RuleError, match="quota_full"):
        actions.announce_files(batch, cast.ben, exact)
    cast.ben.storage_quota = 0
    with pytest.raises(RuleError, match="quota_full"):
        send(batch, cast.ben, "b.png", b"x", size=1)
    assert send(batch, cast.ben, "empty.png", b"").outcome == "waiting"


def test_what_will_not_fit_as_a_whole_is_refused_before_its_first_file(
    batch: Any, cast: Any
) -> None:
    data = make_image(1)
    cast.ben.storage_quota = 1000 + len(data)
    send(batch, cast.ben, "first.png", data)
    total = {"total_files": 3, "total_bytes": 1000 + len(data)}  # what arrived is one of them
    one = [actions.Announced("a.png", "0" * 64, 10)]
    over = total | {"total_bytes": 1001 + len(data)}
    with pytest.raises(RuleError) as refusal:
        actions.announce_files(batch, cast.ben, one, **over)
    assert refusal.value.code == "quota_full"
    assert actions.announce_files(batch, cast.ben, one, **total) == [0]


def test_the_page_counts_files_not_what_an_archive_held(
    batch: Any, cast: Any, browser_of: Any
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for number in range(3):
            packed.writestr(f"cat/{number}.png", make_image(number))
    one = announced("a.zip", out.getvalue())
    actions.announce_files(batch, cast.ben, [one], total_files=2, total_bytes=2 * one.size)
    send(batch, cast.ben, "a.zip", out.getvalue())
    drain_ingest()
    assert batch.receipts.count() == 4
    page = browser_of(cast.ben).get(f"/contributions/{batch.uuid}/").content.decode()
    assert "1 of 2 files have arrived." in page


def test_room_counts_what_is_stored_and_what_waits(batch: Any, cast: Any, contribute: Any) -> None:
    assert room_of(cast.ben).used == 0
    assert room_of(cast.ben).limit == settings.MEMBER_STORAGE_BYTES
    receipt = send(batch, cast.ben, "a.png", make_image(1))
    assert room_of(cast.ben).used == receipt.size
    stored = contribute({"cat/2.png": make_image(2)}).samples.get()
    # The first one was ingested, too.
    assert room_of(cast.ben).used == stored.size + batch.samples.get().size
    actions.withdraw_samples(stored.dataset, cast.ben, [stored])
    assert room_of(cast.ben).used == batch.samples.get().size


def test_a_full_disk_takes_nothing(
    batch: Any, cast: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_image(1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5000))
    settings.MIN_FREE_BYTES = 5001 - len(data)
    with pytest.raises(RuleError) as refusal:
        send(batch, cast.ben, "a.png", data, size=len(data))
    assert (refusal.value.code, refusal.value.status) == ("disk_full", 507)
    assert not Receipt.objects.exists()
    settings.MIN_FREE_BYTES -= 1
    assert send(batch, cast.ben, "a.png", data, size=len(data)).outcome == "waiting"


def test_a_changed_file_is_not_taken(batch: Any, cast: Any) -> None:
    with pytest.raises(RuleError) as refusal:
        send(batch, cast.ben, "a.png", make_image(1), sha256="0" * 64)
    assert refusal.value.code == "hash_mismatch"
    assert not Receipt.objects.exists()


def test_refused_files_get_a_second_try(
    dataset: Any, cast: Any, contribute: Any, settings: Any
) -> None:
    data = make_image(1, size=(40, 40))
    settings.MAX_IMAGE_PIXELS = 1599
    batch = contribute({"cat/1.png": data, "cat/2.png": make_image(2)})
    assert outcomes(batch)["cat/1.png"] == "too_many_pixels"
    settings.MAX_IMAGE_PIXELS = 1600
    with pytest.raises(RuleError):
        send(batch, cast.ben, "cat/1.png", data)  # it is closed

    actions.reopen_contribution(batch, cast.ben)
    files = [announced("cat/1.png", data), announced("cat/2.png", make_image(2))]
    assert actions.announce_files(batch, cast.ben, files) == []
    assert actions.announce_files(batch, cast.ben, files, again=True) == [0]
    send(batch, cast.ben, "cat/1.png", data)
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()

    assert set(outcomes(batch).values()) == {"accepted"}
    batch.refresh_from_db()
    assert batch.status == "ready"
    with pytest.raises(RuleError) as refusal:
        actions.reopen_contribution(batch, cast.chen)
    assert refusal.value.code == "not_yours"


def test_over_the_api(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    base = f"/api/contributions/{batch.uuid}/"
    data = make_image(1)
    sha256 = hashlib.sha256(data).hexdigest()
    body = {"files": [{"name": "cat/1.png", "sha256": sha256, "size": len(data)}]}
    options = {"content_type": "application/json"}
    assert ben.post(f"{base}missing/", body, **options).json() == {"missing": [0]}
    address = f"{base}file/?name=cat/1.png&sha256={sha256}"
    answer = ben.put(address, data, content_type="application/octet-stream")
    assert (answer.status_code, answer.json()["source_sha256"]) == (201, sha256)
    assert ben.post(f"{base}missing/", body, **options).json() == {"missing": []}
    for name, status in (("", 400), ("n" * 4001, 400), ("n" * 4000, 201)):
        put = ben.put(f"{base}file/?name={name}", data, content_type="image/png")
        assert put.status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"files": [{"name": "n" * 4000, "sha256": "0" * 64, "size": 1}]}, 200),
        ({"files": [{"name": "n" * 4001, "sha256": "0" * 64, "size": 1}]}, 400),
        ({"files": [{"name": "n", "sha256": "0" * 64, "size": 0}]}, 200),
        ({"files": [{"name": "n", "sha256": "0" * 64, "size": -1}]}, 400),
        ({"files": [], "total_files": 2**31 - 1}, 200),
        ({"files": [], "total_files": 2**31}, 400),
        ({"files": [], "total_files": -1}, 400),
    ],
)
def test_what_is_announced_has_its_bounds(
    batch: Any, cast: Any, browser_of: Any, body: Any, status: int
) -> None:
    address = f"/api/contributions/{batch.uuid}/missing/"
    sent = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert sent.status_code == status


@pytest.mark.parametrize(("length", "status"), [(4000, 201), (4001, 400)])
def test_the_name_of_a_form_has_its_length(
    batch: Any, cast: Any, browser_of: Any, length: int, status: int
) -> None:
    form = {"file": io.BytesIO(make_image(1)), "name": "n" * length}
    sent = browser_of(cast.ben).post(f"/api/contributions/{batch.uuid}/files/", form)
    assert sent.status_code == status


def test_receipts_as_a_table(contribute: Any, cast: Any, browser_of: Any) -> None:
    batch = contribute({"=cat/1.png": make_image(1), "cat/empty.png": b""})
    ben = browser_of(cast.ben)
    lines = b"".join(ben.get(f"/contributions/{batch.uuid}/receipts.csv").streaming_content)
    rows = lines.decode().splitlines()
    assert rows[0].startswith("file,bytes,sha256,outcome")
    assert rows[1].startswith("'=cat/1.png"), "no formula"
    refused = ben.get(f"/contributions/{batch.uuid}/receipts.csv?outcome=refused")
    assert b"".join(refused.streaming_content).decode().count("\n") == 2
    assert ben.get(f"/contributions/{batch.uuid}/receipts.csv?outcome=odd").status_code == 400
