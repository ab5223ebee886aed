"""The list of sessions, and ending the others."""

from types import SimpleNamespace

from django.test import Client
from django.urls import reverse

LOGIN = {"login": "ben", "password": "a long enough test password"}


def test_ending_the_others(cast: SimpleNamespace) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        client.post(reverse("account_login"), LOGIN)
        client.get(reverse("home"))

    page = here.get(reverse("usersessions_list")).content.decode()
    assert "Log out everywhere else" in page
    here.post(reverse("usersessions_list"))

    assert here.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account")).status_code == 302
