"""Two classes that are one: every live sample moves, and nothing is forgotten."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.datasets import actions
from apps.datasets.actions import relabelling
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.changes import preview_revert
from apps.datasets.models import (
    Annotation,
    Dataset,
    LabelClass,
    SchemaChange,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.classes.steps import labels, refused, revert
from apps.datasets.tests.test_tallies import check


def test_a_merge_moves_every_live_sample_and_writes_it_down(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    actions.withdraw_samples(dataset, cast.ben, [reviewed[8]])
    done = change("merge", named("cat"), into=named("dog"))

    assert (done.status, done.done, done.facts["touched"]["approved"]) == ("applied", 4, 3)
    assert labels(dataset) == {
        ("approved", "dog"): 6, ("rejected", "dog"): 2, ("pending", "dog"): 1,
        ("withdrawn", "cat"): 1,
    }  # fmt: skip
    written = Annotation.objects.filter(role="schema")
    assert {(each.by, each.label.name, each.change) for each in written} == {(mara, "dog", done)}
    assert {each.sample_id for each in written} == {reviewed[n].pk for n in (0, 2, 4, 6)}
    check()


def test_nobody_picks_a_merged_class_from_its_approval_on(
    dataset: Dataset, cast: Any, mara: Any, reviewed: Any, named: Any, contribute: Any
) -> None:
    cat, dog = named("cat"), named("dog")
    LabelClass.objects.filter(pk=cat.pk).update(key="c", aliases=["kitty"])
    opened = actions.open_contribution(
        dataset, cast.ben, licence="CC-BY-4.0", agreed=True, default_class=cat
    )
    change = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    actions.approve_change(change, mara)

    cat.refresh_from_db()
    dog.refresh_from_db()
    assert (cat.key, cat.retired_at is None, dog.aliases) == ("", False, ["cat", "kitty"])
    for decision in (
        actions.Decision(reviewed[9].pk, "fix", cat.pk),
        actions.Decision(reviewed[8].pk, "accept"),  # a cat that is still on its way
    ):
        (no,) = actions.review_samples(dataset, cast.chen, [decision]).refused
        assert no["code"] == "class_retired"
        assert no["detail"] == "“cat” was merged into “dog”: pick that."
    bare = contribute({"1.png": make_image(80)}).samples.get()
    (no,) = actions.label_samples(dataset, cast.ben, {bare.pk: cat.pk}).refused
    assert no["code"] == "class_retired"
    refused("class_retired", actions.update_class, cat, cast.ada, key="x")
    what = {"licence": "CC-BY-4.0", "agreed": True, "default_class": cat}
    refused("class_retired", actions.open_contribution, dataset, cast.ben, **what)
    # Folders that claim it, and contributions that chose it before, mean the other one.
    batch = contribute({"Kitty/1.png": make_image(81)})
    assert batch.samples.get().label == dog
    actions.receive_file(opened, cast.ben, name="plain.png", chunks=[make_image(82)])
    drain_ingest()
    assert opened.samples.get().label == dog
    apply_changes()
    check()


def test_the_next_version_says_relabelled(
    dataset: Dataset, cast: Any, change: Any, contribute: Any, approve: Any, freeze: Any, named: Any,
    browser_of: Any,
) -> None:  # fmt: skip
    files = {f"{['cat', 'dog', 'bird'][i % 3]}/{i}.png": make_image(i) for i in range(12)}
    actions.add_class(dataset, cast.ada, "bird")
    approve(list(contribute(files).samples.order_by("pk")))
    freeze()
    change("merge", named("cat"), into=named("dog"))
    second = freeze()

    assert second.class_names == ["dog", "bird"]
    assert (second.changes["relabelled"], second.changes["level"]) == (4, "major")
    assert second.credits == [{"member": "ben", "samples": 12, "corrected": 0}]
    answer = browser_of(cast.dana).get("/api/datasets/pets/versions/diff/?from=1&to=2").json()
    assert answer["relabelled"] == [{"from": "cat", "to": "dog", "samples": 4}]
    assert answer["renamed"] == []


def test_a_class_that_took_the_name_of_a_merged_one_is_in_the_version_once(
    change: Any, samples: Any, approve: Any, freeze: Any, named: Any
) -> None:
    approve(samples)
    dog = named("dog")
    change("merge", named("cat"), into=dog)
    change("rename", dog, new_name="cat")
    assert [each["id"] for each in freeze().classes] == [dog.pk]


def test_a_merge_is_taken_back_for_what_still_has_the_class(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, contribute: Any, mara: Any
) -> None:
    """Not for what came since, nor for what somebody has called otherwise, nor for real dogs."""
    key = named("cat").key
    bird = actions.add_class(dataset, cast.ada, "bird")
    done = change("merge", named("cat"), into=named("dog"))
    since = contribute({"cat/since.png": make_image(90)}).samples.get()
    fix = actions.Decision(reviewed[8].pk, "fix", bird.pk)
    actions.review_samples(dataset, cast.chen, [fix])
    found = preview_revert(done)
    assert (found.back, found.kept) == (4, 1)

    revert(done, mara)

    assert (done.status, done.done, done.reverted_by) == ("reverted", 4, mara)
    since.refresh_from_db()
    assert since.label == named("dog")
    assert labels(dataset) == {
        ("approved", "cat"): 3, ("approved", "dog"): 3, ("approved", "bird"): 1,
        ("rejected", "cat"): 1, ("rejected", "dog"): 1, ("pending", "dog"): 2,
    }  # fmt: skip
    assert (named("cat").retired_at, named("cat").key, named("dog").aliases) == (None, key, [])
    kinds = Annotation.objects.filter(change=done).values_list("label__name", flat=True)
    assert Counter(kinds) == {"dog": 5, "cat": 4}
    check()
    again = contribute({"cat/again.png": make_image(91)}).samples.get()
    assert again.label == named("cat")


def test_what_was_fixed_while_it_was_taken_back_is_left_alone(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    done = change("merge", named("cat"), into=named("dog"))
    actions.revert_change(done, mara)
    claimed = relabelling.claim_change()
    assert claimed is not None
    for _moved in relabelling.portions(claimed):
        break
    fix = actions.Decision(reviewed[8].pk, "fix", named("dog").pk)
    assert actions.review_samples(dataset, cast.chen, [fix]).decided
    SchemaChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    apply_changes()
    reviewed[8].refresh_from_db()
    assert reviewed[8].label == named("dog")


def test_merges_in_a_row_are_taken_back_from_the_end(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    bird = actions.add_class(dataset, cast.ada, "bird")
    first = change("merge", named("cat"), into=named("dog"))
    second = change("merge", named("dog"), into=bird)
    assert labels(dataset)["approved", "bird"] == 6
    (no,) = actions.review_samples(
        dataset, cast.chen, [actions.Decision(reviewed[9].pk, "fix", first.label_id)]
    ).refused
    assert no["detail"] == "“dog” was merged into “bird”: pick that."
    error = refused("changed_since", actions.revert_change, first, mara)
    assert error.facts["change"] == second.pk
    revert(second, mara)
    revert(first, mara)
    assert labels(dataset)["approved", "cat"] == 3
    assert [named(name).aliases for name in ("cat", "dog", "bird")] == [[], [], []]


def test_a_merge_cannot_be_taken_back_while_its_name_is_another_class(
    change: Any, named: Any, mara: Any
) -> None:
    merge = change("merge", named("cat"), into=named("dog"))
    change("rename", named("dog"), new_name="cat")  # its own alias: it may
    refused("class_exists", actions.revert_change, merge, mara)
    merge.refresh_from_db()
    assert merge.status == "applied"
