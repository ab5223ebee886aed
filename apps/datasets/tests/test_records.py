"""How often others agreed: labels that stood, second opinions, merged and split classes, seals."""

from typing import Any

import pytest
from django.core.cache import cache

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import Dataset, LabelClass, Membership, Role, Sample
from apps.datasets.records import Record, Work, record_of, work_of
from apps.datasets.tests.cast import make_image, make_member


@pytest.fixture(autouse=True)
def _fresh(db: None) -> None:
    cache.clear()


@pytest.fixture
def eve(dataset: Dataset) -> Any:
    """A second reviewer."""
    member = make_member("eve")
    Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    return member


def fresh(dataset: Dataset, member: Any) -> Record:
    cache.clear()
    return record_of(dataset, member)


def work(dataset: Dataset, member: Any) -> Work:
    cache.clear()
    return work_of(dataset, member)


def decide(dataset: Dataset, by: Any, sample: Sample, decision: str, **options: Any) -> None:
    found = actions.review_samples(
        dataset, by, [actions.Decision(sample.pk, decision, **options)]
    ).refused
    assert not found


def test_labels_that_stood(dataset: Dataset, cast: Any, samples: Any) -> None:
    cat, dog = samples[0].label_id, samples[1].label_id
    for each in samples[:6]:
        decide(dataset, cast.chen, each, "accept")
    decide(dataset, cast.chen, samples[6], "fix", class_id=dog)  # a cat, said Ben
    decide(dataset, cast.chen, samples[7], "reject", reason="unusable")
    decide(dataset, cast.chen, samples[8], "reject", reason="privacy")

    found = fresh(dataset, cast.ben)

    assert {label: tuple(share) for label, share in found.by_class.items()} == {
        cat: (3, 4),
        dog: (3, 3),
    }
    assert tuple(found.agreement) == (6, 7)
    assert found.enough == {}
    assert found.reasons == {"unusable": 1, "privacy": 1}


def test_the_newest_reason_counts(dataset: Dataset, cast: Any, samples: Any, eve: Any) -> None:
    decide(dataset, cast.chen, samples[0], "reject", reason="unusable")
    samples[0].refresh_from_db()
    actions.appeal_rejection(samples[0], cast.ben, "please")
    decide(dataset, eve, samples[0], "reject", reason="ambiguous")
    assert fresh(dataset, cast.ben).reasons == {"ambiguous": 1}


def test_second_opinions(dataset: Dataset, cast: Any, samples: Any, eve: Any) -> None:
    dog = samples[1].label_id
    decide(dataset, cast.chen, samples[0], "accept")  # nobody looks again
    for number in (1, 2, 3):
        decide(dataset, cast.chen, samples[number], "reject", reason="unusable")
        samples[number].refresh_from_db()
        actions.appeal_rejection(samples[number], cast.ben, "please")
    decide(dataset, eve, samples[1], "reject", reason="ambiguous")
    decide(dataset, eve, samples[2], "accept")
    decide(dataset, eve, samples[3], "fix", class_id=samples[3].label_id)

    chen = work(dataset, cast.chen)
    assert chen.decisions == 4
    assert tuple(chen.second) == (1, 3)
    assert tuple(work(dataset, eve).second) == (0, 0)

    # What was taken back is no decision.
    decide(dataset, cast.chen, samples[4], "fix", class_id=dog)
    actions.undo_review(dataset, cast.chen)
    assert work(dataset, cast.chen).decisions == 4


def test_under_consensus_the_first_voice_is_confirmed_by_the_rest(
    dataset: Dataset, cast: Any, samples: Any, eve: Any
) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_needed=3)
    dataset.refresh_from_db()
    cat, dog = samples[0].label_id, samples[1].label_id
    actions.label_samples(dataset, cast.chen, {samples[0].pk: cat, samples[2].pk: dog})
    actions.label_samples(dataset, eve, {samples[0].pk: cat, samples[2].pk: cat})
    actions.label_samples(dataset, cast.ada, {samples[2].pk: cat})
    assert Sample.objects.filter(status="approved", label=cat).count() == 2
    assert tuple(work(dataset, cast.chen).second) == (1, 2)
    assert tuple(work(dataset, eve).second) == (1, 1)
    assert tuple(work(dataset, cast.ada).second) == (0, 0)


def test_a_merge_is_no_disagreement_and_a_split_class_is_left_out(
    dataset: Dataset, cast: Any, samples: Any, approve: Any
) -> None:
    cat, dog = LabelClass.objects.get(name="cat"), LabelClass.objects.get(name="dog")
    approve(samples)
    merge = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    actions.approve_change(merge, cast.ada)
    apply_changes()
    found = fresh(dataset, cast.ben)
    assert {label: tuple(share) for label, share in found.by_class.items()} == {dog.pk: (10, 10)}

    merge.refresh_from_db()
    actions.revert_change(merge, cast.ada)
    apply_changes()
    split = actions.propose_change(dataset, cast.ada, kind="split", label=cat, parts=["a", "b"])
    actions.approve_change(split, cast.ada)
    apply_changes()
    part = LabelClass.objects.get(name="a")
    again = dataset.samples.filter(label=None).values_list("pk", flat=True)
    actions.review_samples(
        dataset, cast.chen, [actions.Decision(pk, "fix", part.pk) for pk in again]
    )
    found = fresh(dataset, cast.ben)
    assert tuple(found.agreement) == (5, 5)


def test_sealed_test_samples_are_left_out(
    dataset: Dataset, cast: Any, contribute: Any, approve: Any, freeze: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    files = {f"{split}/{name}/{n}.png": make_image(seed)
             for seed, (split, name, n) in enumerate((split, name, n)
                for split in ("train", "test") for name in ("cat", "dog") for n in range(3))}  # fmt: skip
    approve(list(contribute(files).samples.all()))
    assert tuple(fresh(dataset, cast.ben).agreement) == (12, 12)
    freeze()
    assert tuple(fresh(dataset, cast.ben).agreement) == (6, 6)
    assert work(dataset, cast.chen).decisions == 12
    actions.unseal(dataset, cast.ada)
    dataset.refresh_from_db()
    assert tuple(fresh(dataset, cast.ben).agreement) == (12, 12)


def test_it_is_counted_once_in_a_quarter_of_an_hour(
    dataset: Dataset, cast: Any, samples: Any, approve: Any
) -> None:
    first = record_of(dataset, cast.ben)
    approve(samples)
    assert record_of(dataset, cast.ben) == first
    cache.clear()
    assert record_of(dataset, cast.ben).agreement.tried == 10
