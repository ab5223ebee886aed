"""The class that a folder or a table names: taken whole or not at all."""

import json
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.ingest.folders import MAX_CLASS
from apps.datasets.models import Annotation, Contribution, Licence, TaskKind
from apps.datasets.receipts import sentence
from apps.datasets.tests.cast import make_image

LONGEST = "c" * MAX_CLASS


@pytest.fixture
def texts(cast: Any) -> Contribution:
    dataset = actions.create_dataset(
        cast.ada,
        title="T",
        slug="t",
        licence=Licence.CC0,
        class_names=["a"],
        task=TaskKind.TEXT_CLASSIFICATION,
    )
    return actions.open_contribution(dataset, cast.ada, licence=Licence.CC0, agreed=True)


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


def test_nor_the_class_that_was_chosen_for_what_names_none(contribute: Any, dataset: Any) -> None:
    cat = dataset.classes.get(name="cat")
    names = {f"{LONGEST}d/1.png": make_image(1), "2.png": make_image(2)}
    batch = contribute(names, default_class=cat)
    assert list(batch.samples.order_by("pk").values_list("label", flat=True)) == [None, cat.pk]
    assert Annotation.objects.filter(sample__contribution=batch).count() == 1


def test_a_manifest_says_it_for_a_folder_that_cannot(dataset: Any, cast: Any) -> None:
    batch = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    name = f"{LONGEST}d/1.png"
    actions.set_manifest(batch, cast.ben, f"filename,label\n{name},cat\n".encode())
    actions.receive_file(batch, cast.ben, name=name, chunks=[make_image()])
    drain_ingest()
    assert batch.samples.get().label.name == "cat"
    assert batch.receipts.get().outcome == "accepted"


@pytest.mark.parametrize(("more", "outcome"), [("", "accepted"), ("x", "fixed")])
def test_a_table_names_a_class(texts: Any, cast: Any, more: str, outcome: str) -> None:
    line = json.dumps({"text": "hello", "label": LONGEST + more}).encode()
    actions.receive_file(texts, cast.ada, name="t.jsonl", chunks=[line])
    drain_ingest()
    assert claimed(texts) == ["" if more else LONGEST]
    assert texts.receipts.get(parent__isnull=False).outcome == outcome


@pytest.mark.parametrize("label", ["", LONGEST + "x"])
def test_a_text_without_a_class_of_its_own(texts: Any, cast: Any, label: str) -> None:
    """The folder's name is too long; or the table's is, and then the folder's does not count."""
    folder = "a" if label else LONGEST + "x"
    line = json.dumps({"text": "hello", "label": label}).encode()
    actions.receive_file(texts, cast.ada, name=f"{folder}/t.jsonl", chunks=[line])
    drain_ingest()
    sample = texts.samples.get()
    assert (sample.label, sample.claimed_class) == (None, "")
    assert "class_too_long" in texts.receipts.get(parent__isnull=False).facts["fixes"]
