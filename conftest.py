"""What every test shares: test settings, the browser, a throw-away Redis."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from django.db import connection

ROOT = Path(__file__).resolve().parent
LAN_HOST = "potluck.lan"

pytest_plugins = ["apps.datasets.tests.cast"]

# No deadline: these machines are shared, and a test here says what happens, not how fast.
hypothesis.settings.register_profile("local", deadline=None)
# In CI the same examples every time: a change is judged by itself. New ones are sought elsewhere.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure() -> None:
    # The slow hash that protects passwords is most of the time of a suite full of log-ins.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Hashed names need collectstatic first; `make run` and `make demo` exercise them.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    database = settings.DATABASES["default"]
    # A connection kept open by a live server's thread keeps the test database from being dropped.
    database["CONN_MAX_AGE"] = 0
    if database["ENGINE"].endswith("sqlite3"):
        # A file, as in production, and not shared memory: that has other locks. And the file that
        # the settings name in this run's own VAR_DIR, so that child processes open the same one.
        database.setdefault("TEST", {})["NAME"] = str(database["NAME"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "accept"):
            item.add_marker(pytest.mark.accept)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """On PostgreSQL one database per xdist worker; on SQLite each has its own folder already."""
    if connection.vendor == "postgresql":
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Child processes (workers, commands) of a test find its database, not the server's own."""
    if connection.vendor == "postgresql":
        parts = urlsplit(os.environ["DATABASE_URL"])
        name = str(connection.settings_dict["NAME"])
        os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))


@pytest.fixture(autouse=True)
def nothing_remembered_of_the_test_before() -> None:
    """The next test's members have the same keys."""
    caches["here"].clear()


@pytest.fixture(autouse=True)
def no_files_of_the_test_before() -> Iterator[None]:
    """A blob that one test damaged has the same content, and so the same name, in the next."""
    yield
    for entry in settings.VAR_DIR.iterdir():
        if entry.name == "messages":
            for message in entry.iterdir():
                message.unlink(missing_ok=True)
        # control: the transport's table of queues, which it reads only when it connects.
        elif entry.is_dir() and entry.name not in ("static", "control"):
            shutil.rmtree(entry)


# ------------------------------------------------------------------------------------- browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The distribution's Chromium, quiet: Playwright's own cannot be assumed to be downloadable."""
    return {
        **browser_type_launch_args,
        "executable_path": shutil.which("chromium"),
        # Chromium refuses to sandbox when it runs as root.
        "chromium_sandbox": os.geteuid() != 0,
        "args": [
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            # A site in a local network: plain http under a name that is not this machine's own.
            f"--host-resolver-rules=MAP {LAN_HOST} 127.0.0.1",
        ],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1280, "height": 800}}


# --------------------------------------------------------------------------------------- Redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL (`redis+socket://…`) of a Redis of this test process's own, on a Unix socket only."""
    # Not under pytest's tmp_path: a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="potluck-redis-"))
    path = folder / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path)]
    command += ["--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_redis(path, server)
            yield f"redis+socket://{path}"
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(folder)


def wait_for_redis(path: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    with redis.Redis(unix_socket_path=str(path)) as client:
        while time.monotonic() < deadline and server.poll() is None:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    pytest.fail("redis-server did not start")


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """The same, empty at the start of each test."""
    with redis.Redis(unix_socket_path=redis_server.removeprefix("redis+socket://")) as client:
        client.flushall()
        yield redis_server
