"""Consensus: a pure rule over who said what, and what it does to samples."""

import uuid
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions.settling import votes_on
from apps.datasets.consensus import EXPERT, OPEN, REJECT, SETTLED, UNSURE, Rule, disputed, verdict
from apps.datasets.models import (
    Annotation,
    Dataset,
    Membership,
    PolicyChange,
    Review,
    Role,
    Sample,
)
from apps.datasets.queues import in_queue
from apps.datasets.tests.cast import make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError

# More people than ever answer below: somebody is always left.
RULE = Rule(needed=2, support=Fraction(2, 3), most=5, voters=frozenset(range(100)))
OPTIONS = st.sampled_from([1, 2, 3, REJECT, UNSURE])
VOTES = st.dictionaries(st.integers(1, 20), OPTIONS, max_size=9)


@pytest.mark.parametrize(
    ("options", "state", "option"),
    [
        ([], OPEN, None),
        ([1], OPEN, None),
        ([1, 1], SETTLED, 1),
        ([1, 2], OPEN, None),
        ([1, 1, 2], OPEN, None),  # two thirds are not more than two thirds
        ([1, 1, 1, 2], SETTLED, 1),
        ([1, 1, 2, 2, 3], EXPERT, None),
        ([REJECT, REJECT], SETTLED, REJECT),
        ([UNSURE, UNSURE], OPEN, None),
        ([UNSURE] * 5, EXPERT, None),
        ([1, 1, UNSURE], OPEN, None),
    ],
)
def test_the_rule(options: list[Any], state: str, option: Any) -> None:
    found = verdict(dict(enumerate(options)), RULE)
    assert (found.state, found.option) == (state, option)


@given(VOTES, st.randoms())
def test_the_order_of_people_means_nothing(votes: dict[int, Any], rng: Any) -> None:
    shuffled = list(votes.items())
    rng.shuffle(shuffled)
    assert verdict(dict(shuffled), RULE) == verdict(votes, RULE)
    renamed = {f"m{key}": option for key, option in votes.items()}
    assert verdict(renamed, RULE) == verdict(votes, RULE)
    assert disputed(votes) == disputed(dict(shuffled))


@given(VOTES)
def test_what_is_settled_has_the_support(votes: dict[int, Any]) -> None:
    found = verdict(votes, RULE)
    if found.state == SETTLED:
        agreeing = sum(option == found.option for option in votes.values())
        assert len(votes) >= 2
        assert 3 * agreeing > 2 * len(votes)
    else:
        assert found.state == (EXPERT if len(votes) >= 5 else OPEN)


@given(VOTES, st.frozensets(st.integers(1, 20)))
def test_what_nobody_can_settle_any_more_goes_to_an_expert(
    votes: dict[int, Any], voters: frozenset[int]
) -> None:
    found = verdict(votes, RULE._replace(voters=voters))
    assert (found.state == OPEN) <= bool(voters - votes.keys()), "open: somebody can still answer"
    assert (found.state == SETTLED) == (verdict(votes, RULE).state == SETTLED)


@pytest.fixture
def crowd(dataset: Any, cast: Any) -> list[Any]:
    """Chen and five more reviewers; the dataset decides by consensus."""
    members = [cast.chen]
    for name in ("eve", "finn", "gus", "hana", "ivo"):
        member = make_member(name)
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
        members.append(member)
    actions.change_policy(dataset, cast.ada, policy="consensus")
    dataset.refresh_from_db()
    return members


def say(sample: Sample, member: Any, label: Any = None, decision: str = "fix") -> Any:
    reason = "unusable" if decision == "reject" else ""
    each = actions.Decision(sample.pk, decision, label.pk if label else None, reason)
    result = actions.review_samples(sample.dataset, member, [each])
    sample.refresh_from_db()
    return result


@pytest.fixture
def classes(dataset: Any) -> Any:
    return {label.name: label for label in dataset.classes.all()}


