"""What a site needs before its first page: a key, the tables, an operator."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from apps.members.actions import create_operator


class Command(BaseCommand):
    help = (
        "Makes VAR_DIR/secret_key where there is none, brings the database up to date, and makes "
        "an operator with a random password where there is none, printed once and kept in "
        "VAR_DIR/operator. Running it again is harmless."
    )
    # The settings let this command alone run before there is a key; checks come with migrate.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", default="operator@localhost", help="the operator's address")
        parser.add_argument("--key-only", action="store_true", help="touch no database")

    def handle(self, *args: Any, **options: Any) -> None:
        var: Path = settings.VAR_DIR
        var.mkdir(parents=True, exist_ok=True)
        self.make_key(var / "secret_key")
        if options["key_only"]:
            return
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        self.make_operator(var / "operator", options["email"])

    def make_key(self, path: Path) -> None:
        if os.environ.get("SECRET_KEY") or path.exists():
            return
        keep(path, secrets.token_urlsafe(50))
        self.stdout.write(f"Made a secret key: {path}")

    def make_operator(self, path: Path, email: str) -> None:
        made = create_operator(email)
        if made is None:
            return
        operator, password = made
        keep(path, f"{operator.username}\n{password}")
        self.stdout.write(f"Made an operator. User: {operator.username}  Password: {password}")
        self.stdout.write(f"Both are kept in {path}; delete it once you know them.")


def keep(path: Path, text: str) -> None:
    """Write a secret that only this user may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(f"{text}\n")
