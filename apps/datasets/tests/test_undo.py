"""Undo: what was ended by one's own answer is open again, in the queue in which it was."""

import uuid
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.labelling import to_label
from apps.datasets.actions.settling import votes_on
from apps.datasets.models import Membership, Role, Sample, Skip
from apps.datasets.queues import in_queue
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def crowd(dataset: Any, cast: Any) -> list[Any]:
    """Chen and three more reviewers; the dataset decides by consensus, by three at most."""
    members = [cast.chen]
    for name in ("eve", "finn", "gus"):
        member = make_member(name)
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
        members.append(member)
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_max=3)
    dataset.refresh_from_db()
    return members


@pytest.fixture
def classes(dataset: Any) -> dict[str, Any]:
    return {label.name: label for label in dataset.classes.all()}


def state(sample: Sample) -> tuple[str, str, str]:
    sample.refresh_from_db()
    return sample.status, sample.hold, sample.label.name if sample.label else ""


def label(sample: Sample, member: Any, said: Any, batch: uuid.UUID | None = None) -> Any:
    return actions.label_samples(sample.dataset, member, {sample.pk: said}, batch)


def give_back(sample: Sample) -> None:
    Sample.objects.filter(pk=sample.pk).update(leased_to=None, leased_until=None, lease=None)


def test_a_label_that_settled_it_is_undone(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any
) -> None:
    one = samples[0]  # its uploader says cat
    label(one, crowd[0], classes["dog"].pk)
    label(one, crowd[1], classes["dog"].pk)
    assert state(one) == ("pending", "expert", "cat"), "three people, two of them for dog"
    assert actions.undo_labels(dataset, crowd[1]) == [one.pk]
    assert state(one) == ("pending", "", "cat")
    assert one.leased_to == crowd[1], "it is theirs again"
    give_back(one)

    assert actions.undo_labels(dataset, crowd[0]) == [one.pk]
    give_back(one)
    label(one, crowd[2], classes["cat"].pk)
    assert state(one) == ("approved", "", "cat")
    assert actions.undo_labels(dataset, crowd[2]) == [one.pk]
    assert state(one) == ("pending", "", "cat")
    assert one in to_label(dataset, crowd[2]), "and may be answered again"
    label(one, crowd[2], classes["dog"].pk)
    assert state(one)[0] == "pending"
    assert one.disputed
    check()


def test_what_another_label_settled_stays(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any, cast: Any
) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_needed=3, labels_max=5)
    dataset.refresh_from_db()
    one = samples[0]
    label(one, crowd[0], classes["cat"].pk)
    label(one, crowd[1], classes["cat"].pk)
    assert state(one)[0] == "approved"

    assert actions.undo_labels(dataset, crowd[0]) == []
    assert state(one)[0] == "approved"
    check()


def test_a_fixed_class_is_the_claim_again(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any, cast: Any
) -> None:
    actions.change_policy(dataset, cast.ada, support="1/2", labels_max=5)
    dataset.refresh_from_db()
    one = samples[0]
    label(one, crowd[0], classes["dog"].pk)
    label(one, crowd[1], classes["dog"].pk)
    assert state(one) == ("approved", "", "dog")
    actions.undo_labels(dataset, crowd[1])
    assert state(one) == ("pending", "", "cat")
    check()


def test_an_experts_decision_goes_back_to_the_experts(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any, cast: Any
) -> None:
    one = samples[0]
    label(one, crowd[0], classes["dog"].pk)
    label(one, crowd[1], classes["dog"].pk)
    decision = actions.Decision(one.pk, "fix", classes["dog"].pk)
    actions.review_samples(dataset, cast.ada, [decision])
    assert state(one) == ("approved", "", "dog")

    assert actions.undo_review(dataset, cast.ada) == [one.pk]
    assert state(one) == ("pending", "expert", "cat")
    assert one in in_queue(dataset, cast.ada, "expert")
    check()


def test_an_appeal_is_an_appeal_again(dataset: Any, samples: list[Sample], cast: Any) -> None:
    one = samples[0]
    reject = actions.Decision(one.pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.chen, [reject])
    one.refresh_from_db()
    actions.appeal_rejection(one, cast.ben, "only dark")
    for _twice in range(2):
        actions.review_samples(dataset, cast.ada, [actions.Decision(one.pk, "accept")])
        assert state(one) == ("approved", "", "cat")
        actions.undo_review(dataset, cast.ada)
        assert state(one) == ("pending", "appeal", "cat")
    refused = actions.review_samples(dataset, cast.chen, [actions.Decision(one.pk, "accept")])
    assert [each["code"] for each in refused.refused] == ["rejected_by_you"]
    check()


