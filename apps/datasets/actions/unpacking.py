"""An archive becomes one receipt per entry."""

from django.conf import settings
from django.db import transaction

from apps.datasets import staging
from apps.datasets.ingest.archive import Bounds, Member, looks_like_zip, zip_members
from apps.datasets.ingest.folders import clean_name
from apps.datasets.ingest.refusal import Refused
from apps.datasets.ingest.tarball import tar_members
from apps.datasets.models import Receipt

RENEW_EVERY = 50  # entries


def unpack(receipt: Receipt) -> None:
    """A receipt of its own for each entry. Repeating it (after a crash) adds nothing twice.

    Raises Refused when the archive as a whole cannot be read.
    """
    bounds = _bounds()
    found = 0
    with staging.path_of(receipt).open("rb") as stream:
        zipped = looks_like_zip(stream.read(8))
        stream.seek(0)
        for member in (zip_members if zipped else tar_members)(stream, bounds):
            found += 1
            _add_member(receipt, member)
            if found % RENEW_EVERY == 0:
                receipt.renew_claim()
    receipt.settle(Receipt.Outcome.UNPACKED, facts={"files": found})


def _bounds() -> Bounds:
    return Bounds(
        files=settings.MAX_ARCHIVE_FILES,
        unpacked_bytes=settings.MAX_ARCHIVE_UNPACKED_BYTES,
        file_bytes=settings.MAX_IMAGE_BYTES,
        ratio=settings.MAX_ARCHIVE_RATIO,
    )


def _add_member(receipt: Receipt, member: Member) -> None:
    name = clean_name(member.name)
    if member.refusal:
        _refuse_member(receipt, name, member.size, member.refusal)
        return
    arrived = staging.receive([member.data])
    try:
        _stage_member(receipt, name, arrived)
    finally:
        arrived.drop()


def _stage_member(receipt: Receipt, name: str, arrived: staging.Arrived) -> None:
    with transaction.atomic():
        member, created = Receipt.objects.get_or_create(
            contribution=receipt.contribution,
            name=name,
            source_sha256=arrived.sha256,
            defaults={"size": arrived.size, "parent": receipt},
        )
        if created:
            arrived.keep_for(member)


def _refuse_member(receipt: Receipt, name: str, size: int, refusal: Refused) -> None:
    Receipt.objects.get_or_create(
        contribution=receipt.contribution,
        name=name,
        source_sha256="",
        defaults={
            "size": size,
            "parent": receipt,
            "outcome": Receipt.Outcome.REFUSED,
            "code": refusal.code,
            "facts": refusal.facts,
        },
    )
