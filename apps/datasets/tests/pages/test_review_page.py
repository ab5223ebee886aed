"""The review page: one class at a time, never one's own, also without JavaScript."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.models import Contribution, Dataset, LabelClass, Review, Sample
from apps.datasets.tests.cast import make_image

REVIEW = "/datasets/pets/review/"


@pytest.fixture
def chen(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> Any:
    return browser_of(cast.chen)


@pytest.fixture
def cat(dataset: Dataset) -> LabelClass:
    return LabelClass.objects.get(name="cat")


@pytest.fixture
def dog(dataset: Dataset) -> LabelClass:
    return LabelClass.objects.get(name="dog")


def shown(page: Any) -> set[str]:
    return {sample.label.name if sample.label else "" for sample in page.context["samples"]}


def test_one_class_is_shown(chen: Any, samples: Any, dog: LabelClass) -> None:
    assert shown(chen.get(REVIEW)) == {"cat"}
    assert shown(chen.get(REVIEW, {"label": dog.pk})) == {"dog"}


def test_when_a_class_is_done_the_next_one_follows(
    chen: Any, samples: Any, approve: Any, cat: LabelClass, dog: LabelClass
) -> None:
    approve([sample for sample in samples if sample.label == dog])
    assert shown(chen.get(REVIEW, {"label": dog.pk})) == {"cat"}

    approve([sample for sample in samples if sample.label == cat])
    assert chen.get(REVIEW, {"label": cat.pk}).context["chosen"] is None


def test_what_has_no_class_is_a_group_of_its_own(chen: Any, contribute: Any) -> None:
    contribute({"bird/1.png": make_image(71)})

    page = chen.get(REVIEW, {"label": "none"})

    assert shown(page) == {""}
    assert 'id="accept" hidden' in page.content.decode()


def test_ones_own_are_never_shown(
    samples: Any, contribute: Any, chen: Any, cast: SimpleNamespace
) -> None:
    Sample.objects.update(contributor=cast.chen)
    Contribution.objects.update(member=cast.chen)

    page = chen.get(REVIEW)

    assert page.context["chosen"] is None
    assert "nobody reviews their own contribution" in page.content.decode()


def test_accepting_ticked_images(chen: Any, samples: Any, cat: LabelClass) -> None:
    ticked = [sample.pk for sample in samples[:4:2]]

    answer = chen.post(REVIEW, {"sample": ticked, "decision": "accept", "group": cat.pk})

    assert answer.url == f"{REVIEW}?label={cat.pk}"
    assert set(Sample.objects.filter(status="approved").values_list("pk", flat=True)) == set(ticked)


def test_fixing_gives_the_other_class(chen: Any, samples: Any, dog: LabelClass) -> None:
    chen.post(REVIEW, {"sample": [samples[0].pk], "decision": "fix", "label": dog.pk})

    samples[0].refresh_from_db()
    assert (samples[0].status, samples[0].label) == ("approved", dog)


def test_rejecting_needs_a_reason(chen: Any, samples: Any) -> None:
    refused = chen.post(REVIEW, {"sample": [samples[0].pk], "decision": "reject"}, follow=True)
    assert "needs a reason" in refused.content.decode()

    sent = {"sample": [samples[0].pk], "decision": "reject", "reason": "ambiguous"}
    chen.post(REVIEW, sent)

    assert Review.objects.get().reason == "ambiguous"


@pytest.mark.parametrize(
    "sent", [{}, {"sample": ["x"], "decision": "accept"}, {"sample": ["1"], "decision": "destroy"}]
)
def test_nonsense_is_refused(chen: Any, samples: Any, sent: dict[str, Any]) -> None:
    assert chen.post(REVIEW, sent).status_code == 400


@pytest.mark.parametrize(("key", "status"), [("9" * 18, 302), ("9" * 19, 400), ("²", 400)])
def test_an_id_is_one_that_a_database_holds(chen: Any, samples: Any, key: str, status: int) -> None:
    assert chen.post(REVIEW, {"sample": [key], "decision": "accept"}).status_code == status


@pytest.mark.parametrize(("length", "status"), [(500, 302), (501, 400)])
def test_a_note_has_its_length(chen: Any, samples: Any, length: int, status: int) -> None:
    reject = {"decision": "reject", "reason": "other", "note": "n" * length}

    answer = chen.post(REVIEW, reject | {"sample": [samples[0].pk]})

    assert answer.status_code == status
    assert (status == 302) or "500" in answer.content.decode()


def test_undo(chen: Any, samples: Any) -> None:
    chen.post(REVIEW, {"sample": [samples[0].pk], "decision": "accept"})

    chen.post(reverse("review_undo", args=["pets"]))

    samples[0].refresh_from_db()
    assert samples[0].status == "pending"


@pytest.mark.parametrize(
    ("name", "status"), [("chen", 200), ("ada", 200), ("ben", 403), ("dana", 403)]
)
def test_who_may_review(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any, name: str, status: int
) -> None:
    assert browser_of(getattr(cast, name)).get(REVIEW).status_code == status


def test_the_number_of_queries_does_not_grow(
    chen: Any, samples: Any, django_assert_max_num_queries: Any
) -> None:
    chen.get(REVIEW)

    with django_assert_max_num_queries(26):
        chen.get(REVIEW)