def test_two_who_agree_settle_it(samples: Any, crowd: Any, classes: Any) -> None:
    cat = samples[0]  # its uploader says cat
    refused = say(cat, crowd[0], decision="accept").refused
    assert refused[0]["code"] == "needs_class", "blind: nobody accepts a claim"

    say(cat, crowd[0], classes["cat"])
    assert (cat.status, cat.label) == ("approved", classes["cat"])
    check()


def test_disagreement_needs_more_people_then_an_expert(
    cast: Any, samples: Any, crowd: Any, classes: Any
) -> None:
    cat = samples[0]
    for member, name in zip(crowd, ["dog", "cat", "dog"], strict=False):
        say(cat, member, classes[name])
        assert (cat.status, cat.hold, cat.disputed) == ("pending", "", True)
    say(cat, crowd[3], classes["cat"])  # three of five: not more than two thirds
    assert (cat.status, cat.hold) == ("pending", "expert")
    refused = say(cat, crowd[4], classes["cat"]).refused
    assert refused[0]["code"] == "needs_expert"

    say(cat, cast.ada, classes["dog"])
    assert (cat.status, cat.label, cat.hold) == ("approved", classes["dog"], "")
    check()


def test_a_small_community_asks_its_expert(
    cast: Any, dataset: Any, samples: Any, classes: Any
) -> None:
    """Two reviewers in all: once they and the uploader have answered, nobody is left to ask."""
    actions.change_policy(dataset, cast.ada, policy="consensus")
    cat = samples[0]
    cat.dataset.refresh_from_db()
    say(cat, cast.chen, classes["dog"])
    assert cat.hold == "", "Ada can still answer"
    say(cat, cast.ada, classes["dog"])
    assert (cat.status, cat.hold) == ("pending", "expert")
    assert cat in in_queue(dataset, cast.ada, "expert")

    actions.undo_review(dataset, cast.ada)
    cat.refresh_from_db()
    assert cat.hold == "", "and may answer again"
    check()


def test_rejections_are_votes_and_an_undone_one_is_none(samples: Any, crowd: Any) -> None:
    cat = samples[0]
    say(cat, crowd[0], decision="reject")
    actions.undo_review(cat.dataset, crowd[0])
    say(cat, crowd[1], decision="reject")
    say(cat, crowd[2], decision="reject")
    assert cat.status == "pending"  # two of three with the uploader's label
    say(cat, crowd[3], decision="reject")
    assert cat.status == "rejected"
    check()


def test_nobody_votes_twice(
    dataset: Any, samples: Any, crowd: Any, classes: Any, cast: Any, browser_of: Any
) -> None:
    """Once their answer stands they may read what others said: a second one would not be blind."""
    actions.change_policy(dataset, cast.ada, labels_needed=4)
    chen = browser_of(crowd[0])
    answered: set[int] = set()
    for _batch in range(2):
        found = chen.post("/api/datasets/pets/reviews/batch/?size=5").json()["samples"]
        keys = {each["id"] for each in found}
        assert len(keys) == 5
        assert not keys & answered
        fixes = [actions.Decision(key, "fix", classes["cat"].pk) for key in keys]
        assert len(actions.review_samples(Dataset.objects.get(), crowd[0], fixes).decided) == 5
        answered |= keys
    assert chen.post("/api/datasets/pets/reviews/batch/?size=5").json()["samples"] == []
    assert chen.get("/api/datasets/pets/reviews/").json()["results"] == []

    one = Sample.objects.select_related("dataset").get(pk=max(keys))
    again = say(one, crowd[0], classes["dog"])
    assert [each["code"] for each in again.refused] == ["already_answered"]
    assert votes_on([one.pk])[one.pk][crowd[0].pk] == classes["cat"].pk
    actions.undo_review(one.dataset, crowd[0])
    assert not say(one, crowd[0], classes["dog"]).refused


