"""`python manage.py verify_version SLUG@N`: OK, or what differs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.datasets.models import Version
from apps.datasets.verify import differences


class Command(BaseCommand):
    help = (
        "Recompute a version's digest from its manifest and compare manifest, database and files."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", metavar="SLUG@N")

    def handle(self, *args: Any, **options: Any) -> None:
        slug, at, number = str(options["version"]).rpartition("@")
        if not at or not number.isdigit():
            raise CommandError("name the version as SLUG@N, for example birds@3")
        version = Version.objects.filter(dataset__slug=slug, number=int(number)).first()
        if version is None:
            raise CommandError(f"there is no version {slug}@{number}")
        found = 0
        for difference in differences(version):
            found += 1
            self.stdout.write(f"DIFFERS {difference}")
        if found:
            raise CommandError(f"{version}: {found} differences")
        self.stdout.write(f"OK {version} {version.digest} ({version.size} samples)")
