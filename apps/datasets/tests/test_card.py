"""A version's card, README.md, Croissant and CSV: filled from facts, whatever people wrote."""

import csv
import io
import json
from typing import Any

import mlcroissant
import pytest

from apps.datasets import actions
from apps.datasets.card import sections
from apps.datasets.tables import csv_lines


@pytest.fixture
def version(samples: Any, approve: Any, freeze: Any) -> Any:
    approve(samples)
    return freeze()


def test_no_section_is_empty(version: Any) -> None:
    for section in sections(version):
        assert section.get("rows") or section.get("table") or section["missing"]


def test_the_page_shows_facts_and_what_people_wrote(
    version: Any, dataset: Any, cast: Any, browser_of: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, limitations="Not for *wolves*.")
    client = browser_of(cast.dana)
    page = client.get("/datasets/pets/versions/1/card/").content.decode()
    assert "Not for <em>wolves</em>." in page
    assert version.digest in page
    assert "ben" in page
    text = client.get("/datasets/pets/versions/1/README.md").content.decode()
    assert text.startswith('---\npretty_name: "Pets"\nlicense: "cc-by-4.0"\n')
    assert "Not for *wolves*." in text


# rdflib, below mlcroissant, warns about itself.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib", "ignore:ConjunctiveGraph")
def test_croissant_is_valid(version: Any, cast: Any, browser_of: Any, tmp_path: Any) -> None:
    response = browser_of(cast.dana).get("/datasets/pets/versions/1/croissant.json")
    path = tmp_path / "croissant.json"
    path.write_bytes(response.content)
    found = mlcroissant.Dataset(jsonld=path)
    assert found.metadata.issues.errors == set()
    assert json.loads(response.content)["distribution"][0]["sha256"] == version.manifest_sha256


def test_the_csv_holds_the_manifest(version: Any, cast: Any, browser_of: Any) -> None:
    response = browser_of(cast.dana).get("/datasets/pets/versions/1/manifest.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert len(rows) == 10
    assert {row["label"] for row in rows} == {"cat", "dog"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\tx"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert "".join(csv_lines(["a"], [[cell]])).splitlines()[1].strip('"').startswith("'")
