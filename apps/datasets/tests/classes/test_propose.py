"""What a change may be, who proposes it, and what it would touch."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.changes import describe, preview_change
from apps.datasets.models import (
    Dataset,
    SchemaChange,
)
from apps.datasets.tests.classes.steps import labels, refused
from apps.state.models import Event


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
