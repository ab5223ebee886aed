"""Look-alikes by group, newest first: what came in resembling something, beside what it resembles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, IntegerField, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from apps.datasets.ingest.lookalike import distance
from apps.datasets.models import Dataset, Sample

SHOWN = 12  # groups of a page
ABREAST = 5  # look-alikes of a group that are shown, besides what they resemble
MANY = 100  # a group is counted up to here


@dataclass(frozen=True)
class Member:
    """A sample of a cluster; `bits` that differ from what it resembled most, None if it resembled none."""

    sample: Sample
    bits: int | None


@dataclass(frozen=True)
class Cluster:
    """The newest look-alikes of a group and what they resembled, the oldest first."""

    group: str
    newest: int
    size: int  # of the whole group, up to MANY + 1
    members: list[Member]


def live(samples: QuerySet[Sample]) -> QuerySet[Sample]:
    return samples.exclude(status=Sample.Status.WITHDRAWN)


def lookalikes_in(dataset: Dataset) -> QuerySet[Sample]:
    found: QuerySet[Sample] = Sample.objects.filter(dataset=dataset, lookalike_of__isnull=False)
    return live(found)


def clusters(dataset: Dataset, before: int | None = None) -> tuple[list[Cluster], bool]:
    """One page of the groups that hold a look-alike, by their newest one; and whether there are more."""
    later = lookalikes_in(dataset).filter(group=OuterRef("group"), pk__gt=OuterRef("pk"))
    heads = lookalikes_in(dataset).exclude(Exists(later))
    if before is not None:
        heads = heads.filter(pk__lt=before)
    sized = heads.annotate(in_group=_size()).order_by("-pk").values_list("group", "pk", "in_group")
    rows = list(sized[: SHOWN + 1])
    members = _members(dataset, [group for group, _pk, _size in rows[:SHOWN]])
    found = [Cluster(group, pk, size, members[group]) for group, pk, size in rows[:SHOWN]]
    return found, len(rows) > SHOWN


def group_size(sample: Sample) -> int:
    """How many live samples are in its group, counted up to MANY + 1."""
    same: QuerySet[Sample] = Sample.objects.filter(dataset=sample.dataset_id, group=sample.group)
    return live(same)[: MANY + 1].count()


class _Count(Subquery):
    """How many rows a limited query finds."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def _size() -> Any:
    same = Sample.objects.filter(dataset=OuterRef("dataset"), group=OuterRef("group"))
    return _Count(live(same).order_by().values("pk")[: MANY + 1])


def _members(dataset: Dataset, groups: Iterable[str]) -> dict[str, list[Member]]:
    ranked = (
        lookalikes_in(dataset)
        .filter(group__in=groups)
        .annotate(place=Window(RowNumber(), partition_by="group", order_by=F("pk").desc()))
    )
    alike = list(ranked.filter(place__lte=ABREAST).select_related("label", "contributor"))
    known = {sample.pk: sample for sample in alike}
    doubles = live(Sample.objects.select_related("label", "contributor")).in_bulk(
        {sample.lookalike_of_id for sample in alike} - known.keys()
    )
    every = known | doubles
    found: dict[str, dict[int, Member]] = {group: {} for group in groups}
    for sample in alike:
        double = every.get(sample.lookalike_of_id or 0)
        bits = distance(sample.pdq, double.pdq) if double and double.pdq else None
        found[sample.group][sample.pk] = Member(sample, bits)
        if double:
            found[sample.group].setdefault(double.pk, Member(double, None))
    return {group: [each[pk] for pk in sorted(each)] for group, each in found.items()}
