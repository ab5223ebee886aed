"""Labelling: a class is proposed for what has none; under consensus it is a blind vote."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.labelling import to_label
from apps.datasets.models import Annotation, Membership, Role, Sample
from apps.datasets.tests.cast import make_image, make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def bare(contribute: Any) -> list[Sample]:
    """Four of Ben's without a class."""
    batch = contribute({f"{n}.png": make_image(n) for n in range(4)})
    return list(batch.samples.order_by("pk"))


@pytest.fixture
def classes(dataset: Any) -> dict[str, Any]:
    return {label.name: label for label in dataset.classes.all()}


def state(sample: Sample) -> tuple[str, Any]:
    sample.refresh_from_db()
    return sample.status, sample.label and sample.label.name


def test_a_label_waits_for_a_reviewer(
    dataset: Any, cast: Any, bare: list[Sample], classes: Any
) -> None:
    result = actions.label_samples(dataset, cast.ben, {bare[0].pk: classes["cat"].pk})

    assert result.labelled == [bare[0].pk]
    assert state(bare[0]) == ("pending", "cat")
    said = Annotation.objects.get(sample=bare[0])
    assert (said.role, said.by, said.label) == ("labeller", cast.ben, classes["cat"])
    again = actions.label_samples(dataset, cast.chen, {bare[0].pk: classes["dog"].pk})
    assert [each["code"] for each in again.refused] == ["not_open"]
    assert actions.review_samples(
        dataset, cast.chen, [actions.Decision(bare[0].pk, "accept")]
    ).decided
    check()


def test_unsure_and_skipped_go_to_somebody_else(
    dataset: Any, cast: Any, bare: list[Sample]
) -> None:
    actions.label_samples(dataset, cast.ben, {bare[0].pk: "unsure", bare[1].pk: "skip"})

    assert state(bare[0]) == ("pending", None)
    assert Annotation.objects.get().label is None, "only the unsure one is in the history"
    mine = actions.lease_samples(to_label(dataset, cast.ben), cast.ben, size=9)
    assert {each.pk for each in mine.samples} == {bare[2].pk, bare[3].pk}
    other = actions.lease_samples(to_label(dataset, cast.chen), cast.chen, size=9)
    assert {each.pk for each in other.samples} == {bare[0].pk, bare[1].pk}
    refused = actions.label_samples(dataset, cast.ada, {bare[0].pk: "skip"}).refused
    assert [each["code"] for each in refused] == ["leased_to_other"]


def test_undo_opens_them_again(dataset: Any, cast: Any, bare: list[Sample], classes: Any) -> None:
    cat, dog = classes["cat"].pk, classes["dog"].pk
    actions.label_samples(dataset, cast.ben, {bare[0].pk: cat, bare[1].pk: dog})
    actions.label_samples(dataset, cast.ben, {bare[2].pk: cat})
    approve = actions.Decision(bare[1].pk, "accept")
    actions.review_samples(dataset, cast.chen, [approve])

    assert len(actions.undo_labels(dataset, cast.ben)) == 1
    assert state(bare[2]) == ("pending", None)
    assert len(actions.undo_labels(dataset, cast.ben)) == 1
    assert state(bare[0]) == ("pending", None)
    assert state(bare[1]) == ("approved", "dog"), "what is decided stays"
    with pytest.raises(RuleError) as refusal:
        actions.undo_labels(dataset, cast.ben)
    assert refusal.value.code == "nothing_to_undo"
    assert Annotation.objects.filter(role="labeller").count() == 3, "nothing is forgotten"
    check()


def test_blind_votes(dataset: Any, cast: Any, samples: list[Sample], classes: Any) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus")
    dataset.refresh_from_db()
    eve = make_member("eve")
    Membership.objects.create(dataset=dataset, member=eve, role=Role.REVIEWER)
    with pytest.raises(RuleError):  # his role is too small for a vote
        actions.label_samples(dataset, cast.ben, {samples[0].pk: classes["cat"].pk})

    actions.label_samples(dataset, cast.chen, {samples[0].pk: classes["dog"].pk})
    assert state(samples[0]) == ("pending", "cat")
    assert samples[0].disputed
    assert samples[0] not in to_label(dataset, cast.chen), "one voice each"
    actions.undo_labels(dataset, cast.chen)
    samples[0].refresh_from_db()
    assert not samples[0].disputed
    held = actions.label_samples(dataset, eve, {samples[0].pk: classes["cat"].pk})
    assert held.refused[0]["code"] == "leased_to_other", "what was undone is Chen's again"
    actions.end_lease(samples[0].lease, cast.chen)
    actions.label_samples(dataset, eve, {samples[0].pk: classes["cat"].pk})
    assert state(samples[0]) == ("approved", "cat")
    check()


def test_the_page_without_scripts(
    dataset: Any, cast: Any, bare: list[Sample], classes: Any, browser_of: Any
) -> None:
    ben = browser_of(cast.ben)
    assert "/label/" in ben.get("/datasets/pets/").content.decode()
    page = ben.get("/datasets/pets/label/")
    first = page.context["batch"].samples[0]
    ben.post("/datasets/pets/label/", {"sample": first.pk, "label": classes["cat"].pk})
    assert state(first) == ("pending", "cat")
    ben.post("/datasets/pets/label/undo/")
    assert state(first) == ("pending", None)
    for sample in bare:
        actions.label_samples(dataset, cast.ben, {sample.pk: classes["dog"].pk})
    assert "Nothing to label" in ben.get("/datasets/pets/label/").content.decode()
    assert "/label/" not in ben.get("/datasets/pets/").content.decode()


def test_over_the_api(
    dataset: Any, cast: Any, bare: list[Sample], classes: Any, browser_of: Any
) -> None:
    ben = browser_of(cast.ben)
    body = {"labels": [{"sample": bare[0].pk, "label": classes["cat"].pk}]}
    body["labels"] += [{"sample": bare[1].pk, "say": "unsure"}, {"sample": 0, "label": 1}]
    options = {"content_type": "application/json"}
    answer = ben.post("/api/datasets/pets/labels/", body, **options).json()
    assert answer["labelled"] == [bare[0].pk, bare[1].pk]
    assert answer["refused"][0]["code"] == "not_open"
    assert ben.post("/api/datasets/pets/labels/undo/", {}, **options).json() == {
        "reopened": 2,
        "samples": [bare[0].pk, bare[1].pk],
    }


def test_two_hundred_at_once_and_no_more(
    dataset: Any, cast: Any, bare: list[Sample], browser_of: Any
) -> None:
    def send(*samples: int) -> Any:
        body = {"labels": [{"sample": pk, "say": "skip"} for pk in samples]}
        address = "/api/datasets/pets/labels/"
        return browser_of(cast.ben).post(address, body, content_type="application/json").json()

    last = bare[0].pk
    others = range(10**6, 10**6 + 200)
    assert send(*others, last)["code"] == "too_many_labels"
    assert send(*others[:199], last)["labelled"] == [last]
    again = send(*[others[0]] * 200, bare[1].pk)
    assert again["labelled"] == [bare[1].pk], "one that is named again is no other one"


@pytest.mark.parametrize(("pk", "status"), [(2**63 - 1, 200), (2**63, 400), (0, 200), (-1, 400)])
def test_an_id_is_one_that_a_database_holds(
    dataset: Any, cast: Any, browser_of: Any, pk: int, status: int
) -> None:
    body = {"labels": [{"sample": pk, "say": "skip"}]}
    address = "/api/datasets/pets/labels/"
    sent = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert sent.status_code == status
