"""A lost password: a link by mail, and in the embedded default a file that the page speaks of."""

import re
from types import SimpleNamespace

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse


def test_the_link_lets_a_member_choose_a_new_one(client: Client, cast: SimpleNamespace) -> None:
    client.post(reverse("account_reset_password"), {"email": "ben@example.org"})
    link = re.search(r"http://\S+", mail.outbox[0].body)
    assert link

    form = client.get(link[0], follow=True)
    new = {"password1": "another fine password", "password2": "another fine password"}
    client.post(form.request["PATH_INFO"], new)

    cast.ben.refresh_from_db()
    assert cast.ben.check_password("another fine password")


def test_an_unknown_address_gets_the_same_answer(client: Client, cast: SimpleNamespace) -> None:
    known = client.post(reverse("account_reset_password"), {"email": "ben@example.org"})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_reset_password", "account_reset_password_done"])
def test_the_page_says_where_mail_goes(client: Client, settings: object, name: str) -> None:
    settings.MAIL_GOES_TO_FILES = True  # type: ignore[attr-defined]
    assert "var/mail" in client.get(reverse(name)).content.decode()

    settings.MAIL_GOES_TO_FILES = False  # type: ignore[attr-defined]
    assert "var/mail" not in client.get(reverse(name)).content.decode()
