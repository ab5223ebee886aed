"""Why a pending sample waits, for whom and since when."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.models import Annotation, Dataset, Hold, Membership, Review, Role, Sample
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.waits import Kind, State, kind_of, wait_of
from apps.state.models import Event

STATES = st.builds(State, st.sampled_from(Hold.values), st.booleans(), st.booleans(), st.booleans())


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State(hold="", leased=False, consensus=False, has_class=True), Kind.REVIEWER),
        (State(hold="", leased=False, consensus=False, has_class=False), Kind.CLASS),
        (State(hold="", leased=False, consensus=True, has_class=True), Kind.LABELS),
        (State(hold="", leased=False, consensus=True, has_class=False), Kind.LABELS),
        (State(hold="", leased=True, consensus=True, has_class=False), Kind.DESK),
        (State(hold="expert", leased=False, consensus=True, has_class=True), Kind.EXPERT),
        (State(hold="expert", leased=True, consensus=True, has_class=True), Kind.DESK),
        (State(hold="appeal", leased=False, consensus=False, has_class=True), Kind.APPEAL),
        (State(hold="lookalike", leased=False, consensus=True, has_class=True), Kind.LOOKALIKE),
        (State(hold="bridge", leased=False, consensus=False, has_class=False), Kind.BRIDGE),
    ],
)
def test_each_kind(state: State, kind: Kind) -> None:
    assert kind_of(state) == kind


@given(STATES)
def test_there_is_a_kind_for_every_state(state: State) -> None:
    kind = kind_of(state)
    assert (kind == Kind.DESK) == state.leased
    if not state.leased:
        assert (kind.value in Hold.values) == bool(state.hold)


def page_of(sample: Sample, client: Any) -> str:
    text: str = client.get(f"/samples/{sample.pk}/").content.decode()
    return " ".join(text.partition('id="wait"')[2].partition("</p>")[0].split())


def long_ago(sample: Sample, **ago: int) -> None:
    Sample.objects.filter(pk=sample.pk).update(created_at=Now() - timedelta(**ago))


def test_it_waits_for_a_reviewer_or_a_class(
    samples: list[Sample], contribute: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    bare = contribute({"loose.png": make_image(70)}).samples.get()
    long_ago(samples[0], days=3, hours=5)
    chen, dana = browser_of(cast.chen), browser_of(cast.dana)
    assert "It waits for a reviewer. It has waited 3 days." in page_of(samples[0], chen)
    assert "/people/" in page_of(samples[0], chen)
    assert "/people/" not in page_of(samples[0], dana)
    assert "It waits for somebody who says which class it is." in page_of(bare, chen)
    assert "/label/" in page_of(bare, browser_of(cast.ben))


def test_somebody_has_it(samples: list[Sample], cast: SimpleNamespace, browser_of: Any) -> None:
    chen = browser_of(cast.chen)
    chen.get("/datasets/pets/review/")
    wait = wait_of(Sample.objects.get(pk=samples[0].pk), samples[0].dataset)
    assert wait
    assert (wait.kind, wait.who) == (Kind.DESK, "chen")
    assert wait.until
    assert wait.until > timezone.now()
    assert "chen has it on the screen now, until" in page_of(samples[0], browser_of(cast.ben))


def test_a_decided_one_does_not_wait(
    samples: list[Sample], approve: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    approve(samples[:1])
    samples[0].refresh_from_db()
    assert wait_of(samples[0], samples[0].dataset) is None
    assert page_of(samples[0], browser_of(cast.chen)) == ""


def test_its_wait_begins_again_when_it_is_reopened(
    dataset: Dataset, samples: list[Sample], approve: Any, cast: SimpleNamespace
) -> None:
    long_ago(samples[0], days=9)
    approve(samples[:1])
    Event.objects.update(at=Now() - timedelta(days=5))
    actions.undo_review(dataset, cast.chen)
    Event.objects.filter(became="pending").update(at=Now() - timedelta(days=2))
    Sample.objects.update(leased_to=None, leased_until=None, lease=None)
    wait = wait_of(Sample.objects.get(pk=samples[0].pk), dataset)
    assert wait
    assert (timezone.now() - wait.since).days == 2


def test_votes_experts_and_appeals(
    dataset: Dataset, samples: list[Sample], cast: SimpleNamespace, browser_of: Any
) -> None:
    eve = make_member("eve")
    Membership.objects.create(dataset=dataset, member=eve, role=Role.REVIEWER)
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_max=3)
    dataset.refresh_from_db()
    dog, one = dataset.classes.get(name="dog").pk, samples[0]
    chen = browser_of(cast.chen)
    assert "1 of 2 labels so far" in page_of(one, chen)
    actions.label_samples(dataset, cast.chen, {one.pk: dog})
    assert "2 labels so far, and they do not agree enough" in page_of(one, chen)
    assert "After 3 a maintainer decides." in page_of(one, chen)
    actions.label_samples(dataset, eve, {one.pk: dog})
    Annotation.objects.filter(sample=one).update(at=Now() - timedelta(hours=7))
    assert "a maintainer decides. It has waited 7 hours." in page_of(one, chen)

    reject = actions.Decision(one.pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.ada, [reject])
    one.refresh_from_db()
    actions.appeal_rejection(one, cast.ben, "it is a cat")
    Review.objects.update(at=Now() - timedelta(minutes=8))
    assert "not the one who rejected it. It has waited 8 minutes." in page_of(one, chen)


@pytest.mark.parametrize(
    ("hold", "words"), [("lookalike", "of the test split"), ("bridge", "two different splits")]
)
def test_look_alikes(
    samples: list[Sample], cast: SimpleNamespace, browser_of: Any, hold: str, words: str
) -> None:
    Sample.objects.filter(pk=samples[0].pk).update(hold=hold)
    assert words in page_of(samples[0], browser_of(cast.ben))


def test_the_desks_say_how_long_the_oldest_has_waited(
    samples: list[Sample], contribute: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    bare = contribute({"loose.png": make_image(70)}).samples.get()
    long_ago(samples[2], days=3)  # a cat
    long_ago(samples[1], days=20)  # a dog
    long_ago(bare, hours=4)
    Sample.objects.filter(pk=samples[0].pk).update(status="approved")
    chen = browser_of(cast.chen)
    page = chen.get("/datasets/pets/review/").content.decode()
    assert "The oldest of this class has waited 3\xa0days, of all classes 2\xa0weeks." in page
    assert "has waited 4\xa0hours" in chen.get("/datasets/pets/label/").content.decode()


def test_ones_own_say_how_long_too(
    samples: list[Sample], contribute: Any, approve: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    approve(samples)
    own = contribute({"cat/own.png": make_image(71)}, by=cast.chen).samples.get()
    long_ago(own, weeks=5)
    page = browser_of(cast.chen).get("/datasets/pets/review/").content.decode()
    assert "1 has waited 1\xa0month, but it is your own" in page
