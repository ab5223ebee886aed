"""Signing up: open or closed by setting."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

SENT = {
    "username": "nora",
    "email": "nora@example.org",
    "password1": "quiet green kettle",
    "password2": "quiet green kettle",
}
pytestmark = pytest.mark.django_db


def test_a_new_member_is_logged_in_and_lands_at_home(client: Client) -> None:
    response = client.post(reverse("account_signup"), SENT)

    assert response.status_code == 302
    assert response.url == reverse("home")
    assert client.session["_auth_user_id"] == str(get_user_model().objects.get(username="nora").pk)


def test_errors_stand_beside_their_fields(client: Client) -> None:
    response = client.post(
        reverse("account_signup"), SENT | {"password1": "short", "password2": "short"}
    )

    assert "at least 10 characters" in str(response.context["form"].errors["password1"])
    assert b'aria-invalid="true"' in response.content
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize(("password", "made"), [("green pond", True), ("green pot", False)])
def test_a_password_has_ten_characters(client: Client, password: str, made: bool) -> None:
    client.post(reverse("account_signup"), SENT | {"password1": password, "password2": password})

    assert get_user_model().objects.exists() == made


def test_closed_says_so_and_makes_nobody(client: Client, settings: object) -> None:
    settings.SIGNUP_OPEN = False  # type: ignore[attr-defined]

    page = client.get(reverse("account_signup"))
    posted = client.post(reverse("account_signup"), SENT)

    assert "made by its operator" in page.content.decode()
    assert "made by its operator" in posted.content.decode()
    assert not get_user_model().objects.exists()


def test_closed_offers_no_link_to_it(client: Client, settings: object) -> None:
    settings.SIGNUP_OPEN = False  # type: ignore[attr-defined]

    for name in ("home", "account_login"):
        assert reverse("account_signup") not in client.get(reverse(name)).content.decode()
