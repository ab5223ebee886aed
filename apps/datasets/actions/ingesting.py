"""Ingest: claims waiting receipts, reads each file once, and writes down what became of it.

Claims are leases by the database's clock, so a killed worker's files are taken up by the next one;
a file that breaks its worker three times is set aside.
"""

import logging
import uuid
from datetime import timedelta
from zipfile import ZipFile, ZipInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.datasets import blobs, staging
from apps.datasets.ingest.archive import (
    Bounds,
    check_entry,
    entries_of,
    open_archive,
    read_entry,
)
from apps.datasets.ingest.folders import class_key, clean_name, folder_claims
from apps.datasets.ingest.image import CleanImage, clean_image
from apps.datasets.ingest.refusal import Refused
from apps.datasets.models import Annotation, Contribution, LabelClass, Receipt, Sample
from apps.errors import RuleError
from apps.state.actions import move

log = logging.getLogger(__name__)

CLAIM_SECONDS = 120
CLAIM_SIZE = 16
MAX_TRIES = 3
Outcome = Receipt.Outcome


def drain_ingest() -> int:
    """Process every waiting receipt, then settle finished contributions. Returns files handled."""
    handled = 0
    while batch := claim_receipts():
        classes = ClassFinder()
        for receipt in batch:
            process_receipt(receipt, classes)
        handled += len(batch)
        settle_contributions()
    settle_contributions()
    return handled


def claim_receipts() -> list[Receipt]:
    """Lease up to CLAIM_SIZE waiting receipts to this caller; nobody else gets the same ones."""
    free = Q(outcome=Outcome.WAITING) & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    keys = list(
        Receipt.objects.filter(free).order_by("pk").values_list("pk", flat=True)[:CLAIM_SIZE]
    )
    claim = uuid.uuid4().hex
    Receipt.objects.filter(free, pk__in=keys).update(
        claimed_by=claim,
        claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS),
        tries=F("tries") + 1,
    )
    ours = Receipt.objects.filter(pk__in=keys, claimed_by=claim).select_related("contribution")
    return list(ours.order_by("pk"))


class ClassFinder:
    """Looks a class up by its spelling, reading each dataset's classes once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, LabelClass]] = {}

    def find(self, dataset_id: int, name: str) -> LabelClass | None:
        if dataset_id not in self._known:
            found = LabelClass.objects.filter(dataset_id=dataset_id)
            self._known[dataset_id] = {class_key(label.name): label for label in found}
        return self._known[dataset_id].get(class_key(name))


def process_receipt(receipt: Receipt, classes: ClassFinder) -> None:
    """Give one claimed receipt its outcome. A bad file never reaches past its own receipt."""
    try:
        if receipt.contribution.status == Contribution.Status.DISCARDED:
            raise Refused("discarded")
        if receipt.tries > MAX_TRIES:
            raise Refused("crashed_ingest")
        if receipt.archive:
            _unpack(receipt)
        else:
            _take_image(receipt, classes)
    except Refused as refusal:
        settle(receipt, Outcome.REFUSED, code=refusal.code, facts=refusal.facts)
    except FileNotFoundError:
        settle(receipt, Outcome.REFUSED, code="lost_upload")
    staging.path_of(receipt).unlink(missing_ok=True)


def settle(receipt: Receipt, outcome: str, **fields: object) -> None:
    """Write the outcome once: only while this worker's claim still holds."""
    mine = Receipt.objects.filter(
        pk=receipt.pk, outcome=Outcome.WAITING, claimed_by=receipt.claimed_by
    )
    if not mine.update(outcome=outcome, **fields):
        raise RuleError("claim_lost", "another worker has taken this file over")
    receipt.outcome = outcome


