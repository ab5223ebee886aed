"""Renaming, merging and splitting classes: proposed, decided, applied, taken back; nothing is lost."""

import threading
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions import relabelling
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.classing import Classes
from apps.datasets.actions.labelling import to_label
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.actions.settling import votes_on
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.changes import describe, preview_change, preview_revert
from apps.datasets.models import (
    Annotation,
    Dataset,
    LabelClass,
    Membership,
    Review,
    Role,
    Sample,
    SchemaChange,
)
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError
from apps.state.models import Event


@pytest.fixture
def mara(dataset: Dataset) -> Any:
    """A second maintainer: she decides about what Ada proposes."""
    member = make_member("mara")
    Membership.objects.create(dataset=dataset, member=member, role=Role.MAINTAINER)
    return member


@pytest.fixture
def named(dataset: Dataset) -> Any:
    """named("cat"): the newest class of that name, as it is now."""

    def find(name: str) -> LabelClass:
        found = dataset.classes.filter(name=name).order_by("-pk").first()
        assert found is not None
        return found

    return find


@pytest.fixture
def change(dataset: Dataset, cast: SimpleNamespace, mara: Any) -> Any:
    """change("merge", cat, into=dog): proposed by Ada, approved by Mara, applied by the worker."""

    def all_the_way(kind: str, label: LabelClass, **what: Any) -> SchemaChange:
        proposed = actions.propose_change(dataset, cast.ada, kind=kind, label=label, **what)
        actions.approve_change(proposed, mara)
        apply_changes()
        proposed.refresh_from_db()
        return proposed

    return all_the_way


def revert(change: SchemaChange, by: Any) -> SchemaChange:
    actions.revert_change(change, by)
    apply_changes()
    change.refresh_from_db()
    return change


def labels(dataset: Dataset) -> Counter[tuple[str, str]]:
    """{(status, class): number} of the samples themselves."""
    rows = dataset.samples.values_list("status", "label__name")
    return Counter((status, name or "-") for status, name in rows)


def refused(code: str, *args: Any, **options: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        args[0](*args[1:], **options)
    assert refusal.value.code == code
    return refusal.value


@pytest.fixture
def reviewed(dataset: Dataset, cast: SimpleNamespace, samples: list[Sample], approve: Any) -> Any:
    """Cats and dogs in turn: 0 to 5 approved, 6 and 7 rejected, 8 and 9 pending."""
    approve(samples[:6])
    rejections = [actions.Decision(each.pk, "reject", reason="unusable") for each in samples[6:8]]
    actions.review_samples(dataset, cast.chen, rejections)
    for sample in samples:
        sample.refresh_from_db()
    return samples


# ---------------------------------------------------------------------------- the proposal


def test_a_proposal_changes_nothing_and_says_what_it_would_touch(
    dataset: Dataset, cast: Any, mara: Any, reviewed: Any, named: Any
) -> None:
    before = labels(dataset)
    change = actions.propose_change(
        dataset, cast.ada, kind="merge", label=named("cat"), into=named("dog"), why="the same"
    )

    assert labels(dataset) == before
    assert (change.status, change.by, change.why) == ("proposed", cast.ada, "the same")
    assert describe(change) == "merge “cat” into “dog”"
    found = preview_change(change)
    assert (found.touched.approved, found.touched.pending, found.touched.rejected) == (3, 1, 1)
    assert (found.touched.total, found.versions, found.told_as) == (5, 0, "relabelled")


@pytest.mark.parametrize("person", ["ben", "chen", "dana"])
def test_only_maintainers_change_classes(
    dataset: Dataset, cast: Any, mara: Any, named: Any, person: str
) -> None:
    member = getattr(cast, person)
    what = {"kind": "rename", "label": named("cat"), "new_name": "feline"}
    refused("role_required", actions.propose_change, dataset, member, **what)
    change = actions.propose_change(dataset, cast.ada, **what)
    refused("role_required", actions.approve_change, change, member)
    refused("role_required", actions.decline_change, change, member, "no")
    actions.approve_change(change, mara)
    refused("role_required", actions.revert_change, change, member)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"kind": "vanish"}, "unknown_kind"),
        ({"kind": "rename", "new_name": " "}, "class_name"),
        ({"kind": "rename", "new_name": "x" * 81}, "class_name"),
        ({"kind": "rename", "new_name": "cat"}, "nothing_changed"),
        ({"kind": "rename", "new_name": "DOG"}, "class_exists"),
        ({"kind": "rename", "new_name": "ｄｏｇ"}, "class_exists"),
        ({"kind": "merge"}, "merge_into"),
        ({"kind": "split", "parts": []}, "split_parts"),
        ({"kind": "split", "parts": ["kitten"]}, "split_parts"),
        ({"kind": "split", "parts": ["kitten", "Kitten"]}, "split_parts"),
        ({"kind": "split", "parts": [f"part {n}" for n in range(51)]}, "split_parts"),
        ({"kind": "split", "parts": ["kitten", "dog"]}, "class_exists"),
        ({"kind": "split", "parts": ["kitten", ""]}, "class_name"),
        ({"kind": "split", "parts": ["kitten", "x" * 81]}, "class_name"),
    ],
)
def test_what_cannot_be_right_is_refused_at_once(
    dataset: Dataset, cast: Any, named: Any, what: Any, code: str
) -> None:
    refused(code, actions.propose_change, dataset, cast.ada, label=named("cat"), **what)
    assert not SchemaChange.objects.exists()


