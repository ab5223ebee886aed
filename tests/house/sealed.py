"""A pytest plugin: every run gets an environment of its own and no way out of this machine.

Loaded by `-p` in pyproject.toml and not by conftest.py, because pytest-django reads the settings, and
they the environment, before any conftest.py is imported. Under xdist each worker process loads it
again, so each has its own folder, SQLite file and message folder.
"""

import atexit
import ipaddress
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

# What the settings read from the environment: whatever the person who runs the suite has set for
# a real site must not reach it.
SITE_VARIABLES = (
    "ALLOWED_HOSTS", "BEHIND_TLS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL", "DEBUG", "EMAIL_URL",
    "REDIS_URL", "SECRET_KEY", "SIGNUP_OPEN", "SITE_URL", "STORAGE_URL", "VAR_DIR", "WORKER_NAME",
)  # fmt: skip


def seal_environment() -> None:
    for name in SITE_VARIABLES:
        os.environ.pop(name, None)
    var = Path(tempfile.mkdtemp(prefix="potluck-tests-"))
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    # WhiteNoise warns about a missing folder, and a warning is an error here.
    (var / "static").mkdir()
    os.environ |= {
        "VAR_DIR": str(var),
        "SECRET_KEY": "sealed-tests-only-8d1f0a9b7c6e5d4c3b2a1908f7e6d5c4b3a29180",
        "ALLOW_SQLITE": "1",
        # Playwright's synchronous interface runs an event loop in the thread of the test.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        # Two xdist workers on two cores: more threads each would only wait for one another.
        "OMP_NUM_THREADS": "1",
    }
    if url := os.environ.get("TEST_DATABASE_URL"):
        os.environ["DATABASE_URL"] = url


def is_local(host: object) -> bool:
    if not isinstance(host, str | bytes):
        return host is None
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class OutsideSocketError(RuntimeError):
    def __init__(self, host: object) -> None:
        super().__init__(f"a test tried to reach {host!r}; the suite may talk to this machine only")


def seal_sockets() -> None:
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise OutsideSocketError(address[0])
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            raise OutsideSocketError(host)
        return look_up(host, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_look_up


seal_environment()
seal_sockets()
