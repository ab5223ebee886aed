"""A class that is several: its samples are labelled anew."""

from typing import Any

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.changes import describe, preview_revert
from apps.datasets.models import (
    Annotation,
    Dataset,
    LabelClass,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.classes.steps import labels, refused, revert
from apps.datasets.tests.test_tallies import check


def test_a_split_opens_its_samples_again(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    cat = named("cat")
    done = change("split", cat, parts=["kitten", "tomcat"])

    assert (done.status, done.done) == ("applied", 5)
    assert describe(done) == "split “cat” into “kitten”, “tomcat”"
    assert labels(dataset) == {
        ("approved", "dog"): 3, ("rejected", "dog"): 1, ("pending", "dog"): 1,
        ("pending", "-"): 4, ("rejected", "-"): 1,
    }  # fmt: skip
    assert [each.name for each in dataset.classes.current()] == ["dog", "kitten", "tomcat"]
    written = Annotation.objects.filter(change=done)
    assert {(each.label, each.by) for each in written} == {(None, mara)}
    was = Annotation.objects.filter(sample=reviewed[0]).exclude(change=done)
    assert {each.label for each in was} == {cat}, "what people said stays in the history"
    check()
    (no,) = actions.review_samples(
        dataset, cast.chen, [actions.Decision(reviewed[0].pk, "fix", cat.pk)]
    ).refused
    assert no["detail"] == "“cat” was split into “kitten”, “tomcat”: pick one of these."
    kitten = actions.Decision(reviewed[0].pk, "fix", named("kitten").pk)
    assert actions.review_samples(dataset, cast.chen, [kitten]).decided
    assert actions.label_samples(dataset, cast.ben, {reviewed[2].pk: named("tomcat").pk}).labelled
    check()


def test_the_old_class_may_be_one_of_the_parts(
    dataset: Dataset, cast: Any, mara: Any, reviewed: Any, named: Any, contribute: Any
) -> None:
    cat = named("cat")
    LabelClass.objects.filter(pk=cat.pk).update(aliases=["kitten", "kitty"])
    change = actions.propose_change(
        dataset, cast.ada, kind="split", label=cat, parts=["CAT", "kitten"]
    )
    actions.approve_change(change, mara)
    # While its samples are on their way nobody can pick it, and nobody can take its name.
    (no,) = actions.review_samples(
        dataset, cast.chen, [actions.Decision(reviewed[9].pk, "fix", cat.pk)]
    ).refused
    assert "is being split" in no["detail"]
    refused("class_exists", actions.add_class, dataset, cast.ada, "cat")
    waiting = contribute({"cat/1.png": make_image(60)}).samples.get()
    assert waiting.label is None
    apply_changes()

    cat.refresh_from_db()
    assert (cat.retired_at, cat.key, cat.name) == (None, "1", "cat")
    assert cat.aliases == ["kitty"], "the part has the other name now"
    assert labels(dataset)["approved", "cat"] == 0
    waiting.refresh_from_db()
    assert waiting.label == cat, "its folder meant the class that is back"
    fix = actions.Decision(reviewed[0].pk, "fix", cat.pk)
    assert actions.review_samples(dataset, cast.chen, [fix]).decided
    assert apply_changes() == 0, "what is called so from now on stays"
    check()


def test_the_next_versions_say_removed_then_relabelled(
    dataset: Dataset, cast: Any, change: Any, contribute: Any, approve: Any, freeze: Any, named: Any
) -> None:
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(12)}
    found = list(contribute(files).samples.order_by("pk"))
    approve(found)
    freeze()
    change("split", named("cat"), parts=["cat", "kitten"])
    assert freeze().changes["removed"] == 6
    decisions = [
        actions.Decision(each.pk, "fix", named(["cat", "kitten"][i % 2]).pk)
        for i, each in enumerate(found[::2])
    ]
    actions.review_samples(dataset, cast.chen, decisions)
    third = freeze()
    assert third.counts["kitten"]
    assert third.credits == [{"member": "ben", "samples": 12, "corrected": 0}]


def test_a_split_is_taken_back_for_what_nobody_has_labelled_since(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    done = change("split", named("cat"), parts=["kitten", "tomcat"])
    fix = actions.Decision(reviewed[0].pk, "fix", named("kitten").pk)
    actions.review_samples(dataset, cast.chen, [fix])
    found = preview_revert(done)
    assert (found.back, found.kept) == (4, 1)

    revert(done, mara)

    assert labels(dataset) == {
        ("approved", "cat"): 2, ("approved", "kitten"): 1, ("approved", "dog"): 3,
        ("rejected", "cat"): 1, ("rejected", "dog"): 1,
        ("pending", "cat"): 1, ("pending", "dog"): 1,
    }  # fmt: skip
    current = {each.name: each.key for each in dataset.classes.current()}
    assert current == {"cat": "4", "dog": "2", "kitten": "1"}, "a part that nobody used goes"
    assert done.done == 4
    check()


def test_a_split_whose_name_was_taken_stays(
    dataset: Dataset, cast: Any, change: Any, named: Any, mara: Any
) -> None:
    done = change("split", named("cat"), parts=["kitten", "tomcat"])
    actions.add_class(dataset, cast.ada, "Cat")
    assert "Cat" in refused("class_exists", actions.revert_change, done, mara).message


def test_a_split_gives_its_names_back(dataset: Dataset, change: Any, named: Any, mara: Any) -> None:
    LabelClass.objects.filter(name="cat").update(aliases=["kitten", "kitty"])
    done = change("split", named("cat"), parts=["cat", "kitten"])
    revert(done, mara)
    assert sorted(named("cat").aliases) == ["kitten", "kitty"]
    assert named("kitten").retired_at


def test_undo_after_a_split_does_not_reach_past_it(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, mara: Any
) -> None:
    """Chen approved cats; they were split; Mara decides anew; Chen's undo is of his own word only."""
    change("split", named("cat"), parts=["kitten", "tomcat"])
    fix = actions.Decision(reviewed[0].pk, "fix", named("kitten").pk)
    actions.review_samples(dataset, mara, [fix])
    actions.undo_review(dataset, cast.chen)  # the two rejections
    assert len(actions.undo_review(dataset, cast.chen)) == 3, "the dogs only"
    assert labels(dataset)["approved", "kitten"] == 1
    check()


def test_undo_after_a_merge_leads_to_the_class_of_today(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any
) -> None:
    change("merge", named("cat"), into=named("dog"))
    actions.undo_review(dataset, cast.chen)
    actions.undo_review(dataset, cast.chen)
    assert labels(dataset) == {("pending", "dog"): 10}
    check()


def test_a_label_that_was_merged_can_still_be_undone(
    dataset: Dataset, cast: Any, change: Any, named: Any, contribute: Any
) -> None:
    bare = contribute({"1.png": make_image(1)}).samples.get()
    actions.label_samples(dataset, cast.ben, {bare.pk: named("cat").pk})
    change("merge", named("cat"), into=named("dog"))
    actions.undo_labels(dataset, cast.ben)
    bare.refresh_from_db()
    assert bare.label is None
