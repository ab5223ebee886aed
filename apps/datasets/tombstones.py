"""The public list of what was withdrawn from a version: a fixed address, readable by machines."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from apps.datasets.models import Sample, Version, VersionSpan


def tombstones(version: Version) -> QuerySet[Sample]:
    """The withdrawn samples of a version, by their hash."""
    spans = VersionSpan.objects.of(version).filter(sample__status=Sample.Status.WITHDRAWN)
    found: QuerySet[Sample] = Sample.objects.filter(pk__in=spans.values("sample"))
    return found.order_by("blob_sha256")


def as_json(version: Version) -> dict[str, Any]:
    return {
        "dataset": version.dataset.slug,
        "version": version.number,
        "digest": version.digest,
        "withdrawn": list(_rows(version)),
    }


def _rows(version: Version) -> Iterator[dict[str, str]]:
    columns = tombstones(version).values_list("blob_sha256", "withdrawn_at")
    for sha256, at in columns.iterator(5000):
        yield {"sample": sha256, "withdrawn_at": at.isoformat(timespec="seconds") if at else ""}
