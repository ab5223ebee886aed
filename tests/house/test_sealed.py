"""The suite's own environment: nothing leaves the machine, nothing of a real site is touched."""

import os
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from kombu import Connection
from playwright.sync_api import Page

from tests.house.sealed import OutsideSocketError


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_a_socket_to_outside_is_refused(host: str) -> None:
    with pytest.raises(OutsideSocketError):
        socket.create_connection((host, 80), timeout=1)


def test_files_go_to_a_folder_of_the_run() -> None:
    assert settings.VAR_DIR.is_relative_to(Path(tempfile.gettempdir()).resolve())


def test_psycopg_3_is_absent_so_django_uses_psycopg2() -> None:
    assert find_spec("psycopg") is None
    assert not is_psycopg3


@pytest.mark.django_db
def test_the_database_is_the_one_of_this_run() -> None:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        assert name == str(settings.VAR_DIR / "potluck.sqlite3")
    else:
        assert os.environ["DATABASE_URL"].endswith(f"/{name}")
    call_command("check", database=["default"])


def test_redis_is_real(redis_url: str) -> None:
    with redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://")) as client:
        assert client.info("server")["redis_version"]
    with Connection(redis_url) as broker:
        queue = broker.SimpleQueue("ring")
        queue.put({"ring": True}, serializer="json")
        assert queue.get(timeout=5).payload == {"ring": True}
        queue.close()


@pytest.mark.browser
def test_the_browser_starts_and_draws_chinese(page: Page) -> None:
    page.set_content("<title>百家饭</title><p>一起做菜</p>")
    assert page.title() == "百家饭"
