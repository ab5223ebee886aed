"""The Parquet export: asked for, made by a worker in shards, loaded by what people use."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from PIL import Image

from apps.datasets import actions, blobs
from apps.datasets.actions import exporting
from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.erasing import erase_withdrawn
from apps.datasets.models import Export, Sample, Version, VersionSpan
from apps.errors import RuleError


@pytest.fixture
def version(samples: Any, approve: Any, freeze: Any) -> Any:
    approve(samples)
    return freeze()


def archive_of(client: Any) -> zipfile.ZipFile:
    response = client.get("/datasets/pets/versions/1/parquet.zip")
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def make(version: Any, member: Any) -> Export:
    export = actions.request_export(version, member)
    exporting.build_exports()
    export.refresh_from_db()
    return export


# rdflib, below mlcroissant, warns about itself.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib", "ignore:ConjunctiveGraph")
def test_every_image_is_there_with_its_class(
    version: Any, cast: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(exporting, "SHARD_BYTES", 1000)
    export = make(version, cast.dana)
    assert (export.status, export.done) == ("ready", 10)
    archive = archive_of(browser_of(cast.dana))
    shards = [name for name in archive.namelist() if name.startswith("data/")]
    assert sum(name.startswith("data/train-") for name in shards) > 1
    truth = {row.blob_sha256: row.label.name for row in Sample.objects.select_related("label")}
    found = {}
    for name in shards:
        table = pq.read_table(io.BytesIO(archive.read(name)))
        about = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert about["image"] == {"_type": "Image"}
        for row in table.to_pylist():
            Image.open(io.BytesIO(row["image"]["bytes"])).load()
            found[row["image"]["path"].removesuffix(".png")] = about["label"]["names"][row["label"]]
    assert found == truth
    archive.extractall(tmp_path)
    croissant = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")
    assert croissant.metadata.issues.errors == set()


def test_what_was_withdrawn_leaves_the_export(
    version: Any, samples: Any, cast: Any, dataset: Any, browser_of: Any
) -> None:
    make(version, cast.dana)
    actions.withdraw_samples(dataset, cast.ben, [dataset.samples.get(pk=samples[0].pk)])
    client = browser_of(cast.dana)
    assert client.get("/datasets/pets/versions/1/parquet.zip").status_code == 409
    exporting.build_exports()
    assert not Export.objects.exists()
    version.refresh_from_db()
    assert make(version, cast.dana).done == 9


def shards_of(export: Export) -> set[str]:
    return {each["sha256"] for each in export.files}


def stored() -> set[str]:
    """Every Parquet file in the blob store, but for the manifests."""
    root = Path(str(blobs.store().path("")))
    found = {each for each in root.rglob("*") if each.is_file()}
    shards = {each.name for each in found if each.read_bytes()[:4] == b"PAR1"}
    return shards - set(Version.objects.values_list("manifest_sha256", flat=True))


def test_what_was_withdrawn_is_erased_when_it_is_asked_for_again(
    version: Any, samples: Any, cast: Any, dataset: Any
) -> None:
    before = shards_of(make(version, cast.dana))
    assert stored() == before
    gone = VersionSpan.objects.filter(split="train").first().sample
    actions.withdraw_samples(dataset, cast.ben, [gone])
    erase_withdrawn()
    actions.request_export(version, cast.dana)
    assert not stored()
    exporting.build_exports()
    again = Export.objects.get()
    assert (again.status, stored()) == ("ready", shards_of(again))
    assert before - stored()


def test_what_another_version_shares_stays(
    version: Any, cast: Any, dataset: Any, freeze: Any, browser_of: Any
) -> None:
    """Its successor without one test sample: the other splits are the same bytes."""
    first = shards_of(make(version, cast.dana))
    gone = VersionSpan.objects.filter(split="test").first().sample
    change_samples([gone], to="pending", by=cast.chen, why="undo")
    rejected = actions.Decision(gone.pk, "reject", None, "unusable")
    actions.review_samples(dataset, cast.chen, [rejected])
    second = shards_of(make(freeze(), cast.dana))
    assert first & second
    gone.refresh_from_db()
    actions.withdraw_samples(dataset, cast.ben, [gone])
    exporting.build_exports()
    assert Export.objects.get().version.number == 2
    assert stored() == second
    response = browser_of(cast.dana).get("/datasets/pets/versions/2/parquet.zip")
    assert zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).testzip() is None


def test_a_failed_one_leaves_no_shards(
    version: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "SHARD_BYTES", 1000)
    last = Sample.objects.order_by("blob_sha256").last()
    VersionSpan.objects.filter(sample=last).update(split="train")
    blobs.erase(last.blob_sha256)
    export = make(version, cast.dana)
    assert "FileNotFoundError" in export.failure
    assert (export.files, stored()) == ([], set())


class Killed(BaseException):
    """As a process that ends: nothing of ours catches it."""


def killed(*args: Any, **options: Any) -> None:
    raise Killed


def test_what_a_killed_worker_left_is_erased_by_the_next(
    version: Any, cast: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture is withdrawn before somebody else takes the export up."""
    export = actions.request_export(version, cast.dana)
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "move", killed)
        with pytest.raises(Killed):
            exporting.build_exports()
    left = stored()
    assert left
    gone = VersionSpan.objects.filter(split="train").first().sample
    actions.withdraw_samples(dataset, cast.ben, [gone])
    Export.objects.update(claimed_until=None)
    exporting.build_exports()
    export.refresh_from_db()
    assert (export.status, stored()) == ("ready", shards_of(export))
    assert left - stored()


