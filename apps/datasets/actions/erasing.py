"""Erasing the bytes of withdrawn samples: an outbox that a worker drains."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.datasets import blobs
from apps.datasets.models import LookBand, Sample

PORTION = 200


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
    while portion := list(to_erase()[:PORTION]):
        for sha256 in _unused(portion):
            blobs.erase(sha256)
        keys = [sample.pk for sample in portion]
        with transaction.atomic():
            LookBand.objects.filter(sample__in=keys).delete()
            Sample.objects.filter(pk__in=keys).update(erased_at=Now(), excerpt="", pdq="")
        total += len(portion)
    return total


def _unused(portion: Iterable[Sample]) -> set[str]:
    """Blobs of these samples that no live sample of any dataset shares."""
    names = {each.blob_sha256 for each in portion} | {each.thumbnail_sha256 for each in portion}
    live = Sample.objects.exclude(status=Sample.Status.WITHDRAWN)
    used = set(live.filter(blob_sha256__in=names).values_list("blob_sha256", flat=True))
    used |= set(live.filter(thumbnail_sha256__in=names).values_list("thumbnail_sha256", flat=True))
    return names - used - {""}
