"""A manifest in a folder or an archive is used by itself."""

import io
import zipfile
from typing import Any

import pytest

from apps.datasets import actions, staging
from apps.datasets.actions.unpacking import unpack
from apps.datasets.ingest.manifest import (
    is_manifest,
)
from apps.datasets.models import (
    ManifestRow,
    Receipt,
)
from apps.datasets.receipts import sentence as receipt_sentence
from apps.datasets.tests.cast import make_image, outcomes
from apps.datasets.tests.manifests.steps import codes, said_of, send, use
from apps.datasets.tests.test_unpack_tar import packed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("manifest.csv", True),
        ("pets/metadata.jsonl", True),
        ("./pets/Manifest.CSV", True),
        ("pets\\metadata.csv", True),
        ("pets/cat/metadata.csv", False),
        ("metadata.csv.png", False),
        ("my_manifest.csv", False),
        ("manifest.txt", False),
    ],
)
def test_which_file_is_a_manifest(name: str, expected: bool) -> None:
    assert is_manifest(name) is expected


def test_two_folders_with_a_manifest_each(batch: Any) -> None:
    add = actions.add_to_manifest
    assert add(batch, batch.member, b"file,label\n1.png,cat\n", folder="one").usable
    assert add(batch, batch.member, b"file,label\n1.png,dog\ntwo/2.png,dog\n", folder="two").usable
    assert add(batch, batch.member, b"file,label\n1.png,cat\n", folder="one").usable  # once more
    both = b"file,label\n4.png,cat\none/4.png,dog\n"  # one name inside the folder and outside of it
    assert codes(add(batch, batch.member, both, folder="one")) == [(3, "contradiction")]
    report = add(batch, batch.member, b"file,label\n1.png,dog\n3.png,dog\n", folder="one")
    assert codes(report) == [(2, "in_force")]
    assert sorted(batch.manifest_rows.values_list("name", flat=True)) == [
        "one/1.png",
        "two/1.png",
        "two/2.png",
    ]
    send(batch, {"one/1.png": make_image(1), "two/1.png": make_image(2)})
    assert {name: words[0] for name, words in said_of(batch).items()} == {
        "one/1.png": "cat",
        "two/1.png": "dog",
    }


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
@pytest.mark.parametrize("root", ["", "pets/", "./", "./pets/"])
def test_an_archives_manifest_is_read_before_its_files(batch: Any, pack: Any, root: str) -> None:
    lines = b"file_name,label,split\ncat/1.png,dog,test\n2.png,cat,\n"
    entries = [(f"{root}cat/1.png", make_image(1)), (f"{root}2.png", make_image(2))]
    send(batch, {"pets.zip": pack(*entries, (f"{root}metadata.csv", lines))})

    found = said_of(batch)
    assert sorted(words[0] for words in found.values()) == ["cat", "dog"]
    assert found[f"{root}cat/1.png"][0::4] == ("dog", "test")
    receipt = batch.receipts.get(code="manifest_used")
    assert (receipt.outcome, receipt.name) == ("unpacked", f"{root}metadata.csv")
    assert "rows: 2" in receipt_sentence(receipt)
    assert outcomes(batch)["pets.zip"] == "unpacked"


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
def test_a_wrong_manifest_does_not_fail_the_archive(batch: Any, pack: Any) -> None:
    lines = b"file_name,label,licence\n1.png,dog,\n2.png,dog,WTFPL\n"
    send(batch, {"a.zip": pack(("cat/1.png", make_image(1)), ("manifest.csv", lines))})
    assert outcomes(batch) == {
        "a.zip": "unpacked",
        "cat/1.png": "accepted",
        "manifest.csv": "manifest_not_used",
    }
    assert said_of(batch)["cat/1.png"][0] == "cat"
    text = receipt_sentence(batch.receipts.get(name="manifest.csv"))
    assert "Line 3" in text
    assert "WTFPL" in text
    assert not ManifestRow.objects.exists()


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
def test_one_manifest_of_an_archive_is_used(batch: Any, pack: Any) -> None:
    first = ("manifest.csv", b"file,label\n1.png,dog\n")
    second = ("a/metadata.csv", b"file,label\n1.png,cat\n")
    deeper = ("a/b/metadata.csv", b"file,label\n1.png,cat\n")
    send(batch, {"a.zip": pack(("1.png", make_image(1)), first, second, deeper)})
    assert outcomes(batch) == {
        "a.zip": "unpacked",
        "1.png": "accepted",
        "manifest.csv": "manifest_used",
        "a/metadata.csv": "second_manifest",
        "a/b/metadata.csv": "not_an_image",
    }
    assert said_of(batch)["1.png"][0] == "dog"


def test_an_archives_manifest_does_not_contradict_the_one_in_force(
    batch: Any, settings: Any
) -> None:
    use(batch, "file,label\n1.png,cat\n")
    data = zipped(("1.png", make_image(1)), ("manifest.csv", b"file,label\n1.png,dog\n"))
    send(batch, {"a.zip": data})
    assert outcomes(batch)["manifest.csv"] == "manifest_not_used"
    assert said_of(batch)["1.png"][0] == "cat"
    settings.MAX_MANIFEST_BYTES = 20
    exact = b"file,label\n9.png,dog"
    send(batch, {"b.zip": zipped(("b/2.png", make_image(2)), ("b/manifest.csv", exact))})
    over = exact + b"\n"
    send(batch, {"c.zip": zipped(("c/3.png", make_image(3)), ("c/manifest.csv", over))})
    assert outcomes(batch)["b/manifest.csv"] == "manifest_used"
    assert outcomes(batch)["c/manifest.csv"] == "manifest_not_used"


def test_a_killed_worker_unpacks_it_once(batch: Any) -> None:
    data = zipped(("1.png", make_image(1)), ("manifest.csv", b"file,label\n1.png,dog\n"))
    send(batch, {"a.zip": data})
    receipt = batch.receipts.get(name="a.zip")
    Receipt.objects.filter(pk=receipt.pk).update(outcome="waiting", claimed_until=None, tries=1)
    receipt.refresh_from_db()
    staging.path_of(receipt).write_bytes(data)
    unpack(receipt)
    assert batch.manifest_rows.count() == 1
    assert batch.receipts.count() == 3
