"""A token authenticates its member, leaves a trace of the day, and ends."""

from datetime import timedelta
from types import SimpleNamespace

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.members.actions import create_token
from apps.members.models import ApiToken


def test_it_is_its_member(client: Client, cast: SimpleNamespace) -> None:
    _token, secret = create_token(cast.ben, "laptop")

    answer = client.get(reverse("api_me"), headers={"Authorization": f"Token {secret}"})

    assert answer.json()["username"] == "ben"


def test_the_day_is_noted_once(client: Client, cast: SimpleNamespace) -> None:
    token, secret = create_token(cast.ben, "laptop")
    headers = {"Authorization": f"Token {secret}"}
    client.get(reverse("api_me"), headers=headers)
    token.refresh_from_db()
    assert token.last_used is not None

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("api_me"), headers=headers)
    assert not [each for each in queries if each["sql"].startswith('UPDATE "members_apitoken"')]


def test_an_expired_one_is_refused(client: Client, cast: SimpleNamespace) -> None:
    token, secret = create_token(cast.ben, "old")
    ApiToken.objects.filter(pk=token.pk).update(expiry=timezone.now() - timedelta(seconds=1))

    answer = client.get(reverse("api_me"), headers={"Authorization": f"Token {secret}"})

    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"


def test_the_list_shows_no_secret(client: Client, cast: SimpleNamespace) -> None:
    _token, secret = create_token(cast.ben, "laptop")
    create_token(cast.ada, "hers")

    rows = client.get(reverse("api_tokens"), headers={"Authorization": f"Token {secret}"}).json()

    assert [row["name"] for row in rows] == ["laptop"]
    assert secret not in str(rows)
