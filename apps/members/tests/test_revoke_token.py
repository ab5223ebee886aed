"""Revoking ends a token at once; nobody reaches another's."""

from types import SimpleNamespace

from django.test import Client
from django.urls import reverse

from apps.members.actions import create_token
from apps.members.models import ApiToken


def with_token(secret: str) -> dict[str, str]:
    return {"Authorization": f"Token {secret}"}


def test_it_stops_working(browser_of: object, client: Client, cast: SimpleNamespace) -> None:
    token, secret = create_token(cast.ben, "laptop")
    browser = browser_of(cast.ben)  # type: ignore[operator]

    browser.post(reverse("token_revoke", args=[token.token_key]))

    assert client.get(reverse("api_me"), headers=with_token(secret)).status_code == 401


def test_another_members_is_not_found(browser_of: object, cast: SimpleNamespace) -> None:
    token, _secret = create_token(cast.ada, "laptop")
    browser = browser_of(cast.ben)  # type: ignore[operator]

    response = browser.post(reverse("token_revoke", args=[token.token_key]))

    assert response.status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_token_may_end_itself(client: Client, cast: SimpleNamespace) -> None:
    token, secret = create_token(cast.ben, "leaked")
    address = reverse("api_token", args=[token.token_key])

    assert client.delete(address, headers=with_token(secret)).status_code == 204
    assert client.delete(address, headers=with_token(secret)).status_code == 401
