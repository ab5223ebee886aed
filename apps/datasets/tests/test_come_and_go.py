"""Reviewers come and go under consensus: what waited for them, or was given up without them, is judged anew."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions import judging
from apps.datasets.models import Annotation, Dataset, Hold, PolicyChange, Role, Sample
from apps.datasets.tasks import judge
from apps.datasets.tests.cast import make_member
from apps.state.models import Event


@pytest.fixture
def consensus(dataset: Dataset, cast: Any) -> Dataset:
    actions.change_policy(dataset, cast.ada, policy="consensus")
    judge()
    dataset.refresh_from_db()
    return dataset


def joins(dataset: Dataset, by: Any, role: str) -> Any:
    member = make_member("eve")
    _invitation, token = actions.invite(dataset, by, role)
    actions.accept_invitation(token, member)
    judge()
    return member


def say_dog(sample: Sample, *members: Any) -> None:
    dog = sample.dataset.classes.get(name="dog").pk
    for member in members:
        actions.label_samples(sample.dataset, member, {sample.pk: dog})


def hold_of(sample: Sample) -> str:
    sample.refresh_from_db()
    assert sample.status == "pending"
    return sample.hold


def test_a_new_reviewer_can_still_be_asked(
    consensus: Dataset, samples: list[Sample], cast: Any
) -> None:
    cat = samples[0]
    say_dog(cat, cast.chen, cast.ada)
    assert hold_of(cat) == Hold.EXPERT, "its uploader says it is a cat, and nobody else is left"
    eve = joins(consensus, cast.ada, Role.REVIEWER)
    assert hold_of(cat) == Hold.NONE
    say_dog(cat, eve)
    cat.refresh_from_db()
    assert (cat.status, cat.label.name) == ("approved", "dog")


def test_a_contributor_who_becomes_a_reviewer_too(
    consensus: Dataset, samples: list[Sample], cast: Any
) -> None:
    cat = samples[0]
    say_dog(cat, cast.chen, cast.ada)
    eve = joins(consensus, cast.ada, Role.CONTRIBUTOR)
    assert hold_of(cat) == Hold.EXPERT
    actions.set_role(consensus, cast.ada, eve, Role.REVIEWER)
    judge()
    assert hold_of(cat) == Hold.NONE


def test_the_link_of_a_higher_role_too(
    consensus: Dataset, samples: list[Sample], cast: Any
) -> None:
    cat = samples[0]
    say_dog(cat, cast.chen, cast.ada)
    _invitation, token = actions.invite(consensus, cast.ada, Role.REVIEWER)
    actions.accept_invitation(token, cast.ben)
    judge()
    assert hold_of(cat) == Hold.EXPERT, "Ben brought it, and is heard already"
    other = actions.invite(consensus, cast.ada, Role.MAINTAINER)[1]
    joined = make_member("eve")
    actions.accept_invitation(actions.invite(consensus, cast.ada, Role.CONTRIBUTOR)[1], joined)
    actions.accept_invitation(other, joined)
    judge()
    assert hold_of(cat) == Hold.NONE


@pytest.mark.parametrize("how", ["removed", "leaves", "contributes only"])
def test_nobody_waits_for_whoever_has_gone(
    consensus: Dataset, samples: list[Sample], cast: Any, how: str
) -> None:
    cat = samples[0]
    eve = joins(consensus, cast.ada, Role.REVIEWER)
    say_dog(cat, cast.chen, cast.ada)
    assert hold_of(cat) == Hold.NONE, "Eve can still say"
    if how == "contributes only":
        actions.set_role(consensus, cast.ada, eve, Role.CONTRIBUTOR)
    else:
        actions.remove_member(consensus, eve if how == "leaves" else cast.ada, eve)
    judge()
    assert hold_of(cat) == Hold.EXPERT


def test_whoever_comes_has_decided_nothing(
    consensus: Dataset, samples: list[Sample], cast: Any, browser_of: Any
) -> None:
    """What agrees by now, for whatever reason, is settled by the votes, not by the newcomer."""
    dog = samples[1]
    Annotation.objects.create(
        sample=dog, label=dog.label, by=cast.chen, role=Annotation.As.REVIEWER
    )
    joins(consensus, cast.ada, Role.REVIEWER)
    dog.refresh_from_db()
    assert dog.status == "approved"
    event = Event.objects.about(dog).last()
    assert (event.became, event.by) == ("approved", None)
    page = browser_of(cast.ada).get("/datasets/pets/policy/").content.decode()
    assert page.count("ada</p>") == 1, "only the change of policy is listed"


def test_one_pass_judges_for_all_who_came(
    consensus: Dataset, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    plain = judging.portions
    monkeypatch.setattr(judging, "portions", lambda each: (passes.append(each.pk), plain(each))[1])
    for name in ("eve", "finn", "gus"):
        token = actions.invite(consensus, cast.ada, Role.REVIEWER)[1]
        actions.accept_invitation(token, make_member(name))
    judge()
    assert len(passes) == 1
    assert not judging.unjudged().exists()


def test_nothing_is_judged_where_nobody_votes(dataset: Dataset, cast: Any) -> None:
    eve = joins(dataset, cast.ada, Role.REVIEWER)
    actions.remove_member(dataset, cast.ada, eve)
    assert not PolicyChange.objects.exists()


def test_nor_for_a_contributor_or_a_reviewer_who_is_made_more(
    consensus: Dataset, cast: Any
) -> None:
    before = PolicyChange.objects.count()
    eve = joins(consensus, cast.ada, Role.CONTRIBUTOR)
    actions.remove_member(consensus, cast.ada, eve)
    actions.set_role(consensus, cast.ada, cast.chen, Role.MAINTAINER)
    assert PolicyChange.objects.count() == before
