"""A session is read by one statement, and ends as Django's own do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone


@pytest.fixture
def ben(cast: Any, browser_of: Any) -> Client:
    client: Client = browser_of(cast.ben)
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/password/change/").status_code == 200


def test_while_it_lasts(ben: Client) -> None:
    assert is_in(ben)
    with CaptureQueriesContext(connection) as asked:
        assert is_in(ben)
    read = [each["sql"] for each in asked if "django_session" in each["sql"]]
    assert len(read) == 1
    assert read[0].startswith("SELECT session_data")


def test_it_expires(ben: Client) -> None:
    now = timezone.now()
    Session.objects.update(expire_date=now + timedelta(minutes=1))
    assert is_in(ben)
    Session.objects.update(expire_date=now - timedelta(minutes=1))
    assert not is_in(ben)


def test_logging_out_ends_it_for_whoever_kept_its_cookie(ben: Client) -> None:
    thief = Client()
    thief.cookies.update(ben.cookies)
    assert is_in(thief)
    ben.post("/account/logout/")
    assert not is_in(thief)


@pytest.mark.parametrize("key", ["", "short", "x" * 32, "é" * 20, "' OR 1=1 --      "])
def test_a_made_up_key_is_nobody(ben: Client, key: str) -> None:
    ben.cookies["sessionid"] = key
    assert not is_in(ben)


def test_what_it_holds_is_kept(ben: Client) -> None:
    session = ben.session
    session["kept"] = {"a": [1, "二"]}
    session.save()
    assert ben.session["kept"] == {"a": [1, "二"]}
