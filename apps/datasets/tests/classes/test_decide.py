"""Another maintainer decides; a proposal that is declined changes nothing."""

from typing import Any

from django.utils import timezone

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import (
    Annotation,
    Dataset,
    LabelClass,
    SchemaChange,
)
from apps.datasets.tests.classes.steps import refused
from apps.state.models import Event


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
