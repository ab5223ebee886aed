"""Groups get their splits when a version first takes them in: as declared, else by quota; for good.

The database sorts and the rows stream by, so memory does not grow with the dataset.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import CharField, Count, Exists, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from apps.datasets.actions.freezing import freezable
from apps.datasets.models import Dataset, GroupSplit, Sample
from apps.datasets.portions import analyze, insert_rows, portions
from apps.datasets.splits import Shares, declared_split, fill

CHUNK = 5000
MANY = 5000  # new rows after which the database's statistics would mislead its planner


class Rank(Func):
    """`splits.rank`, by the database. (Django's own SHA256 needs an extension on PostgreSQL.)"""

    function = "SHA256"
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **context)


def give_splits(dataset: Dataset) -> None:
    """A split for each approved sample that has none: its group's, else a new one for the group."""
    _copy(dataset)
    _keep(dataset, _declared(dataset))
    _copy(dataset)  # before the rest is shared out: what is declared counts
    _keep(dataset, _filled(dataset))
    _copy(dataset)


def _fresh(dataset: Dataset) -> QuerySet[Sample]:
    return freezable(dataset).filter(split="")


def _copy(dataset: Dataset) -> None:
    """Samples get the split that their group has."""
    given = GroupSplit.objects.filter(dataset=dataset, group=OuterRef("group"))
    fresh = _fresh(dataset)
    for keys in portions(fresh.filter(Exists(given))):
        fresh.filter(pk__in=keys).update(split=Subquery(given.values("split")))


def _keep(dataset: Dataset, chosen: Iterable[tuple[str, str]]) -> None:
    rows = ((dataset.pk, group, split) for group, split in chosen)
    if insert_rows(GroupSplit, ("dataset", "group", "split"), rows) >= MANY:
        analyze(GroupSplit)


def _declared(dataset: Dataset) -> Iterator[tuple[str, str]]:
    named = _fresh(dataset).exclude(declared_split="").order_by("group")
    rows = named.values_list("group", "declared_split").distinct().iterator(CHUNK)
    for group, pairs in groupby(rows, key=itemgetter(0)):
        yield group, declared_split(split for _group, split in pairs)


def _filled(dataset: Dataset) -> Iterator[tuple[str, str]]:
    shares = Shares(dataset.validation_percent, dataset.test_percent)
    samples = freezable(dataset).order_by()
    totals = dict(samples.values_list("label__name").annotate(n=Count("pk")))
    fresh = samples.filter(split="").values_list("label__name")
    waiting = dict(fresh.annotate(n=Count("group", distinct=True)))
    split = samples.exclude(split="").values_list("label__name", "split").annotate(n=Count("pk"))
    taken = Counter({(label, each): number for label, each, number in split})
    return fill(_groups(dataset), totals, waiting, taken, shares)


def _groups(dataset: Dataset) -> Iterator[tuple[str, Counter[str]]]:
    """Each group without a split with its samples by class, in the order of their rank."""
    rank = Rank(Concat(Value(f"{dataset.split_salt}\n"), "group"))
    counted = _fresh(dataset).annotate(rank=rank).values_list("rank", "group", "label__name")
    rows = counted.annotate(n=Count("pk")).order_by("rank", "label__name").iterator(CHUNK)
    for group, found in groupby(rows, key=itemgetter(1)):
        yield group, Counter({label: number for _rank, _group, label, number in found})