def test_a_slow_worker_leaves_nothing_of_its_own(
    version: Any, cast: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one takes over, without what was withdrawn, just before the slow one stores a shard."""
    actions.request_export(version, cast.dana)
    store = blobs.put_file

    def slow(*args: Any) -> str:
        monkeypatch.setattr(blobs, "put_file", store)
        gone = VersionSpan.objects.filter(split="train").first().sample
        actions.withdraw_samples(dataset, cast.ben, [gone])
        Export.objects.update(claimed_until=None)
        version.refresh_from_db()
        exporting.build_exports()
        return store(*args)

    monkeypatch.setattr(blobs, "put_file", slow)
    exporting.build_exports()
    export = Export.objects.get()
    assert (export.status, stored()) == ("ready", shards_of(export))


def test_sealed_labels_are_not_in_it(
    samples: Any, approve: Any, freeze: Any, dataset: Any, cast: Any, browser_of: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    approve(samples)
    make(freeze(), cast.dana)
    archive = archive_of(browser_of(cast.dana))
    for name in archive.namelist():
        if name.startswith("data/"):
            labels = pq.read_table(io.BytesIO(archive.read(name))).column("label").to_pylist()
            assert (set(labels) == {-1}) == name.startswith("data/test-")


def test_unsealed_labels_are_in_it_when_it_is_made_again(
    samples: Any, approve: Any, freeze: Any, dataset: Any, cast: Any, browser_of: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    approve(samples)
    version = freeze()
    make(version, cast.dana)
    actions.unseal(dataset, cast.ada)
    client = browser_of(cast.dana)
    assert client.get("/datasets/pets/versions/1/parquet.zip").status_code == 409
    exporting.build_exports()
    assert not Export.objects.exists()
    assert not stored()
    make(version, cast.dana)
    archive = archive_of(client)
    for name in archive.namelist():
        if name.startswith("data/"):
            labels = pq.read_table(io.BytesIO(archive.read(name))).column("label").to_pylist()
            assert -1 not in labels


def test_a_failed_one_says_why_and_is_made_again(
    version: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "SHARD_BYTES", None)
        export = make(version, cast.dana)
    assert export.status == "failed"
    assert "TypeError" in export.failure
    assert make(version, cast.dana).status == "ready"


def test_it_is_refused_before_it_is_ready(version: Any, cast: Any, browser_of: Any) -> None:
    assert browser_of(cast.dana).get("/datasets/pets/versions/1/parquet.zip").status_code == 409
    version.digest = ""
    with pytest.raises(RuleError, match="not_frozen"):
        actions.request_export(version, cast.dana)
