"""Who is in a version, row by row: what manifest, digest, exports and verification all read."""

from collections.abc import Iterator
from typing import Any

from apps.datasets import seals
from apps.datasets.digest import Row
from apps.datasets.models import Split, Version, VersionSpan

CHUNK = 5000
COLUMNS = [*Row._fields, "media_type", "width", "height", "sealed", "source"]


def rows_of(version: Version) -> Iterator[tuple[Any, ...]]:
    """The version's rows in the manifest's column order, sorted by sample."""
    for _label, row in labelled_rows(version):
        yield row


def labelled_rows(version: Version) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(true class, row): the row of a sealed test sample has the seal in place of its class."""
    names = {item["id"]: item["name"] for item in version.classes}
    fields = (
        "sample__blob_sha256",
        "label_id",
        "split",
        "sample__group",
        "sample__licence",
        "sample__media_type",
        "sample__width",
        "sample__height",
        "sample__source",
    )
    key = version.dataset.seal_key
    ordered = VersionSpan.objects.of(version).order_by("sample__blob_sha256").values_list(*fields)
    for sample, label_id, split, *rest, source in ordered.iterator(CHUNK):
        label = names[label_id]
        if version.sealed and split == Split.TEST:
            seal = seals.seal(key, sample, label)
            yield label, (sample, None, split, *rest, seal, source or None)
        else:
            yield label, (sample, label, split, *rest, None, source or None)


def digested(row: tuple[Any, ...]) -> Row:
    """What of a manifest's row the digest covers."""
    sample, label, split, group, licence, *_, sealed, _source = row
    return Row(sample, f"{seals.MARK}{sealed}" if label is None else label, split, group, licence)
