"""An archive becomes one receipt per entry."""

import errno
import hashlib

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from apps.datasets import staging
from apps.datasets.actions.manifesting import take_manifest
from apps.datasets.ingest.archive import Bounds, Member, looks_like_zip, zip_members
from apps.datasets.ingest.folders import clean_name
from apps.datasets.ingest.manifest import folder_of, is_manifest
from apps.datasets.ingest.refusal import Refused
from apps.datasets.ingest.tarball import tar_members
from apps.datasets.manifest_problems import told
from apps.datasets.models import Receipt
from apps.datasets.storage import disk_takes, room_of

RENEW_EVERY = 50  # entries


def unpack(receipt: Receipt) -> None:
    """A receipt of its own for each entry. Repeating it (after a crash) adds nothing twice.

    Raises Refused when the archive as a whole cannot be read or stored, OSError when the disk is full.
    """
    bounds = _bounds(receipt)
    images = not receipt.contribution.dataset.holds_texts
    found, manifest = 0, ""
    with staging.path_of(receipt).open("rb") as stream:
        zipped = looks_like_zip(stream.read(8))
        stream.seek(0)
        for member in (zip_members if zipped else tar_members)(stream, bounds):
            found += 1
            if not disk_takes(member.size):
                raise OSError(errno.ENOSPC, "the disk is too full to unpack an archive")
            if not images or member.refusal or not is_manifest(member.name):
                _add_member(receipt, member)
            elif manifest:
                _refuse_member(receipt, member, Refused("second_manifest", found=manifest))
            else:
                manifest = clean_name(member.name)
                _use_manifest(receipt, member)
            if found % RENEW_EVERY == 0:
                receipt.renew_claim()
    receipt.settle(Receipt.Outcome.UNPACKED, facts={"files": found})


def _bounds(receipt: Receipt) -> Bounds:
    return Bounds(
        files=settings.MAX_ARCHIVE_FILES,
        unpacked_bytes=settings.MAX_ARCHIVE_UNPACKED_BYTES,
        room=_room_for(receipt),
        file_bytes=settings.MAX_IMAGE_BYTES,
        ratio=settings.MAX_ARCHIVE_RATIO,
    )


def _room_for(receipt: Receipt) -> int:
    """Bytes its entries may have: what is left, and what it and those taken before a crash have."""
    unpacked = receipt.members.aggregate(total=Sum("size"))["total"] or 0
    return room_of(receipt.contribution.member).left + receipt.size + unpacked


def _add_member(receipt: Receipt, member: Member) -> None:
    if member.refusal:
        _refuse_member(receipt, member, member.refusal)
        return
    arrived = staging.receive([member.data])
    try:
        _stage_member(receipt, clean_name(member.name), arrived)
    finally:
        arrived.drop()


def _use_manifest(receipt: Receipt, member: Member) -> None:
    """An archive's manifest holds for its files, or its receipt says why not; they go on anyway."""
    with transaction.atomic():
        folder = folder_of(member.name)
        read = take_manifest(receipt.contribution, member.data, folder)
        sha256 = hashlib.sha256(member.data).hexdigest()
        if read.problems:
            refusal = Refused("manifest_not_used", **told(read.problems))
            _refuse_member(receipt, member, refusal, sha256)
            return
        Receipt.objects.get_or_create(
            contribution=receipt.contribution,
            name=clean_name(member.name),
            source_sha256=sha256,
            defaults={
                "size": member.size,
                "parent": receipt,
                "outcome": Receipt.Outcome.UNPACKED,
                "code": "manifest_used",
                "facts": {"rows": len(read.rows)},
            },
        )


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


def _refuse_member(receipt: Receipt, member: Member, refusal: Refused, sha256: str = "") -> None:
    Receipt.objects.get_or_create(
        contribution=receipt.contribution,
        name=clean_name(member.name),
        source_sha256=sha256,
        defaults={
            "size": member.size,
            "parent": receipt,
            "outcome": Receipt.Outcome.REFUSED,
            "code": refusal.code,
            "facts": refusal.facts,
        },
    )
