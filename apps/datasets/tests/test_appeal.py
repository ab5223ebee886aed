"""Appeals: the contributor asks once, and somebody else than the first reviewer decides."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.models import Membership, Role, Sample
from apps.datasets.tests.cast import make_member
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def rejected(dataset: Any, cast: Any, samples: Any) -> Sample:
    reject = actions.Decision(samples[0].pk, "reject", reason="unusable")
    actions.review_samples(dataset, cast.chen, [reject])
    return Sample.objects.get(pk=samples[0].pk)


def test_another_reviewer_decides(
    dataset: Any, cast: Any, rejected: Sample, browser_of: Any
) -> None:
    page = browser_of(cast.ben).get(f"/samples/{rejected.pk}/")
    assert "Appeal the rejection" in page.content.decode()
    browser_of(cast.ben).post(f"/samples/{rejected.pk}/appeal/", {"note": "it is sharp"})
    rejected.refresh_from_db()
    assert (rejected.status, rejected.hold) == ("pending", "appeal")

    decision = actions.Decision(rejected.pk, "accept")
    refused = actions.review_samples(dataset, cast.chen, [decision]).refused
    assert [each["code"] for each in refused] == ["rejected_by_you"]
    chen = browser_of(cast.chen).get("/datasets/pets/review/?queue=appeal")
    assert chen.context["samples"] == []
    eve = make_member("eve")
    Membership.objects.create(dataset=dataset, member=eve, role=Role.REVIEWER)
    page = browser_of(eve).get("/datasets/pets/review/?queue=appeal")
    assert [sample.pk for sample in page.context["samples"]] == [rejected.pk]
    assert "it is sharp" in page.content.decode()

    assert actions.review_samples(dataset, eve, [decision]).decided
    rejected.refresh_from_db()
    assert (rejected.status, rejected.hold) == ("approved", "")
    check()


@pytest.mark.parametrize(("length", "status"), [(500, 200), (501, 400)])
def test_its_reason_has_a_length(
    cast: Any, rejected: Sample, browser_of: Any, length: int, status: int
) -> None:
    body = {"note": "n" * length}
    address = f"/api/samples/{rejected.pk}/appeal/"
    sent = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert sent.status_code == status
    assert rejected.reviews.filter(note=body["note"]).exists() == (status == 200)


def test_refusals(dataset: Any, cast: Any, samples: Any, rejected: Sample) -> None:
    for sample, by, note, code in (
        (rejected, cast.chen, "x", "not_yours"),
        (rejected, cast.ben, " ", "reason_required"),
        (samples[1], cast.ben, "x", "not_rejected"),
    ):
        with pytest.raises(RuleError) as refusal:
            actions.appeal_rejection(sample, by, note)
        assert refusal.value.code == code
    actions.appeal_rejection(rejected, cast.ben, "please")
    again = actions.Decision(rejected.pk, "reject", reason="unusable")
    assert actions.review_samples(dataset, cast.ada, [again]).decided
    rejected.refresh_from_db()
    with pytest.raises(RuleError) as refusal:
        actions.appeal_rejection(rejected, cast.ben, "please")
    assert refusal.value.code == "already_appealed"
    check()
