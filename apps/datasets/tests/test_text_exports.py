"""A version of texts leaves the site whole, in every form."""

import csv
import io
import json
import zipfile
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest

from apps.datasets import actions
from apps.datasets.actions.exporting import build_exports
from apps.datasets.models import Sample
from apps.datasets.tests.test_take_texts import dataset

__all__ = ["dataset"]

LINES = [f"Where is card number {number}?" for number in range(8)]
PINS = [f"我的密码 {number}\n第二行" for number in range(8)]


@pytest.fixture
def version(contribute: Any, approve: Any, freeze: Any) -> Any:
    rows = [{"text": text, "label": "card"} for text in LINES]
    rows += [{"text": text, "label": "pin"} for text in PINS]
    data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    approve(list(contribute({"all.jsonl": data.encode()}).samples.all()))
    return freeze()


def body(client: Any, name: str) -> bytes:
    return bytes(client.get(f"/datasets/pets/versions/1/{name}").getvalue())


def test_folders_hold_each_text_as_a_file(version: Any, browser_of: Any, cast: Any) -> None:
    archive = zipfile.ZipFile(io.BytesIO(body(browser_of(cast.dana), "images.zip")))
    files = [name for name in archive.namelist() if name.endswith(".txt")]
    found = {(name.split("/")[1], archive.read(name).decode()) for name in files}
    assert found == {("card", text) for text in LINES} | {("pin", text) for text in PINS}


# rdflib, below mlcroissant, warns about itself.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib", "ignore:ConjunctiveGraph")
def test_parquet_has_a_column_of_texts(
    version: Any, browser_of: Any, cast: Any, tmp_path: Any
) -> None:
    actions.request_export(version, cast.dana)
    build_exports()
    archive = zipfile.ZipFile(io.BytesIO(body(browser_of(cast.dana), "parquet.zip")))
    found = set()
    for name in archive.namelist():
        if name.startswith("data/"):
            table = pq.read_table(io.BytesIO(archive.read(name)))
            about = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
            assert about["text"] == {"dtype": "string", "_type": "Value"}
            names = about["label"]["names"]
            found |= {(names[row["label"]], row["text"]) for row in table.to_pylist()}
    assert found == {("card", text) for text in LINES} | {("pin", text) for text in PINS}
    archive.extractall(tmp_path)
    assert mlcroissant.Dataset(jsonld=tmp_path / "croissant.json").metadata.issues.errors == set()
    assert "text-classification" in (tmp_path / "README.md").read_text()


def test_the_manifest_names_each_text_by_its_hash(version: Any, browser_of: Any, cast: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(body(browser_of(cast.dana), "manifest.csv").decode())))
    hashes = set(Sample.objects.values_list("blob_sha256", flat=True))
    assert {row["sample"] for row in rows} == hashes
    assert {(row["media_type"], row["width"]) for row in rows} == {("text/plain", "")}
