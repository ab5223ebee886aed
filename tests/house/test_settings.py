"""Settings come from the environment, and what must not start does not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import is_psycopg3

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-of-this-test-alone-5c4b3a2918070f6e5d4c3b2a1"
PRINT = (
    "from django.conf import settings as s; "
    "print(s.DATABASES['default']['ENGINE'], s.CELERY_BROKER_URL, s.STORAGES['blobs']['BACKEND'])"
)


def start(tmp_path: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = kept | {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"} | env
    command = [sys.executable, "-c", PRINT]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ALLOW_SQLITE": "1"}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "development-only-key-never-for-a-served-site"}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": KEY}, "SQLite with DEBUG off"),
    ],
)
def test_what_must_not_start_says_why(tmp_path: Path, env: dict[str, str], said: str) -> None:
    result = start(tmp_path, **env)
    assert result.returncode
    assert said in result.stderr


def test_unset_means_the_embedded_default(tmp_path: Path) -> None:
    result = start(tmp_path, SECRET_KEY=KEY, ALLOW_SQLITE="1")
    assert result.stdout.split() == [
        "django.db.backends.sqlite3",
        "filesystem://localhost",
        "apps.datasets.blob_files.BlobFiles",
    ], result.stderr


def test_the_environment_means_production(tmp_path: Path) -> None:
    result = start(
        tmp_path,
        SECRET_KEY=KEY,
        DATABASE_URL="postgres://potluck:secret@db/potluck",
        REDIS_URL="redis://redis:6379/0",
        STORAGE_URL="s3://bucket?endpoint=https://store.example&region=eu",
    )
    assert result.stdout.split() == [
        "django.db.backends.postgresql",
        "redis://redis:6379/0",
        "storages.backends.s3.S3Storage",
    ], result.stderr


def test_a_key_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text(KEY)
    assert start(tmp_path, ALLOW_SQLITE="1").returncode == 0


def test_psycopg_3_is_not_there() -> None:
    """Django would silently prefer it."""
    assert not is_psycopg3


def test_a_broker_that_is_down_costs_no_request(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from apps.state import doorbell  # noqa: PLC0415 - needs Django set up

    def down(*args: Any, **options: Any) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(doorbell.current_app, "send_task", down)
    with django_capture_on_commit_callbacks(execute=True):
        doorbell.ring("some.task")
    assert doorbell.cache.add("ring:some.task", 1)  # so the next ring tries again
