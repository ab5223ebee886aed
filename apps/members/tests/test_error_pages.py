"""What goes wrong still looks like the site, and says what to do."""

import pytest
from django.test import Client
from django.urls import reverse


@pytest.mark.django_db
def test_nothing_at_an_address(client: Client) -> None:
    response = client.get("/no/such/page/")

    assert response.status_code == 404
    assert "Go to the start page" in response.content.decode()


@pytest.mark.django_db
def test_a_wrong_csrf_token_changes_nothing_and_says_so() -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post(reverse("account_login"), {"login": "ben", "password": "x"})

    assert response.status_code == 403
    assert "reload the page" in response.content.decode()
