"""TOTP: set up after confirming the password, then asked for at every log-in."""

from types import SimpleNamespace

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from django.urls import reverse

PASSWORD = "a long enough test password"


def code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def test_set_up_shows_a_picture_that_the_policy_allows(
    client: Client, cast: SimpleNamespace
) -> None:
    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    page = client.get(reverse("mfa_activate_totp"))
    assert b'src="data:image/svg' in page.content
    secret = page.context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": code(secret)})

    assert Authenticator.objects.filter(user=cast.ben, type=Authenticator.Type.TOTP).exists()


def test_logging_in_asks_for_the_code(client: Client, cast: SimpleNamespace) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(cast.ben, secret)

    asked = client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})
    assert asked.url.startswith(reverse("mfa_authenticate"))
    assert "_auth_user_id" not in client.session
    assert client.get(asked.url).status_code == 200

    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "_auth_user_id" not in client.session
    client.post(reverse("mfa_authenticate"), {"code": code(secret)})
    assert client.session["_auth_user_id"] == str(cast.ben.pk)


def test_the_account_page_says_whether_it_is_on(client: Client, cast: SimpleNamespace) -> None:
    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})
    assert "Set up second factor" in client.get(reverse("account")).content.decode()

    TOTP.activate(cast.ben, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    assert "Manage second factor" in client.get(reverse("account")).content.decode()