ANSWERS = st.lists(st.sampled_from(["cat", "dog", "reject", "undo"]), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(said=ANSWERS)
def test_a_vote_is_the_newest_answer_that_is_not_undone(
    dataset: Any, samples: Any, cast: Any, classes: Any, said: list[str]
) -> None:
    """As an undo by its name takes back one answer, and leaves the ones before it."""
    one, answers = samples[0], []
    Annotation.objects.filter(sample=one, by=cast.chen).delete()
    Review.objects.filter(sample=one, by=cast.chen).delete()
    for minute, word in enumerate(said):
        batch, at = uuid.uuid4(), timezone.now() + timedelta(minutes=minute)
        row = {"sample": one, "by": cast.chen, "batch": batch, "at": at}
        if word == "undo" and answers:
            Review.objects.create(**row | {"batch": answers.pop()[1]}, decision="undo")
        elif word == "reject":
            Review.objects.create(**row, decision="reject")
            answers.append((REJECT, batch))
        elif word != "undo":
            Annotation.objects.create(**row, label=classes[word], role="reviewer")
            answers.append((classes[word].pk, batch))
    wanted = answers[-1][0] if answers else None
    assert votes_on([one.pk])[one.pk].get(cast.chen.pk) == wanted


@pytest.mark.parametrize("size", ["\u00b2", "0", "121", "-1", "x", "9" * 30])
def test_a_batch_has_a_plain_size(dataset: Any, cast: Any, browser_of: Any, size: str) -> None:
    answer = browser_of(cast.chen).post(f"/api/datasets/pets/reviews/batch/?size={size}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")


def test_a_preview_counts_and_changes_nothing(
    dataset: Any, cast: Any, samples: Any, approve: Any
) -> None:
    approve(samples[:4])

    found = actions.preview_policy(dataset, cast.ada, policy="consensus")

    assert found == {"pass": 0, "expert": 0, "hold": 6, "reopen": 0}
    strict = actions.preview_policy(
        dataset, cast.ada, policy="consensus", labels_needed=3, labels_max=3
    )
    assert strict["reopen"] == 4
    assert dataset.policy == "single"
    assert not PolicyChange.objects.exists()


def test_changes_are_kept_and_checked(dataset: Any, cast: Any) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus", support="1/2")
    change = PolicyChange.objects.get()
    assert (change.before["policy"], change.after["support"]) == ("single", "1/2")
    dataset.refresh_from_db()
    for fields, code in (
        ({"labels_needed": 1}, "labels_needed"),
        ({"labels_needed": 10}, "labels_needed"),
        ({"labels_max": 1}, "labels_max"),
        ({"labels_needed": 6}, "labels_max"),
        ({"labels_max": 16}, "labels_max"),
        ({"policy": "chaos"}, "unknown_policy"),
        ({}, "nothing_changed"),
    ):
        with pytest.raises(RuleError) as refusal:
            actions.change_policy(dataset, cast.ada, **fields)
        assert refusal.value.code == code
    with pytest.raises(RuleError):
        actions.change_policy(dataset, cast.chen, policy="single")


@pytest.mark.parametrize(("needed", "most"), [(2, 2), (2, 15), (9, 9), (9, 15), (5, 5)])
def test_a_policy_may_go_to_its_bounds(dataset: Any, cast: Any, needed: int, most: int) -> None:
    fields = {"policy": "consensus", "labels_needed": needed, "labels_max": most}
    actions.change_policy(dataset, cast.ada, **fields)
    dataset.refresh_from_db()
    assert (dataset.labels_needed, dataset.labels_max) == (needed, most)


def test_the_policy_page(dataset: Any, cast: Any, samples: Any, browser_of: Any) -> None:
    ada = browser_of(cast.ada)
    form = {"policy": "consensus", "labels_needed": 2, "support": "2/3", "labels_max": 5}
    page = ada.post("/datasets/pets/policy/", form | {"look": ""})
    assert "wait for labels" in page.content.decode()
    ada.post("/datasets/pets/policy/", form | {"apply": ""})
    dataset.refresh_from_db()
    assert dataset.policy == "consensus"