@pytest.mark.parametrize(
    "what",
    [
        {"kind": "rename", "new_name": "x" * 80},
        {"kind": "split", "parts": ["kitten", "tom"]},
        {"kind": "split", "parts": [f"part {n}" for n in range(50)]},
        {"kind": "split", "parts": ["kitten", "x" * 80]},
        {"kind": "rename", "new_name": "feline", "why": "w" * 300},
    ],
)
def test_up_to_the_limits_it_can_be_proposed(
    dataset: Dataset, cast: Any, named: Any, browser_of: Any, what: Any
) -> None:
    sent = {"label": named("cat").pk} | what
    address = "/api/datasets/pets/classes/changes/"
    made = browser_of(cast.ada).post(address, sent, content_type="application/json")
    assert made.status_code == 201
    change = SchemaChange.objects.get()
    assert {name: getattr(change, name) for name in what} == what


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"kind": "rename", "new_name": "x" * 81}, "new_name"),
        ({"kind": "split", "parts": [f"part {n}" for n in range(51)]}, "parts"),
        ({"kind": "split", "parts": ["kitten", "x" * 81]}, "parts"),
        ({"kind": "rename", "new_name": "feline", "why": "w" * 301}, "why"),
    ],
)
def test_over_them_the_api_names_the_field(
    dataset: Dataset, cast: Any, named: Any, browser_of: Any, what: Any, field: str
) -> None:
    sent = {"label": named("cat").pk} | what
    address = "/api/datasets/pets/classes/changes/"
    answer = browser_of(cast.ada).post(address, sent, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {field}


@pytest.mark.parametrize(("length", "status"), [(300, 200), (301, 400)])
def test_the_reason_against_it_has_a_length(
    dataset: Dataset, cast: Any, named: Any, mara: Any, browser_of: Any, length: int, status: int
) -> None:
    what = {"kind": "rename", "label": named("cat"), "new_name": "feline"}
    change = actions.propose_change(dataset, cast.ada, **what)
    body = {"why": "w" * length}
    address = f"/api/datasets/pets/classes/changes/{change.pk}/decline/"
    sent = browser_of(mara).post(address, body, content_type="application/json")
    assert sent.status_code == status
    assert Event.objects.filter(why=body["why"]).exists() == (status == 200)


def test_a_class_is_not_merged_into_itself_nor_into_another_dataset(
    dataset: Dataset, cast: Any, named: Any
) -> None:
    cat = named("cat")
    other = actions.create_dataset(
        cast.ada, title="O", slug="other", licence="CC0-1.0", class_names=["bird"]
    )
    for into in (cat, other.classes.get()):
        what = {"kind": "merge", "label": cat, "into": into}
        refused("merge_into", actions.propose_change, dataset, cast.ada, **what)


def test_another_spelling_of_its_own_name_is_a_rename(change: Any, named: Any) -> None:
    change("rename", named("cat"), new_name="Cat")
    assert named("Cat").aliases == []


def test_a_class_takes_part_in_one_change_at_a_time(
    dataset: Dataset, cast: Any, mara: Any, named: Any
) -> None:
    bird = actions.add_class(dataset, cast.ada, "bird")
    cat, dog = named("cat"), named("dog")
    first = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    for what in (
        {"kind": "rename", "label": cat, "new_name": "feline"},
        {"kind": "split", "label": dog, "parts": ["hound", "puppy"]},
        {"kind": "merge", "label": bird, "into": cat},
    ):
        error = refused("change_open", actions.propose_change, dataset, cast.ada, **what)
        assert error.facts["change"] == first.pk
        assert "merge “cat” into “dog”" in error.message
    # Several may go into the same one.
    actions.propose_change(dataset, cast.ada, kind="merge", label=bird, into=dog)


# ---------------------------------------------------------------------------- the decision


def test_another_maintainer_decides_where_there_is_one(
    dataset: Dataset, cast: Any, mara: Any, named: Any
) -> None:
    change = actions.propose_change(
        dataset, cast.ada, kind="rename", label=named("cat"), new_name="feline"
    )
    refused("second_maintainer", actions.approve_change, change, cast.ada)
    assert named("cat")
    actions.approve_change(change, mara)
    assert (change.status, change.decided_by) == ("applied", mara)
    assert change.decided_at


def test_a_single_maintainer_decides_alone(dataset: Dataset, cast: Any, named: Any) -> None:
    change = actions.propose_change(
        dataset, cast.ada, kind="rename", label=named("cat"), new_name="feline"
    )
    actions.approve_change(change, cast.ada)
    assert named("feline")


def test_a_declined_proposal_keeps_its_reason_and_frees_the_class(
    dataset: Dataset, cast: Any, mara: Any, named: Any
) -> None:
    what = {"kind": "rename", "label": named("cat"), "new_name": "feline"}
    change = actions.propose_change(dataset, cast.ada, **what)
    refused("reason_required", actions.decline_change, change, mara, " ")
    actions.decline_change(change, mara, "cat is shorter")
    assert change.status == "declined"
    assert Event.objects.about(change).get().why == "cat is shorter"
    refused("illegal_move", actions.approve_change, change, mara)
    refused("illegal_move", actions.revert_change, change, mara)
    again = actions.propose_change(dataset, cast.ada, **what)
    actions.decline_change(again, cast.ada)  # one's own needs no reason
    assert named("cat").retired_at is None


def test_a_decision_looks_again(dataset: Dataset, cast: Any, mara: Any, named: Any) -> None:
    """The name may be taken since; the class it goes into may be none any more."""
    bird = actions.add_class(dataset, cast.ada, "bird")
    rename = actions.propose_change(
        dataset, cast.ada, kind="rename", label=named("cat"), new_name="feline"
    )
    actions.add_class(dataset, cast.ada, "Feline")
    refused("class_exists", actions.approve_change, rename, mara)
    rename.refresh_from_db()
    assert rename.status == "proposed"
    actions.decline_change(rename, cast.ada)
    merge = actions.propose_change(dataset, cast.ada, kind="merge", label=named("cat"), into=bird)
    LabelClass.objects.filter(pk=bird.pk).update(retired_at=timezone.now())
    refused("class_retired", actions.approve_change, merge, mara)


def test_two_who_approve_at_once_apply_it_once(
    dataset: Dataset, cast: Any, mara: Any, reviewed: Any, named: Any
) -> None:
    change = actions.propose_change(
        dataset, cast.ada, kind="merge", label=named("cat"), into=named("dog")
    )
    stale = SchemaChange.objects.get(pk=change.pk)
    actions.approve_change(change, mara)
    refused("illegal_move", actions.approve_change, stale, mara)
    apply_changes()
    assert Annotation.objects.filter(change=change).count() == 5


# ---------------------------------------------------------------------------- rename


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


# ---------------------------------------------------------------------------- merge


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
    relabelling_ingest()
    assert opened.samples.get().label == dog
    apply_changes()
    check()


def relabelling_ingest() -> None:
    from apps.datasets.actions.ingesting import drain_ingest  # noqa: PLC0415 - one use

    drain_ingest()


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


# ---------------------------------------------------------------------------- split


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


# ---------------------------------------------------------------------------- consensus


@pytest.fixture
def crowd(dataset: Dataset, cast: Any) -> list[Any]:
    members = [cast.chen]
    for name in ("eve", "finn"):
        member = make_member(name)
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
        members.append(member)
    actions.change_policy(dataset, cast.ada, policy="consensus")
    dataset.refresh_from_db()
    return members


def say(dataset: Dataset, member: Any, sample: Sample, label: LabelClass) -> None:
    result = actions.label_samples(dataset, member, {sample.pk: label.pk})
    assert result.labelled, result.refused
    sample.refresh_from_db()


def test_a_vote_for_a_merged_class_counts_for_the_other(
    dataset: Dataset, cast: Any, samples: Any, crowd: Any, change: Any, named: Any, mara: Any
) -> None:
    cat = samples[0]  # its uploader says cat
    bird = actions.add_class(dataset, cast.ada, "bird")
    say(dataset, crowd[0], cat, named("dog"))
    assert (cat.status, cat.disputed) == ("pending", True)
    done = change("merge", named("cat"), into=named("dog"))
    cat.refresh_from_db()
    assert set(votes_on([cat.pk])[cat.pk].values()) == {named("dog").pk}
    assert (cat.status, cat.disputed) == ("pending", False), "it is judged at its next label"
    say(dataset, crowd[1], cat, bird)  # two of three for dog: not more than two thirds
    assert cat.status == "pending"
    say(dataset, crowd[2], cat, named("dog"))
    assert (cat.status, cat.label) == ("approved", named("dog"))
    revert(done, mara)
    cat.refresh_from_db()
    assert cat.disputed, "and taken back it is a vote for cat again"
    said = votes_on([cat.pk])[cat.pk]
    assert said[cast.ben.pk] == named("cat").pk
    check()


def test_a_vote_from_before_a_split_counts_no_more(
    dataset: Dataset, cast: Any, samples: Any, crowd: Any, change: Any, named: Any, mara: Any
) -> None:
    cat = samples[0]
    say(dataset, crowd[0], cat, named("cat"))
    assert cat.status == "approved"
    done = change("split", named("cat"), parts=["cat", "kitten"])
    cat.refresh_from_db()
    assert (cat.status, cat.label, votes_on([cat.pk])[cat.pk]) == ("pending", None, {})
    # Whoever said it before may say it anew, the decider included.
    for member in (crowd[0], mara):
        assert to_label(dataset, member).filter(pk=cat.pk).exists()
    say(dataset, crowd[0], cat, named("kitten"))
    assert cat.status == "pending"
    assert not to_label(dataset, crowd[0]).filter(pk=cat.pk).exists()
    say(dataset, crowd[1], cat, named("kitten"))
    assert (cat.status, cat.label) == ("approved", named("kitten"))
    revert(done, mara)
    assert Counter(votes_on([cat.pk])[cat.pk].values()) == {
        named("kitten").pk: 2,
        named("cat").pk: 1,
    }
    check()


# ---------------------------------------------------------------------------- the worker


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of two, so that ten samples take several."""
    monkeypatch.setattr(relabelling, "PORTION", 2)


def run_out() -> None:
    SchemaChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("what", [{"kind": "merge"}, {"kind": "split", "parts": ["cat", "kitten"]}])
def test_a_killed_worker_is_followed_by_another(
    dataset: Dataset, cast: Any, mara: Any, reviewed: Any, named: Any, small: None, what: Any
) -> None:
    if what["kind"] == "merge":
        what = what | {"into": named("dog")}
    done = actions.propose_change(dataset, cast.ada, label=named("cat"), **what)
    actions.approve_change(done, mara)
    first = relabelling.claim_change()
    assert first is not None
    assert relabelling.claim_change() is None, "nobody else has it meanwhile"
    halfway = relabelling.portions(first)
    next(halfway)
    check()
    done.refresh_from_db()
    assert (done.status, done.done) == ("applying", 2)

    run_out()
    second = relabelling.claim_change()
    assert second is not None
    with pytest.raises(RuleError, match="claim_lost"):  # the first one was only slow
        next(halfway)
    assert Annotation.objects.filter(change=done).count() == 2
    run_out()
    assert apply_changes() == 1

    done.refresh_from_db()
    assert (done.status, done.done) == ("applied", 5)
    assert Annotation.objects.filter(change=done).count() == 5, "each sample once"
    check()
    # The same on the way back.
    actions.revert_change(done, mara)
    second = relabelling.claim_change()
    assert second is not None
    next(relabelling.portions(second))
    run_out()
    assert apply_changes() == 1
    done.refresh_from_db()
    assert (done.status, done.done) == ("reverted", 5)
    assert labels(dataset)["approved", "cat"] == 3
    check()


def test_the_clock_rings_for_what_a_lost_message_left(
    dataset: Dataset, cast: Any, mara: Any, named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr("apps.datasets.actions.sweeping.ring", rung.append)
    ring_for_waiting()
    assert rung == []
    change = actions.propose_change(
        dataset, cast.ada, kind="merge", label=named("cat"), into=named("dog")
    )
    actions.approve_change(change, mara)
    ring_for_waiting()
    assert rung == ["apps.datasets.tasks.change_classes"]


def test_who_was_a_moment_too_late_is_caught_up_with(
    dataset: Dataset, cast: Any, change: Any, reviewed: Any, named: Any, freeze: Any
) -> None:
    """A decision that had read the classes just before a merge was approved lands after it."""
    cat = named("cat")
    done = change("merge", cat, into=named("dog"))
    actions.changing.change_samples([reviewed[9]], label=cat)
    refused("classes_changing", actions.freeze_version, dataset, cast.ada)
    assert apply_changes() == 1
    reviewed[9].refresh_from_db()
    assert reviewed[9].label == named("dog")
    done.refresh_from_db()
    assert (done.status, done.claimed_by) == ("applied", "")
    assert freeze().status == "draft"
    check()


def test_no_version_is_frozen_of_half_a_change_and_no_change_begins_in_a_freeze(
    dataset: Dataset, cast: Any, mara: Any, samples: Any, approve: Any, named: Any
) -> None:
    approve(samples)
    change = actions.propose_change(
        dataset, cast.ada, kind="merge", label=named("cat"), into=named("dog")
    )
    version = actions.freeze_version(dataset, cast.ada)
    refused("already_building", actions.approve_change, change, mara)
    build_versions()
    version.refresh_from_db()
    assert version.status == "draft"
    actions.approve_change(change, mara)
    assert (
        "Classes" in refused("classes_changing", actions.freeze_version, dataset, cast.ada).message
    )
    apply_changes()
    assert actions.freeze_version(dataset, cast.ada)
    build_versions()
    change.refresh_from_db()
    actions.revert_change(change, mara)
    refused("classes_changing", actions.freeze_version, dataset, cast.ada)


@pytest.mark.django_db(transaction=True)
def test_reviewers_go_on_while_a_class_is_merged(
    dataset: Dataset, cast: Any, contribute: Any, named: Any, small: None
) -> None:
    """Four of them call everything a cat, until they are told what to say instead."""
    files = {f"{['cat', 'dog'][n % 2]}/{n}.png": make_image(n) for n in range(32)}
    todo = list(contribute(files).samples.order_by("pk").values_list("pk", flat=True))
    cat, dog = named("cat"), named("dog")
    reviewers = [make_member(f"r{n}") for n in range(4)]
    for member in reviewers:
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    change = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    start = threading.Barrier(5)
    codes: set[str] = set()

    def work(member: Any, mine: list[int]) -> None:
        try:
            start.wait()
            for key in mine:
                for label in (cat, dog):
                    fix = actions.Decision(key, "fix", label.pk)
                    refusals = actions.review_samples(dataset, member, [fix]).refused
                    codes.update(each["code"] for each in refusals)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=work, args=[member, todo[n::4]])
        for n, member in enumerate(reviewers)
    ]
    for thread in threads:
        thread.start()
    start.wait()
    actions.approve_change(change, cast.ada)
    apply_changes()
    for thread in threads:
        thread.join()
    apply_changes()  # whoever had read the classes a moment before
    assert codes <= {"class_retired", "already_decided"}
    assert labels(dataset) == {("approved", "dog"): 32}
    change.refresh_from_db()
    assert change.status == "applied"
    assert change.done == change.annotations.count()
    check()


# ---------------------------------------------------------------------------- any sequence


MAY_BE_REFUSED = {"class_exists", "changed_since", "nothing_to_undo", "nothing_changed"}
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["rename", "merge", "split", "revert", "approve", "fix", "undo", "upload"]),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@given(OPERATIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_sequence_no_live_sample_has_a_retired_class_and_nothing_is_forgotten(
    dataset: Dataset, cast: Any, samples: Any, contribute: Any, django_db_blocker: Any,
    operations: list[tuple[str, int, int]],
) -> None:  # fmt: skip
    from django.db import transaction  # noqa: PLC0415 - one use

    with transaction.atomic():
        for number, (what, a, b) in enumerate(operations):
            before = list(Annotation.objects.order_by("pk").values())
            try:
                _do(dataset, cast, contribute, (what, a, b), number)
            except RuleError as error:
                if error.code not in MAY_BE_REFUSED:
                    raise
            apply_changes()
            after = Annotation.objects.order_by("pk").values()[: len(before)]
            assert list(after) == before, "no annotation is removed or altered"
            _sound(dataset)
        transaction.set_rollback(True)


def _do(
    dataset: Dataset, cast: Any, contribute: Any, operation: tuple[str, int, int], number: int
) -> None:
    what, a, b = operation
    current = list(dataset.classes.current())
    label, other = current[a % len(current)], current[b % len(current)]
    ada = cast.ada
    if what == "revert":
        applied = list(dataset.changes.filter(status="applied"))
        if applied:
            chosen = applied[a % len(applied)]
            expected = preview_revert(chosen).back
            actions.revert_change(chosen, ada)
            apply_changes()
            chosen.refresh_from_db()
            assert chosen.done == expected, "the preview is what happens"
    elif what == "undo":
        actions.undo_review(dataset, cast.chen)
    elif what == "upload":
        names = [name for each in dataset.classes.all() for name in (each.name, *each.aliases)]
        contribute({f"{names[a % len(names)]}/{number}.png": make_image(500 + 10 * number + b)})
    elif what in {"approve", "fix"}:
        waiting = dataset.samples.filter(status="pending").order_by("pk")[a : a + 3]
        decisions = [actions.Decision(each.pk, "fix", other.pk) for each in waiting]
        actions.review_samples(dataset, cast.chen, decisions)
    elif what != "merge" or label != other:
        wanted: dict[str, Any] = {
            "rename": {"new_name": ["cat", "hound", f"name {number}"][b % 3]},
            "merge": {"into": other},
            "split": {"parts": [label.name if b % 2 else f"a {number}", f"b {number}"]},
        }
        proposed = actions.propose_change(dataset, ada, kind=what, label=label, **wanted[what])
        actions.approve_change(proposed, ada)


def _sound(dataset: Dataset) -> None:
    live = Sample.objects.filter(dataset=dataset).exclude(status="withdrawn")
    assert not live.exclude(label=None).exclude(label__retired_at=None).exists()
    assert not live.filter(status="approved", label=None).exists()
    check()
    named = Counter(
        name.casefold() for each in dataset.classes.current() for name in {each.name, *each.aliases}
    )
    assert not [name for name, times in named.items() if times > 1], "a name means one class"
    assert not SchemaChange.objects.filter(status__in=["applying", "reverting"]).exists()
    wrong = Review.objects.filter(label__dataset__isnull=False).exclude(label__dataset=dataset)
    assert not wrong.exists()
