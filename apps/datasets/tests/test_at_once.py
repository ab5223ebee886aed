"""Several reviewers at the same moment: nobody waits for ever, no vote goes unseen, every count is true."""

from itertools import chain
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.models import Membership, Role
from apps.datasets.tests.cast import at_once, make_image, make_member
from apps.datasets.tests.test_tallies import check

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = 15


@pytest.fixture
def eve(dataset: Any) -> Any:
    """A second reviewer."""
    member = make_member("eve")
    Membership.objects.create(dataset=dataset, member=member, role=Role.REVIEWER)
    return member


@pytest.fixture
def cats_and_dogs(contribute: Any) -> tuple[list[int], list[int]]:
    """Thirty of each, of one contribution."""
    batch = contribute({f"{('cat', 'dog')[n % 2]}/{n}.png": make_image(n) for n in range(60)})
    cats, dogs = (batch.samples.filter(label__name=name) for name in ("cat", "dog"))
    return list(cats.values_list("pk", flat=True)), list(dogs.values_list("pk", flat=True))


def errors(results: list[Any]) -> list[Any]:
    return [each for each in results if isinstance(each, Exception)]


def accept(key: int) -> actions.Decision:
    return actions.Decision(key, "accept")


def reject(key: int) -> actions.Decision:
    return actions.Decision(key, "reject", reason="unusable")


def test_decisions_that_write_the_same_counts(
    dataset: Any, cast: Any, eve: Any, cats_and_dogs: Any
) -> None:
    cats, dogs = cats_and_dogs
    failed = []
    for n in range(0, 2 * PAIRS, 2):
        one = [accept(cats[n]), reject(dogs[n])]
        two = [reject(dogs[n + 1]), accept(cats[n + 1])]
        failed += errors(
            at_once(
                lambda one=one: actions.review_samples(dataset, cast.chen, one),
                lambda two=two: actions.review_samples(dataset, eve, two),
            )
        )
    assert not failed
    check()


def test_decisions_about_the_same_samples(
    dataset: Any, cast: Any, eve: Any, cats_and_dogs: Any
) -> None:
    cats, dogs = cats_and_dogs
    decided = []
    for cat, dog in list(zip(cats, dogs, strict=True))[:PAIRS]:
        one, two = [accept(cat), reject(dog)], [reject(dog), accept(cat)]
        decided += at_once(
            lambda one=one: actions.review_samples(dataset, cast.chen, one).decided,
            lambda two=two: actions.review_samples(dataset, eve, two).decided,
        )
    assert not errors(decided)
    assert sorted(chain(*decided)) == sorted([*cats[:PAIRS], *dogs[:PAIRS]])
    check()


def test_undoing_at_once(dataset: Any, cast: Any, eve: Any, cats_and_dogs: Any) -> None:
    cats, dogs = cats_and_dogs
    failed = []
    for n in range(0, 2 * PAIRS, 2):
        one, two = [accept(cats[n]), reject(dogs[n])], [reject(dogs[n + 1]), accept(cats[n + 1])]
        actions.review_samples(dataset, cast.chen, one)
        actions.review_samples(dataset, eve, two)
        failed += errors(
            at_once(
                lambda: actions.undo_review(dataset, cast.chen),
                lambda: actions.undo_review(dataset, eve),
            )
        )
    assert not failed
    check()


@pytest.mark.parametrize("desk", ["label", "review"])
def test_two_votes_at_once_settle_it(
    dataset: Any, cast: Any, eve: Any, contribute: Any, desk: str
) -> None:
    """With neither seeing the other's it would wait for ever: both have answered."""
    keys = contribute({f"{n}.png": make_image(n) for n in range(PAIRS)}).samples.order_by("pk")
    actions.change_policy(dataset, cast.ada, policy="consensus")
    dataset.refresh_from_db()
    dog = dataset.classes.get(name="dog").pk

    def vote(member: Any, key: int) -> None:
        if desk == "label":
            actions.label_samples(dataset, member, {key: dog})
        else:
            actions.review_samples(dataset, member, [actions.Decision(key, "fix", dog)])

    for key in keys.values_list("pk", flat=True):
        results = at_once(*(lambda m=m, key=key: vote(m, key) for m in (cast.chen, eve)))
        assert not errors(results)
    assert set(keys.values_list("status", flat=True)) == {"approved"}
    check()
