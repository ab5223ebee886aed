"""Deciding: accept, fix & accept, reject, undo; and who may not."""

import threading
from typing import Any

import pytest
from django.db import connections

from apps.datasets.actions import Decision, review_samples, undo_review
from apps.datasets.models import Annotation, Review, Sample
from apps.errors import RuleError
from apps.state.models import Event


def decide(dataset: Any, by: Any, *decisions: Decision) -> Any:
    return review_samples(dataset, by, list(decisions))


def codes(result: Any) -> dict[int, str]:
    return {each["sample"]: each["code"] for each in result.refused}


def test_accept_fix_and_reject_in_one_batch(dataset: Any, cast: Any, samples: Any) -> None:
    dog = dataset.classes.get(name="dog")
    result = decide(
        dataset,
        cast.chen,
        Decision(samples[0].pk, "accept"),
        Decision(samples[2].pk, "fix", class_id=dog.pk),
        Decision(samples[1].pk, "reject", reason="unusable"),
    )
    assert not result.refused
    found = Sample.objects.in_bulk(result.decided)
    assert found[samples[0].pk].status == "approved"
    assert (found[samples[2].pk].status, found[samples[2].pk].label) == ("approved", dog)
    assert found[samples[1].pk].status == "rejected"
    assert Review.objects.filter(batch=result.batch).count() == 3
    assert Annotation.objects.filter(role="reviewer", by=cast.chen).count() == 2
    assert Event.objects.about(samples[1]).last().why == "unusable"


def test_undo_restores_status_and_label(dataset: Any, cast: Any, samples: Any) -> None:
    dog = dataset.classes.get(name="dog")
    decide(dataset, cast.chen, Decision(samples[1].pk, "accept"))
    decide(
        dataset,
        cast.chen,
        Decision(samples[0].pk, "fix", class_id=dog.pk),
        Decision(samples[2].pk, "reject", reason="rights"),
    )
    assert len(undo_review(dataset, cast.chen)) == 2
    samples[0].refresh_from_db()
    assert (samples[0].status, samples[0].label.name) == ("pending", "cat")
    assert len(undo_review(dataset, cast.chen)) == 1
    with pytest.raises(RuleError, match="nothing_to_undo"):
        undo_review(dataset, cast.chen)
    assert not Sample.objects.exclude(status="pending").exists()
    assert Review.objects.filter(decision="undo").count() == 3


def test_undo_leaves_what_somebody_moved_since(dataset: Any, cast: Any, samples: Any) -> None:
    decide(dataset, cast.chen, Decision(samples[0].pk, "accept"))
    Sample.objects.filter(pk=samples[0].pk).update(status="withdrawn")
    assert len(undo_review(dataset, cast.chen)) == 0
    samples[0].refresh_from_db()
    assert samples[0].status == "withdrawn"


def test_nobody_reviews_their_own(dataset: Any, cast: Any, contribute: Any) -> None:
    own = contribute({"cat/own.png": _png()}, by=cast.chen).samples.get()
    result = decide(dataset, cast.chen, Decision(own.pk, "accept"))
    assert codes(result) == {own.pk: "own_sample"}
    assert own not in Sample.objects.reviewable_by(cast.chen)
    assert own in Sample.objects.reviewable_by(cast.ada)


def _png() -> bytes:
    from apps.datasets.tests.cast import make_image  # noqa: PLC0415 - one use

    return make_image(99)


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        ({"decision": "reject"}, "needs_reason"),
        ({"decision": "reject", "reason": "boring"}, "needs_reason"),
        ({"decision": "reject", "reason": "other"}, "needs_note"),
        ({"decision": "fix"}, "unknown_class"),
        ({"decision": "fix", "class_id": 0}, "unknown_class"),
        ({"decision": "undo"}, "needs_reason"),
    ],
)
def test_a_decision_that_cannot_stand_is_refused_alone(
    dataset: Any, cast: Any, samples: Any, decision: dict[str, Any], code: str
) -> None:
    bad = Decision(samples[0].pk, **decision)
    result = decide(dataset, cast.chen, bad, Decision(samples[1].pk, "accept"))
    assert codes(result) == {samples[0].pk: code}
    assert result.decided == [samples[1].pk]


def test_accepting_needs_a_class(dataset: Any, cast: Any, contribute: Any) -> None:
    sample = contribute({"Ferret/1.png": _png()}).samples.get()
    assert codes(decide(dataset, cast.chen, Decision(sample.pk, "accept"))) == {
        sample.pk: "needs_class"
    }


def test_what_is_decided_or_elsewhere_is_refused(dataset: Any, cast: Any, samples: Any) -> None:
    decide(dataset, cast.chen, Decision(samples[0].pk, "accept"))
    again = decide(dataset, cast.ada, Decision(samples[0].pk, "accept"), Decision(10**9, "accept"))
    assert codes(again) == {samples[0].pk: "already_decided", 10**9: "not_found"}


def test_a_thousand_at_once_and_no_more(dataset: Any, cast: Any, samples: Any) -> None:
    others = [Decision(10**6 + n, "accept") for n in range(1000)]
    last = Decision(samples[0].pk, "accept")
    with pytest.raises(RuleError, match="too_many_decisions"):
        decide(dataset, cast.chen, *others, last)
    assert decide(dataset, cast.chen, *others[:999], last).decided == [samples[0].pk]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"note": "n" * 500}, 200),
        ({"note": "n" * 501}, 400),
        ({"sample": 2**63 - 1}, 200),
        ({"sample": 2**63}, 400),
        ({"sample": 0}, 200),
        ({"sample": -1}, 400),
    ],
)
def test_a_decision_has_its_bounds(
    dataset: Any, cast: Any, samples: Any, browser_of: Any, change: Any, status: int
) -> None:
    decision = {"sample": samples[0].pk, "decision": "reject", "reason": "other", "note": "odd"}
    body = {"decisions": [decision | change]}
    address = "/api/datasets/pets/reviews/"
    sent = browser_of(cast.chen).post(address, body, content_type="application/json")
    assert sent.status_code == status
    if status == 200 and "note" in change:
        assert Review.objects.get().note == change["note"]


@pytest.mark.parametrize("name", ["ben", "dana"])
def test_reviewing_needs_the_role(dataset: Any, cast: Any, samples: Any, name: str) -> None:
    with pytest.raises(RuleError, match="role_required"):
        decide(dataset, getattr(cast, name), Decision(samples[0].pk, "accept"))


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_never_both_decide(dataset: Any, cast: Any, samples: Any) -> None:
    start = threading.Barrier(2)
    results: list[Any] = []

    def run(member: Any, decision: str) -> None:
        start.wait()
        decisions = [Decision(sample.pk, decision, reason="unusable") for sample in samples]
        try:
            results.append(review_samples(dataset, member, decisions))
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=args)
        for args in ((cast.chen, "accept"), (cast.ada, "reject"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decided = [pk for result in results for pk in result.decided]
    assert sorted(decided) == [sample.pk for sample in samples]
    assert Event.objects.filter(subject="datasets.sample").count() == len(samples)
