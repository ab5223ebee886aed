"""Members, roles and invitations on their page."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.datasets.models import Dataset, Membership

PEOPLE = "/datasets/pets/people/"


def invite(client: Client, role: str) -> str:
    page = client.post(PEOPLE, {"role": role})
    return str(page.context["link"])


def test_the_link_is_shown_once_and_joins(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any
) -> None:
    ada, dana = browser_of(cast.ada), browser_of(cast.dana)
    link = invite(ada, "reviewer")
    token = link.rstrip("/").rpartition("/")[2]
    assert token not in ada.get(PEOPLE).content.decode()

    looked = dana.get(link).content.decode()
    assert "You are invited to “Pets”" in looked
    assert not Membership.objects.filter(member=cast.dana).exists()
    dana.post(link)

    assert Membership.objects.get(member=cast.dana).role == "reviewer"


def test_a_visitor_logs_in_first_and_comes_back(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any, client: Client
) -> None:
    link = invite(browser_of(cast.ada), "contributor")

    asked = client.get(link)

    assert asked.url.startswith(reverse("account_login"))
    assert link.removeprefix("http://testserver") in asked.url


def test_a_revoked_link_says_so(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> None:
    ada = browser_of(cast.ada)
    link = invite(ada, "reviewer")
    ada.post(reverse("invitation_revoke", args=["pets", dataset.invitations.get().pk]))

    page = browser_of(cast.dana).get(link)

    assert page.status_code == 404
    assert "expired or was revoked" in page.content.decode()


def test_a_maintainer_cannot_invite_an_owner(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any
) -> None:
    Membership.objects.filter(member=cast.chen).update(role="maintainer")

    page = browser_of(cast.chen).post(PEOPLE, {"role": "owner"})

    assert page.context["form"].errors["role"]
    assert not dataset.invitations.exists()


@pytest.mark.parametrize(("name", "status"), [("ada", 200), ("ben", 200), ("dana", 403)])
def test_who_sees_the_people(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any, name: str, status: int
) -> None:
    assert browser_of(getattr(cast, name)).get(PEOPLE).status_code == status


def test_change_a_role_and_remove(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> None:
    ada = browser_of(cast.ada)
    ben = Membership.objects.get(member=cast.ben)

    ada.post(reverse("role_set", args=["pets", ben.pk]), {"role": "reviewer"})
    ben.refresh_from_db()
    assert ben.role == "reviewer"
    ada.post(reverse("member_remove", args=["pets", ben.pk]))
    assert not Membership.objects.filter(member=cast.ben).exists()


def test_the_last_owner_stays(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> None:
    ada = browser_of(cast.ada)
    own = Membership.objects.get(member=cast.ada)

    answer = ada.post(
        reverse("member_remove", args=["pets", own.pk]),
        headers={"Referer": f"http://testserver{PEOPLE}"},
        follow=True,
    )

    assert "needs an owner" in answer.content.decode()
    assert Membership.objects.filter(pk=own.pk).exists()
