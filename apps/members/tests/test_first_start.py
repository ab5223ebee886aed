"""The first start: a key, then an operator; the second start: nothing."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command


@pytest.fixture
def var(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path / "var"  # type: ignore[attr-defined]
    monkeypatch.delenv("SECRET_KEY", raising=False)
    return tmp_path / "var"


def start(*options: str) -> str:
    out = StringIO()
    call_command("first_start", *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_operator_can_log_in_with_what_is_printed(var: Path) -> None:
    printed = start()
    name, password = (var / "operator").read_text().split()

    operator = get_user_model().objects.get(username=name)
    assert operator.is_superuser
    assert operator.check_password(password)
    assert password in printed
    assert len((var / "secret_key").read_text()) > 50


@pytest.mark.django_db
def test_secrets_are_for_their_owner_alone(var: Path) -> None:
    start()

    for name in ("secret_key", "operator"):
        assert (var / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_again_changes_nothing(var: Path) -> None:
    start()
    kept = {path.name: path.read_text() for path in var.iterdir()}

    assert start() == ""
    assert {path.name: path.read_text() for path in var.iterdir()} == kept
    assert get_user_model().objects.count() == 1


def test_the_key_alone_needs_no_database(var: Path) -> None:
    start("--key-only")

    assert [path.name for path in var.iterdir()] == ["secret_key"]


def test_a_key_in_the_environment_is_enough(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "from elsewhere")

    start("--key-only")

    assert not list(var.iterdir())
