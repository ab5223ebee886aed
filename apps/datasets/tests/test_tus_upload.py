"""Archives by tus: offsets checked, only one's own, room beforehand, expired ones swept."""

import base64
import fcntl
import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.actions.uploading import part_of, sweep_uploads
from apps.datasets.models import Licence, Receipt, Upload
from apps.datasets.storage import room_of
from apps.datasets.tests.cast import make_image, outcomes
from apps.errors import RuleError

TUS = {"Tus-Resumable": "1.0.0"}


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for number in range(3):
            packed.writestr(f"cat/{number}.png", make_image(number))
    return out.getvalue()


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Any:
    return actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)


@pytest.fixture
def ben(cast: Any, browser_of: Any) -> Client:
    client: Client = browser_of(cast.ben)
    return client


def begin(client: Client, batch: Any, size: int, name: str = "pets.zip") -> Any:
    named = base64.b64encode(name.encode()).decode()
    headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": f"filename {named},kind eA=="}
    return client.post(f"/api/contributions/{batch.uuid}/uploads/", headers=headers)


def send(client: Client, address: str, data: bytes, offset: int, **headers: str) -> Any:
    return client.patch(
        address,
        data,
        content_type="application/offset+octet-stream",
        headers=TUS | {"Upload-Offset": str(offset)} | headers,
    )


def age(by: timedelta) -> None:
    Upload.objects.update(expires_at=F("expires_at") - by)


def test_in_pieces(ben: Client, batch: Any, cast: Any) -> None:
    data = archive()
    made = begin(ben, batch, len(data))
    assert made.status_code == 201
    address = made["Location"]
    assert address.startswith("/"), "a path: no proxy can break it"
    assert room_of(cast.ben).used == len(data)

    assert send(ben, address, data[:100], 0)["Upload-Offset"] == "100"
    asked = ben.head(address, headers=TUS)
    assert (asked["Upload-Offset"], asked["Cache-Control"]) == ("100", "no-store")
    wrong = send(ben, address, data[200:], 200)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_offset")
    assert send(ben, address, data[100:], 100).status_code == 204

    receipt = Receipt.objects.get()
    assert (receipt.name, receipt.archive, receipt.size) == ("pets.zip", True, len(data))
    assert ben.head(address, headers=TUS)["Upload-Offset"] == str(len(data))
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()
    assert sorted(outcomes(batch).values()) == ["accepted"] * 3 + ["unpacked"]


def test_what_is_refused(ben: Client, batch: Any, cast: Any, settings: Any) -> None:
    assert ben.options(f"/api/contributions/{batch.uuid}/uploads/")["Tus-Version"] == "1.0.0"
    old = ben.post(f"/api/contributions/{batch.uuid}/uploads/", headers={"Upload-Length": "5"})
    assert old.json()["code"] == "tus_version"
    settings.MAX_ARCHIVE_BYTES = 50
    assert begin(ben, batch, 50).status_code == 201
    assert begin(ben, batch, 51).json()["code"] == "upload_too_large"
    cast.ben.storage_quota = 60
    cast.ben.save()
    assert begin(ben, batch, 11).json()["code"] == "quota_full"
    assert begin(ben, batch, 10, "as much as is left").status_code == 201
    address = f"/api/uploads/{Upload.objects.get(size=50).uuid}/"
    assert send(ben, address, b"x" * 51, 0).json()["code"] == "upload_too_long"
    assert send(ben, address, b"x", 0, **{"Upload-Offset": "x"}).json()["code"] == "tus_header"
    plain = ben.patch(
        address, b"x", content_type="text/plain", headers=TUS | {"Upload-Offset": "0"}
    )
    assert plain.status_code == 415
    with part_of(Upload.objects.get(size=50)).open("ab") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert send(ben, address, b"x", 0).json()["code"] == "upload_locked"


@pytest.mark.parametrize(("digits", "code"), [(15, "upload_too_large"), (16, "tus_header")])
def test_a_length_has_fifteen_digits(ben: Client, batch: Any, digits: int, code: str) -> None:
    assert begin(ben, batch, int("9" * digits)).json()["code"] == code


