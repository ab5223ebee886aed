"""The class that a folder or a table names: taken whole or not at all."""

import json
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.ingest.folders import MAX_CLASS
from apps.datasets.models import Contribution, Licence, TaskKind
from apps.datasets.receipts import sentence
from apps.datasets.tests.cast import make_image

LONGEST = "c" * MAX_CLASS


def claimed(contribution: Contribution) -> list[str]:
    return list(contribution.samples.order_by("pk").values_list("claimed_class", flat=True))


def test_a_folder_of_the_longest_name_is_a_class(contribute: Any) -> None:
    contribution = contribute({f"{LONGEST}/1.png": make_image()})
    assert claimed(contribution) == [LONGEST]
    assert contribution.receipts.get().outcome == "accepted"


def test_two_longer_ones_do_not_become_the_same_class(contribute: Any) -> None:
    contribution = contribute(
        {f"{LONGEST}{end}/1.png": make_image(seed) for seed, end in enumerate(("a", "b"))}
    )
    assert claimed(contribution) == ["", ""]
    for receipt in contribution.receipts.all():
        assert receipt.outcome == "fixed"
        assert str(MAX_CLASS) in sentence(receipt)


@pytest.mark.parametrize(("more", "outcome"), [("", "accepted"), ("x", "fixed")])
def test_a_table_names_a_class(cast: Any, more: str, outcome: str) -> None:
    dataset = actions.create_dataset(
        cast.ada,
        title="T",
        slug="t",
        licence=Licence.CC0,
        class_names=["a"],
        task=TaskKind.TEXT_CLASSIFICATION,
    )
    batch = actions.open_contribution(dataset, cast.ada, licence=Licence.CC0, agreed=True)
    line = json.dumps({"text": "hello", "label": LONGEST + more}).encode()
    actions.receive_file(batch, cast.ada, name="t.jsonl", chunks=[line])
    drain_ingest()
    assert claimed(batch) == ["" if more else LONGEST]
    assert batch.receipts.get(parent__isnull=False).outcome == outcome
