"""Finding look-alikes in a dataset: one query for a whole batch, by index, never by scanning."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

from apps.datasets.grouping import Alike
from apps.datasets.ingest.lookalike import MAX_DISTANCE, band_keys, distance, probe_keys
from apps.datasets.models import GroupSplit, LookBand, Sample
from apps.datasets.portions import insert_rows


class Look(NamedTuple):
    sample: int
    pdq: str
    group: str


def candidates(dataset_id: int, hashes: Iterable[str]) -> list[Look]:
    """Live samples that may look like one of these; `alike` keeps those that do."""
    keys = {key for pdq in hashes if pdq for key in probe_keys(pdq)}
    if not keys:
        return []
    found = _with_bands(dataset_id, keys)
    rows = Sample.objects.filter(pk__in=found).exclude(status=Sample.Status.WITHDRAWN)
    return [Look(*row) for row in rows.values_list("pk", "pdq", "group") if row[1]]


def _with_bands(dataset_id: int, keys: Iterable[int]) -> list[int]:
    """Samples that have one of these keys. Eight thousand of them for a batch of thirty: as parameters,
    one by one, they cost as much as decoding three of the pictures."""
    table = connection.ops.quote_name(LookBand._meta.db_table)
    listed = ",".join(map(str, sorted(keys)))
    statement = (
        f"SELECT DISTINCT sample_id FROM {table} WHERE dataset_id = %s AND key IN ({listed})"  # noqa: S608 - whole numbers
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [dataset_id])
        return [pk for (pk,) in cursor.fetchall()]


def splits_of(dataset_id: int, groups: Iterable[str]) -> dict[str, str]:
    """{group: split} of those groups that have one."""
    named = set(groups)
    if not named:
        return {}
    rows = GroupSplit.objects.filter(dataset=dataset_id, group__in=named)
    return dict(rows.values_list("group", "split"))


def alike(pdq: str, looks: Iterable[Look], splits: dict[str, str]) -> list[Alike]:
    """Those of `looks` that resemble `pdq`."""
    if not pdq:
        return []
    measured = ((look, distance(pdq, look.pdq)) for look in looks)
    return [
        Alike(look.sample, look.group, splits.get(look.group, ""), bits)
        for look, bits in measured
        if bits <= MAX_DISTANCE
    ]


def index_looks(samples: Iterable[Sample]) -> None:
    """Make new samples findable."""
    rows = (
        (sample.dataset_id, sample.pk, key)
        for sample in samples
        if sample.pdq
        for key in band_keys(sample.pdq)
    )
    insert_rows(LookBand, ("dataset", "sample", "key"), rows)


def resembles(sample: Sample) -> list[Alike]:
    """What a stored sample resembles, the nearest first."""
    looks = [
        look for look in candidates(sample.dataset_id, [sample.pdq]) if look.sample != sample.pk
    ]
    splits = splits_of(sample.dataset_id, (look.group for look in looks))
    return sorted(alike(sample.pdq, looks, splits), key=lambda each: (each.distance, each.sample))
