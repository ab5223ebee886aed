"""Moving samples in portions: killed, late, lost, and beside reviewers and freezes."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.datasets import actions
from apps.datasets.actions import relabelling
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.models import (
    Annotation,
    Dataset,
    Membership,
    Role,
    SchemaChange,
)
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.classes.steps import labels, refused
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


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
