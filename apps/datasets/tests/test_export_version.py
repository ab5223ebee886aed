"""The Parquet export: asked for, made by a worker in shards, loaded by what people use."""

import io
import json
import zipfile
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from PIL import Image

from apps.datasets import actions
from apps.datasets.actions import exporting
from apps.datasets.models import Export, Sample
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