def test_what_is_no_archive_is_no_larger_than_an_image(
    ben: Client, batch: Any, cast: Any, settings: Any
) -> None:
    data = make_image(1)
    settings.MAX_IMAGE_BYTES = len(data)
    for name, sent in (("at.png", data), ("over.png", data + b"x")):
        send(ben, begin(ben, batch, len(sent), name)["Location"], sent, 0)
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()
    assert outcomes(batch) == {"at.png": "accepted", "over.png": "file_too_large"}


def test_a_long_name_keeps_its_end_and_its_room(ben: Client, batch: Any, cast: Any) -> None:
    cast.ben.storage_quota = 20
    cast.ben.save()
    at, over = "a" * 1000, "b" * 1001
    begin(ben, batch, 10, at)
    begin(ben, batch, 10, over)
    assert set(Upload.objects.values_list("name", flat=True)) == {at, over[1:]}
    same = [actions.Announced(name, "0" * 64, 10) for name in (at, over)]
    assert actions.announce_files(batch, cast.ben, same) == [0, 1]


def test_only_ones_own_and_never_across_sites(
    ben: Client, batch: Any, cast: Any, browser_of: Any
) -> None:
    address = begin(ben, batch, 10)["Location"]
    for person in (cast.chen, cast.ada):
        assert send(browser_of(person), address, b"x", 0).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.ben, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert send(strict, address, b"x", 0).status_code == 403


def test_cancelled_and_expired(ben: Client, batch: Any) -> None:
    first = begin(ben, batch, 10)["Location"]
    assert ben.delete(first, headers=TUS).status_code == 204
    assert ben.head(first, headers=TUS).status_code == 404
    begin(ben, batch, 10)
    upload = Upload.objects.get()
    age(timedelta(days=7, minutes=-1))
    assert sweep_uploads() == 0
    age(timedelta(minutes=1))
    assert sweep_uploads() == 1
    assert not part_of(upload).exists()


def test_complete_without_a_receipt(ben: Client, batch: Any) -> None:
    """A server that died after the last byte: whoever asks for the offset gets the receipt made."""
    data = archive()
    address = begin(ben, batch, len(data))["Location"]
    part_of(Upload.objects.get()).write_bytes(data)

    assert ben.head(address, headers=TUS)["Upload-Offset"] == str(len(data))
    assert Receipt.objects.get().size == len(data)
    assert ben.head(address, headers=TUS)["Upload-Offset"] == str(len(data))
    assert send(ben, address, b"more", len(data)).status_code == 204
    assert Receipt.objects.count() == 1


def test_an_empty_file_is_complete_at_once(ben: Client, batch: Any, cast: Any) -> None:
    assert begin(ben, batch, 0).status_code == 201
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()
    assert outcomes(batch) == {"pets.zip": "empty_file"}


def test_a_late_piece_brings_nothing_back(ben: Client, batch: Any) -> None:
    data = archive()
    address = begin(ben, batch, len(data))["Location"]
    part = part_of(Upload.objects.get())
    part.unlink()
    assert send(ben, address, data, 0).json()["code"] == "upload_gone"
    assert not part.exists()


def test_resuming_needs_no_second_room(ben: Client, batch: Any, cast: Any) -> None:
    data = archive()
    cast.ben.storage_quota = len(data)
    cast.ben.save()
    begin(ben, batch, len(data))
    same = [actions.Announced("pets.zip", "0" * 64, len(data))]
    options = {"total_files": 1, "total_bytes": len(data)}
    assert actions.announce_files(batch, cast.ben, same, **options) == [0]
    with pytest.raises(RuleError) as refusal:
        actions.announce_files(batch, cast.ben, [actions.Announced("b.png", "1" * 64, 1)])
    assert refusal.value.code == "quota_full"


def test_a_discarded_contribution_gives_its_room_back(ben: Client, batch: Any, cast: Any) -> None:
    begin(ben, batch, 10)
    part = part_of(Upload.objects.get())
    assert room_of(cast.ben).used == 10
    actions.discard_contribution(batch, cast.ben)
    assert room_of(cast.ben).used == 0
    assert sweep_uploads() == 1
    assert not part.exists()
