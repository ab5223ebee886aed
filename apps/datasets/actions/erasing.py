"""Erasing the bytes of withdrawn samples: an outbox that a worker drains."""

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.datasets import blobs
from apps.datasets.models import LookBand, Sample

PORTION = 50  # on SQLite everybody who writes waits for one


def to_erase() -> QuerySet[Sample]:
    """Withdrawn samples whose bytes are still there."""
    found: QuerySet[Sample] = Sample.objects.filter(
        status=Sample.Status.WITHDRAWN, erased_at=None
    ).order_by("pk")
    return found


def erase_withdrawn() -> int:
    """Delete bytes, thumbnail, text and look of every withdrawn sample; returns how many.

    Repeating it (after a crash) is harmless: bytes go first, the mark that they are gone after.
    """
    total = 0
    while done := _erase_portion():
        total += done
    return total


def _erase_portion() -> int:
    """The blobs are held meanwhile: what ingest is about to use is either kept or put back by it."""
    with transaction.atomic():
        portion = list(to_erase()[:PORTION])
        names = {each.blob_sha256 for each in portion} | {each.thumbnail_sha256 for each in portion}
        names.discard("")
        blobs.hold(names)
        for sha256 in names - _in_use(names):
            blobs.erase(sha256)
        keys = [sample.pk for sample in portion]
        LookBand.objects.filter(sample__in=keys).delete()
        Sample.objects.filter(pk__in=keys).update(erased_at=Now(), excerpt="", pdq="")
    return len(portion)


def _in_use(names: set[str]) -> set[str]:
    """Those of these blobs that a live sample of any dataset has."""
    live = Sample.objects.exclude(status=Sample.Status.WITHDRAWN)
    used = set(live.filter(blob_sha256__in=names).values_list("blob_sha256", flat=True))
    used |= set(live.filter(thumbnail_sha256__in=names).values_list("thumbnail_sha256", flat=True))
    return used
