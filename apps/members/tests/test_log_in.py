"""Logging in and out."""

from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

PASSWORD = "a long enough test password"


@pytest.mark.parametrize("login", ["ben", "ben@example.org"])
def test_by_name_or_address(client: Client, cast: SimpleNamespace, login: str) -> None:
    response = client.post(reverse("account_login"), {"login": login, "password": PASSWORD})

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(cast.ben.pk)


def test_a_wrong_password_does_not_say_which_part_was_wrong(
    client: Client, cast: SimpleNamespace
) -> None:
    known = client.post(reverse("account_login"), {"login": "ben", "password": "wrong"})
    unknown = client.post(reverse("account_login"), {"login": "nobody", "password": "wrong"})

    assert known.context["form"].errors == unknown.context["form"].errors
    assert "_auth_user_id" not in client.session


def test_the_session_gets_a_new_key(client: Client, cast: SimpleNamespace) -> None:
    client.post(reverse("set_language"), {"language": "en"})
    session = client.session
    session["something"] = 1
    session.save()
    before = client.session.session_key

    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})

    assert client.session.session_key != before


def test_it_leads_back_to_the_page_that_asked(client: Client, cast: SimpleNamespace) -> None:
    asked = client.get(reverse("tokens"))
    assert asked.url == f"{reverse('account_login')}?next={reverse('tokens')}"

    response = client.post(
        asked.url, {"login": "ben", "password": PASSWORD, "next": reverse("tokens")}
    )

    assert response.url == reverse("tokens")


def test_guessing_is_slowed_down(client: Client, cast: SimpleNamespace) -> None:
    for _ in range(30):
        response = client.post(reverse("account_login"), {"login": "ben", "password": "wrong"})

    assert response.status_code == 429 or "Too many" in response.content.decode()


def test_log_out(browser_of: object, cast: SimpleNamespace) -> None:
    client = browser_of(cast.ben)  # type: ignore[operator]

    assert client.get(reverse("account_logout")).status_code == 200
    client.post(reverse("account_logout"))

    assert "_auth_user_id" not in client.session
