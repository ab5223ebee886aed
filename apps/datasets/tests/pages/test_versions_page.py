"""Freezing, watching, checking and releasing a version on its pages."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from apps.datasets import actions
from apps.datasets.models import Dataset, Membership, Version
from apps.state.models import Event

VERSIONS = "/datasets/pets/versions/"


@pytest.fixture
def ada(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> Any:
    return browser_of(cast.ada)


def at(name: str, number: int = 1) -> str:
    return reverse(name, args=["pets", number])


def test_it_says_what_a_freeze_would_take(ada: Any, samples: Any, approve: Any) -> None:
    approve(samples[:6])

    page = ada.get(VERSIONS).content.decode()

    assert "It would hold 6 approved samples." in page
    assert "4 still wait for review and stay out." in page


def test_with_nothing_approved_it_says_so(ada: Any, samples: Any) -> None:
    assert "nothing to freeze" in ada.get(VERSIONS).content.decode()

    page = ada.post(VERSIONS, {"notes": ""})

    assert page.context["form"].non_field_errors()
    assert not Version.objects.exists()


def test_freezing_leads_to_the_page_that_follows_it(ada: Any, samples: Any, approve: Any) -> None:
    approve(samples)

    answer = ada.post(VERSIONS, {"notes": "the first"})

    assert answer.url == at("version")
    page = ada.get(at("version")).content.decode()
    assert f'data-live="{at("version_live")}"' in page
    assert "the first" in page


@pytest.mark.parametrize(("length", "status"), [(300, "retired"), (301, "approved")])
def test_the_reason_of_a_retirement_has_its_length(
    ada: Any,
    cast: SimpleNamespace,
    samples: Any,
    approve: Any,
    freeze: Any,
    length: int,
    status: str,
) -> None:
    approve(samples)
    actions.approve_version(freeze(), cast.ada)

    ada.post(at("version_retire"), {"why": "w" * length})

    assert Version.objects.get().status == status
    assert Event.objects.filter(why="w" * length).exists() == (status == "retired")


@pytest.mark.parametrize(("length", "frozen"), [(300, True), (301, False)])
def test_notes_have_their_length(
    ada: Any, samples: Any, approve: Any, length: int, frozen: bool
) -> None:
    approve(samples)

    ada.post(VERSIONS, {"notes": "n" * length})

    assert Version.objects.exists() == frozen


def test_progress_ends_with_the_build(ada: Any, samples: Any, approve: Any, freeze: Any) -> None:
    approve(samples)
    actions_before = ada.get(VERSIONS)
    freeze()

    live = ada.get(at("version_live"))

    assert actions_before.status_code == 200
    assert "data-done" in live.content.decode()
    again = ada.get(at("version_live"), headers={"If-None-Match": live["ETag"]})
    assert again.status_code == 304


def test_the_page_shows_what_was_frozen(ada: Any, samples: Any, approve: Any, freeze: Any) -> None:
    approve(samples)
    version = freeze()

    page = ada.get(at("version"))

    assert [row["total"] for row in page.context["table"]] == [5, 5]
    assert sum(page.context["totals"]) == 10
    text = page.content.decode()
    assert version.digest in text
    assert "verify_version pets@1" in text
    assert reverse("version_manifest", args=["pets", 1]) in text


def test_a_failed_check_is_named_and_approval_not_offered(
    ada: Any, samples: Any, approve: Any, freeze: Any
) -> None:
    approve(samples[:2])
    freeze()

    text = ada.get(at("version")).content.decode()

    assert "A release check failed" in text
    assert at("version_approve") not in text


def test_approving_discarding_retiring(ada: Any, samples: Any, approve: Any, freeze: Any) -> None:
    approve(samples)
    version = freeze()
    Version.objects.filter(pk=version.pk).update(checks=[])

    ada.post(at("version_approve"))
    version.refresh_from_db()
    assert version.status == "approved"
    ada.post(at("version_retire"), {"why": "a better one exists"})
    version.refresh_from_db()
    assert version.status == "retired"
    assert "takes no new jobs" in ada.get(at("version")).content.decode()


def test_whoever_froze_does_not_approve_beside_another_maintainer(
    ada: Any, samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace
) -> None:
    approve(samples)
    version = freeze()
    Version.objects.filter(pk=version.pk).update(checks=[])
    Membership.objects.filter(member=cast.chen).update(role="maintainer")
    referer = {"Referer": f"http://testserver{at('version')}"}

    answer = ada.post(at("version_approve"), headers=referer, follow=True)

    assert "ask another maintainer" in answer.content.decode()
    version.refresh_from_db()
    assert version.status == "draft"


@pytest.mark.parametrize("name", ["version_approve", "version_discard", "version_retire"])
def test_a_contributor_decides_nothing(
    samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace, browser_of: Any, name: str
) -> None:
    approve(samples)
    version = freeze()

    assert browser_of(cast.ben).post(at(name)).status_code == 403
    version.refresh_from_db()
    assert version.status == "draft"


def test_a_visitor_cannot_freeze(dataset: Dataset, samples: Any, approve: Any, client: Any) -> None:
    Dataset.objects.update(visibility="public")
    approve(samples)

    client.post(VERSIONS, {"notes": ""})

    assert not Version.objects.exists()