def _take_image(receipt: Receipt, classes: ClassFinder) -> None:
    data = staging.path_of(receipt).read_bytes()
    clean = clean_image(data, max_pixels=settings.MAX_IMAGE_PIXELS)
    blob = blobs.sha256_of(clean.data)
    if _duplicate_of(receipt, clean, blob):
        return
    blobs.put(clean.data)
    thumbnail = blobs.put(clean.thumbnail) if clean.thumbnail else blob
    try:
        with transaction.atomic():
            sample = _create_sample(receipt, clean, blob, thumbnail, classes)
            fixed = Outcome.FIXED if clean.fixes else Outcome.ACCEPTED
            settle(receipt, fixed, sample=sample, facts={"fixes": clean.fixes})
    except IntegrityError:  # the same pixels came in beside us
        _duplicate_of(receipt, clean, blob)
    except RuleError:  # our claim ran out: whoever has it now writes the receipt and the sample
        log.warning("lost the claim on receipt %s", receipt.pk)


def _duplicate_of(receipt: Receipt, clean: CleanImage, blob: str) -> bool:
    """The same pixels; or the very bytes we store: someone sends back what they downloaded."""
    bytes_of_ours = [blob, receipt.source_sha256]
    same = Q(pixel_sha256=clean.pixel_sha256) | Q(blob_sha256__in=bytes_of_ours)
    twin = (
        Sample.objects.filter(same, dataset_id=receipt.contribution.dataset_id)
        .exclude(status=Sample.Status.WITHDRAWN)
        .first()
    )
    if twin is None:
        return False
    settle(receipt, Outcome.DUPLICATE, code="duplicate", sample=twin)
    return True


def _create_sample(
    receipt: Receipt, clean: CleanImage, blob: str, thumbnail: str, classes: ClassFinder
) -> Sample:
    contribution = receipt.contribution
    claims = folder_claims(receipt.name)
    label = classes.find(contribution.dataset_id, claims.label) if claims.label else None
    if not claims.label:
        label = contribution.default_class
    sample = Sample.objects.create(
        dataset_id=contribution.dataset_id,
        contribution=contribution,
        contributor_id=contribution.member_id,
        label=label,
        claimed_class="" if label else claims.label,
        blob_sha256=blob,
        thumbnail_sha256=thumbnail,
        pixel_sha256=clean.pixel_sha256,
        media_type=clean.media_type,
        width=clean.width,
        height=clean.height,
        size=len(clean.data),
        group=clean.pixel_sha256[:32],
        declared_split=claims.split,
    )
    if label:
        Annotation.objects.create(
            sample=sample, label=label, by_id=contribution.member_id, role=Annotation.As.UPLOADER
        )
    return sample


def _bounds() -> Bounds:
    return Bounds(
        files=settings.MAX_ARCHIVE_FILES,
        unpacked_bytes=settings.MAX_ARCHIVE_UNPACKED_BYTES,
        file_bytes=settings.MAX_IMAGE_BYTES,
        ratio=settings.MAX_ARCHIVE_RATIO,
    )


def _unpack(receipt: Receipt) -> None:
    """A receipt of its own for each entry. Repeating it (after a crash) adds nothing twice."""
    bounds = _bounds()
    found = 0
    with staging.path_of(receipt).open("rb") as stream, open_archive(stream, bounds) as archive:
        for entry in entries_of(archive):
            found += 1
            _add_member(receipt, clean_name(entry.filename), archive, entry, bounds)
            if found % CLAIM_SIZE == 0:
                _renew(receipt)
    settle(receipt, Outcome.UNPACKED, facts={"files": found})


def _renew(receipt: Receipt) -> None:
    Receipt.objects.filter(pk=receipt.pk, claimed_by=receipt.claimed_by).update(
        claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS)
    )


def _add_member(
    receipt: Receipt, name: str, archive: ZipFile, entry: ZipInfo, bounds: Bounds
) -> None:
    try:
        check_entry(entry, bounds)
        data = read_entry(archive, entry, bounds)
    except Refused as refusal:
        _refuse_member(receipt, name, entry.file_size, refusal)
        return
    arrived = staging.receive([data])
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
            "outcome": Outcome.REFUSED,
            "code": refusal.code,
            "facts": refusal.facts,
        },
    )


def settle_contributions() -> None:
    """Every finished contribution whose receipts all have an outcome becomes ready."""
    processing = Contribution.objects.filter(status=Contribution.Status.PROCESSING)
    for contribution in processing.exclude(receipts__outcome=Outcome.WAITING):
        try:
            move(contribution, Contribution.Status.READY)
        except RuleError:  # another worker was first
            continue
