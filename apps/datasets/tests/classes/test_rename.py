"""A class under a better name: the old one still means it."""

from typing import Any

from apps.datasets import actions
from apps.datasets.actions.classing import Classes
from apps.datasets.changes import preview_change
from apps.datasets.models import (
    Annotation,
    Dataset,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.classes.steps import labels, refused, revert
from apps.datasets.tests.test_tallies import check


def test_a_rename_keeps_the_old_name_as_an_alias(
    dataset: Dataset, change: Any, reviewed: Any, named: Any, contribute: Any, mara: Any
) -> None:
    done = change("rename", named("cat"), new_name="feline")

    assert done.status == "applied"
    assert named("feline").aliases == ["cat"]
    assert labels(dataset)["approved", "feline"] == 3
    assert not Annotation.objects.filter(role="schema").exists(), "no sample changed"
    batch = contribute({"Cat/new.png": make_image(70), "feline/new.png": make_image(71)})
    assert {each.label.name for each in batch.samples.all()} == {"feline"}
    check()

    revert(done, mara)
    assert done.status == "reverted"
    assert named("cat").aliases == []
    assert labels(dataset)["pending", "cat"] == 3
    assert Classes(dataset.pk).named("feline") is None


def test_a_rename_adopts_the_folders_of_its_new_name(
    dataset: Dataset, change: Any, contribute: Any, named: Any
) -> None:
    batch = contribute({"feline/1.png": make_image(1)})
    change("rename", named("cat"), new_name="feline")
    sample = batch.samples.get()
    assert (sample.label, sample.claimed_class) == (named("feline"), "")
    check()


def test_a_version_keeps_the_names_and_the_next_one_says_renamed(
    dataset: Dataset, cast: Any, change: Any, samples: Any, approve: Any, freeze: Any, named: Any,
    browser_of: Any,
) -> None:  # fmt: skip
    approve(samples)
    first = freeze()
    done = change("rename", named("cat"), new_name="feline")
    second = freeze()  # a name is reason enough for a new version

    first.refresh_from_db()
    assert first.class_names == ["cat", "dog"]
    assert second.class_names == ["feline", "dog"]
    assert second.changes["renamed"] == 1
    assert second.changes["level"] == "patch"
    assert preview_change(done).told_as == "renamed"
    client = browser_of(cast.dana)
    answer = client.get("/api/datasets/pets/versions/diff/?from=1&to=2").json()
    assert answer["renamed"] == [{"from": "cat", "to": "feline"}]
    assert not any(answer["counts"].values())
    for page in ("card/", "README.md", "croissant.json", "manifest.csv"):
        text = client.get(f"/datasets/pets/versions/1/{page}").getvalue().decode()
        assert "feline" not in text, page


def test_a_rename_is_taken_back_only_while_its_name_stands(
    dataset: Dataset, cast: Any, change: Any, mara: Any, named: Any
) -> None:
    first = change("rename", named("cat"), new_name="feline")
    second = change("rename", named("feline"), new_name="felis")
    assert "felis" in refused("changed_since", actions.revert_change, first, mara).message
    revert(second, mara)
    assert named("feline").aliases == ["cat"]
    merge = change("merge", named("feline"), into=named("dog"))
    assert "merge" in refused("changed_since", actions.revert_change, first, mara).message
    revert(merge, mara)
    # The old name is an alias, so nobody else can have it, but by taking it back it is.
    refused("class_exists", actions.add_class, dataset, cast.ada, "CAT")
    revert(first, mara)
    assert (named("cat").aliases, first.status) == ([], "reverted")


def test_names_go_round_without_getting_lost(change: Any, mara: Any, named: Any) -> None:
    """a → b → a → c, then all of it back: each step restores exactly what it changed."""
    steps = [
        change("rename", named(old), new_name=new)
        for old, new in (("cat", "b"), ("b", "cat"), ("cat", "c"))
    ]
    assert sorted(named("c").aliases) == ["b", "cat"]
    for step, name, others in zip(
        reversed(steps), ("cat", "b", "cat"), (["b"], ["cat"], []), strict=True
    ):
        revert(step, mara)
        assert sorted(set(named(name).aliases) - {name}) == others
