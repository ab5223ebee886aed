"""An answer that is sent again because its response was lost is taken once."""

import uuid
from typing import Any

from apps.datasets import actions
from apps.datasets.models import Annotation, Review, Sample, Skip
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.test_tallies import check

JSON = {"content_type": "application/json"}


def test_decisions(dataset: Any, cast: Any, samples: list[Sample]) -> None:
    name = uuid.uuid4()
    said = [
        actions.Decision(samples[0].pk, "accept"),
        actions.Decision(samples[1].pk, "reject", reason="unusable"),
        actions.Decision(samples[2].pk, "skip"),
    ]
    first = actions.review_samples(dataset, cast.chen, said, batch=name)
    again = actions.review_samples(dataset, cast.chen, said, batch=name)

    assert again.batch == first.batch == name
    assert sorted(again.decided) == sorted(first.decided) == [each.pk for each in samples[:3]]
    assert again.refused == []
    assert Review.objects.count() == Review.objects.values("sample").distinct().count() == 3
    check()


def test_the_name_is_ones_own(dataset: Any, cast: Any, samples: list[Sample]) -> None:
    name = uuid.uuid4()
    accept = [actions.Decision(samples[0].pk, "accept")]
    actions.review_samples(dataset, cast.chen, accept, batch=name)
    refused = actions.review_samples(dataset, cast.ada, accept, batch=name).refused
    assert [each["code"] for each in refused] == ["already_decided"]


def test_sent_again_after_an_undo_it_stays_undone(
    dataset: Any, cast: Any, samples: list[Sample]
) -> None:
    name = uuid.uuid4()
    accept = [actions.Decision(samples[0].pk, "accept")]
    actions.review_samples(dataset, cast.chen, accept, batch=name)
    actions.undo_review(dataset, cast.chen, name)
    actions.review_samples(dataset, cast.chen, accept, batch=name)
    assert not Sample.objects.exclude(status="pending").exists()


def test_labels(dataset: Any, cast: Any, contribute: Any) -> None:
    bare = list(contribute({f"{n}.png": make_image(n) for n in range(3)}).samples.order_by("pk"))
    cat = dataset.classes.get(name="cat").pk
    said: dict[int, Any] = {bare[0].pk: cat, bare[1].pk: "unsure", bare[2].pk: "skip"}
    name = uuid.uuid4()
    for _twice in range(2):
        result = actions.label_samples(dataset, cast.ben, said, batch=name)
        assert (sorted(result.labelled), result.refused) == ([each.pk for each in bare], [])
    assert Annotation.objects.count() == 2
    assert (Skip.objects.count(), Review.objects.count()) == (2, 1)
    check()


def test_over_the_api(dataset: Any, cast: Any, samples: list[Sample], browser_of: Any) -> None:
    chen = browser_of(cast.chen)
    name = str(uuid.uuid4())
    body = {"batch": name, "decisions": [{"sample": samples[0].pk, "decision": "accept"}]}
    for _twice in range(2):
        answer = chen.post("/api/datasets/pets/reviews/", body, **JSON).json()
        assert (answer["batch"], answer["decided"]) == (name, [samples[0].pk])
    undone = {"reopened": 1, "samples": [samples[0].pk]}
    for _twice in range(2):
        assert (
            chen.post("/api/datasets/pets/reviews/undo/", {"batch": name}, **JSON).json() == undone
        )
    wrong = chen.post("/api/datasets/pets/reviews/", body | {"batch": "mine"}, **JSON)
    assert wrong.status_code == 400
