"""A change of policy: what waits is judged by it as the look beforehand said; what is decided stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions import judging
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.models import Annotation, Membership, PolicyChange, Role, Sample
from apps.datasets.tasks import judge
from apps.datasets.tests.cast import make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def crowd(dataset: Any, cast: Any) -> list[Any]:
    """Chen and three more reviewers; the dataset decides by consensus, with three labels at most."""
    members = [cast.chen]
    for name in ("eve", "finn", "gus"):
        member = make_member(name)
        Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
        members.append(member)
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_max=3)
    judge()
    dataset.refresh_from_db()
    return members


@pytest.fixture
def dog(dataset: Any) -> int:
    key: int = dataset.classes.get(name="dog").pk
    return key


def torn(sample: Sample, crowd: list[Any], dog: int) -> None:
    """Two say it is a dog, its uploader says it is a cat: an expert is to decide."""
    for member in crowd[:2]:
        actions.label_samples(sample.dataset, member, {sample.pk: dog})
    assert state(sample) == ("pending", "expert")


def state(sample: Sample) -> tuple[str, str]:
    sample.refresh_from_db()
    return sample.status, sample.hold


def counts(dataset: Any) -> dict[str, int]:
    """As a preview counts them."""
    rows = dataset.samples.values_list("status", "hold")
    found = {"pass": 0, "expert": 0, "hold": 0}
    for status, hold in rows:
        kind = "pass" if status != "pending" else "expert" if hold == "expert" else "hold"
        found[kind] += 1
    return found


def test_what_disagreed_passes_by_a_smaller_majority(
    dataset: Any, cast: Any, samples: Any, crowd: Any, dog: int
) -> None:
    one = samples[0]
    torn(one, crowd, dog)
    seen = actions.preview_policy(dataset, cast.ada, support="1/2")
    assert (seen["pass"], seen["expert"], seen["hold"]) == (1, 0, 9)

    actions.change_policy(dataset, cast.ada, support="1/2")
    judge()

    assert state(one) == ("approved", "")
    assert one.label_id == dog
    assert counts(dataset) == {"pass": 1, "expert": 0, "hold": 9}
    check()


def test_more_labels_open_what_waits_for_an_expert(
    dataset: Any, cast: Any, samples: Any, crowd: Any, dog: int
) -> None:
    one = samples[0]
    torn(one, crowd, dog)
    assert actions.preview_policy(dataset, cast.ada, labels_max=4)["hold"] == 10
    actions.change_policy(dataset, cast.ada, labels_max=4)
    judge()
    assert state(one) == ("pending", "")
    dataset.refresh_from_db()
    actions.label_samples(dataset, crowd[2], {one.pk: dog})
    assert state(one) == ("approved", ""), "three of four"
    check()


def test_fewer_labels_send_it_to_an_expert(
    dataset: Any, cast: Any, samples: Any, crowd: Any, dog: int
) -> None:
    actions.change_policy(dataset, cast.ada, labels_max=5)
    judge()
    dataset.refresh_from_db()
    one = samples[0]
    for member in crowd[:2]:
        actions.label_samples(dataset, member, {one.pk: dog})
    assert state(one) == ("pending", "")
    actions.change_policy(dataset, cast.ada, labels_max=3)
    judge()
    assert state(one) == ("pending", "expert")
    check()


def test_what_is_decided_or_held_for_somebody_else_stays(
    dataset: Any, cast: Any, samples: Any, approve: Any
) -> None:
    approve(samples[:2])
    reject = actions.Decision(samples[2].pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.chen, [reject])
    samples[2].refresh_from_db()
    actions.appeal_rejection(samples[2], cast.ben, "it is sharp")
    strict = {"policy": "consensus", "labels_needed": 9, "labels_max": 9}
    assert actions.preview_policy(dataset, cast.ada, **strict)["reopen"] == 2
    actions.change_policy(dataset, cast.ada, **strict)
    judge()
    assert {state(sample) for sample in samples[:2]} == {("approved", "")}
    assert state(samples[2]) == ("pending", "appeal")


def test_back_to_one_reviewer_nothing_moves(
    dataset: Any, cast: Any, samples: Any, crowd: Any, dog: int
) -> None:
    torn(samples[0], crowd, dog)
    actions.change_policy(dataset, cast.ada, policy="single")
    judge()
    assert counts(dataset) == {"pass": 0, "expert": 1, "hold": 9}
    assert not judging.unjudged().exists()


SAID = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), max_size=12)
POLICY = st.fixed_dictionaries(
    {"support": st.sampled_from(["1/2", "2/3", "3/4"]), "labels_max": st.integers(2, 6)}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(said=SAID, before=POLICY, after=POLICY)
def test_the_preview_counts_what_the_change_does(
    dataset: Any, cast: Any, samples: Any, crowd: Any, dog: int, said: Any, before: Any, after: Any
) -> None:
    dataset.refresh_from_db()
    Annotation.objects.exclude(role="uploader").delete()
    for status in ("approved", "rejected"):
        again = list(dataset.samples.filter(status=status))
        actions.changing.change_samples(again, to="pending")
    actions.changing.change_samples(list(dataset.samples.all()), hold="")
    Annotation.objects.bulk_create(
        Annotation(
            sample=samples[sample], by=crowd[who], label_id=dog if is_dog else None, role="labeller"
        )
        for sample, who, is_dog in said
    )
    for policy in (before, after):
        seen = actions.preview_policy(dataset, cast.ada, **policy)
        settled = counts(dataset)["pass"]
        try:
            actions.change_policy(dataset, cast.ada, **policy)
        except RuleError:
            PolicyChange.objects.update(judged_at=None)  # the same again: judged all the same
        judge()
        dataset.refresh_from_db()
        done = counts(dataset)
        assert done | {"pass": done["pass"] - settled} == {
            name: seen[name] for name in ("pass", "expert", "hold")
        }
    check()


# ---- the worker


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were rung for."""
    found: list[str] = []
    monkeypatch.setattr("apps.state.doorbell._ring", found.append)
    return found


def test_a_worker_is_rung_and_again_if_that_was_lost(
    dataset: Any, cast: Any, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        actions.change_policy(dataset, cast.ada, policy="consensus")
    assert rung == [judging.JUDGE]
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_waiting()
    assert rung == [judging.JUDGE] * 2
    judge()
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_waiting()
    assert rung == [judging.JUDGE] * 2


def test_a_killed_worker_is_taken_over(
    dataset: Any,
    cast: Any,
    samples: Any,
    crowd: Any,
    dog: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "PORTION", 4)
    for sample in samples[::2]:
        torn(sample, crowd, dog)
    actions.change_policy(dataset, cast.ada, support="1/2")
    slow = judging.claim_policy_change()
    assert slow
    steps = judging.portions(slow)
    assert next(steps) == 4
    assert judging.judge_waiting() == 0, "somebody works on it"
    PolicyChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert judging.judge_waiting() == 1
    assert dataset.samples.filter(status="approved").count() == 5
    with pytest.raises(RuleError, match="claim_lost"):
        list(steps) or judging._keep_claim(slow)
    check()