def test_what_another_reviewer_decided_since_stays(
    dataset: Any, samples: list[Sample], cast: Any
) -> None:
    eve = make_member("eve")
    Membership.objects.create(dataset=dataset, member=eve, role=Role.REVIEWER)
    one = samples[0]
    first, second = uuid.uuid4(), uuid.uuid4()
    reject = actions.Decision(one.pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.chen, [reject], first)
    one.refresh_from_db()
    actions.appeal_rejection(one, cast.ben, "only dark")
    actions.review_samples(dataset, eve, [reject], second)

    assert actions.undo_review(dataset, cast.chen, first) == []
    assert state(one) == ("rejected", "", "cat"), "Eve's decision stands"
    assert actions.undo_review(dataset, eve, second) == [one.pk]
    assert state(one) == ("pending", "appeal", "cat")
    check()


def test_an_undone_vote_leaves_the_verdict_to_the_others(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any, cast: Any
) -> None:
    actions.change_policy(dataset, cast.ada, labels_max=9)
    dataset.refresh_from_db()
    one = samples[0]  # its uploader says cat
    dog = actions.Decision(one.pk, "fix", classes["dog"].pk)
    name = uuid.uuid4()
    actions.review_samples(dataset, crowd[0], [dog], name)
    for member in crowd[1:3]:
        label(one, member, classes["dog"].pk)
    assert state(one) == ("approved", "", "dog"), "three of four"

    assert actions.undo_review(dataset, crowd[0], name) == []
    assert state(one) == ("approved", "", "dog"), "somebody else's label had settled it"
    check()


def test_an_undo_leaves_the_members_earlier_answer(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any, cast: Any
) -> None:
    """Ada could not tell as a labeller; as the expert she decided, and took that back."""
    one = samples[0]
    label(one, crowd[0], classes["dog"].pk)
    label(one, cast.ada, "unsure")
    assert state(one) == ("pending", "expert", "cat"), "three people, and no agreement"
    before = votes_on([one.pk])
    actions.review_samples(dataset, cast.ada, [actions.Decision(one.pk, "fix", classes["dog"].pk)])
    actions.undo_review(dataset, cast.ada)
    assert votes_on([one.pk]) == before
    assert state(one) == ("pending", "expert", "cat")
    check()


def test_a_vote_that_settled_it_is_undone(
    dataset: Any, samples: list[Sample], crowd: Any, classes: Any
) -> None:
    one = samples[0]
    cat = actions.Decision(one.pk, "fix", classes["cat"].pk)
    actions.review_samples(dataset, crowd[0], [cat])
    assert state(one) == ("approved", "", "cat")
    assert actions.undo_review(dataset, crowd[0]) == [one.pk]
    assert state(one) == ("pending", "", "cat")
    assert one.leased_to == crowd[0]

    dog = actions.Decision(one.pk, "fix", classes["dog"].pk)
    actions.review_samples(dataset, crowd[0], [dog])
    label(one, crowd[1], classes["dog"].pk)
    assert state(one)[1] == "expert"
    assert actions.undo_review(dataset, crowd[0]) == [one.pk], "a vote made people disagree"
    assert state(one) == ("pending", "", "cat")
    check()


def test_by_name_it_is_undone_once(dataset: Any, samples: list[Sample], cast: Any) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    for name, sample in ((first, samples[0]), (second, samples[1])):
        decision = actions.Decision(sample.pk, "accept")
        actions.review_samples(dataset, cast.chen, [decision], batch=name)

    for _resent in range(2):
        assert actions.undo_review(dataset, cast.chen, first) == [samples[0].pk]
    assert state(samples[1])[0] == "approved", "not the one before it"
    with pytest.raises(RuleError, match="nothing_to_undo"):
        actions.undo_review(dataset, cast.ada, second)
    with pytest.raises(RuleError, match="nothing_to_undo"):
        actions.undo_review(dataset, cast.chen, uuid.uuid4())


def test_labels_by_name(dataset: Any, contribute: Any, classes: Any, cast: Any) -> None:
    one, two = contribute({f"{n}.png": make_image(n) for n in range(2)}).samples.order_by("pk")
    first, second = uuid.uuid4(), uuid.uuid4()
    label(one, cast.ben, classes["cat"].pk, first)
    label(two, cast.ben, classes["cat"].pk, second)
    for _resent in range(2):
        assert actions.undo_labels(dataset, cast.ben, first) == [one.pk]
    assert state(two)[2] == "cat"


def test_what_was_skipped_comes_back_by_name_only(
    dataset: Any, samples: list[Sample], contribute: Any, cast: Any
) -> None:
    bare = contribute({"loose.png": make_image(77)}).samples.get()
    skip = actions.Decision(samples[0].pk, "skip")
    name, other = uuid.uuid4(), uuid.uuid4()
    actions.review_samples(dataset, cast.chen, [skip], batch=name)
    label(bare, cast.chen, "skip", other)
    assert Skip.objects.count() == 2

    with pytest.raises(RuleError, match="nothing_to_undo"):
        actions.undo_review(dataset, cast.chen)
    assert actions.undo_review(dataset, cast.chen, name) == [samples[0].pk]
    assert actions.undo_labels(dataset, cast.chen, other) == [bare.pk]
    assert not Skip.objects.exists()
    held = Sample.objects.filter(leased_to=cast.chen)
    assert set(held) == {samples[0], bare}
