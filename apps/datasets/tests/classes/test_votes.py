"""Votes from before a change count as what they mean since, or not at all."""

from collections import Counter
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.labelling import to_label
from apps.datasets.actions.settling import votes_on
from apps.datasets.models import (
    Dataset,
    LabelClass,
    Membership,
    Role,
    Sample,
)
from apps.datasets.tests.cast import make_member
from apps.datasets.tests.classes.steps import revert
from apps.datasets.tests.test_tallies import check


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
