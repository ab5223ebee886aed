"""The language switch keeps the page."""

import pytest
from django.test import Client
from django.urls import reverse


@pytest.mark.django_db
def test_it_leads_back_and_is_remembered(client: Client) -> None:
    page = reverse("datasets") + "?q=cat"
    response = client.post(reverse("set_language"), {"language": "zh-hans", "next": page})

    assert response.url == page
    assert '<html lang="zh-hans">' in client.get(page).content.decode()


@pytest.mark.django_db
def test_it_leads_nowhere_else(client: Client) -> None:
    response = client.post(
        reverse("set_language"), {"language": "en", "next": "https://elsewhere.example/"}
    )

    assert "elsewhere" not in response.url
