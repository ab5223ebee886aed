"""What a dataset is made of, by class, by source, by contributor: for the page, the API and the CSV.

Everything is a sum over tallies. Two things no tally knows: a source that a manifest gives to single
files, and which samples are in a sealed test split. Only where there is one of these a few samples
are counted, at most once in a quarter of an hour, and the page says when.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from apps.datasets import seals, tallies
from apps.datasets.crosstab import Imbalance, Matrix, Tell, imbalance, matrix, shade, tells
from apps.datasets.models import Dataset, LabelClass, ManifestRow, Sample, Split, Version

QUARTER = 15 * 60
LIVE = frozenset({Sample.Status.APPROVED, Sample.Status.PENDING})


class Kind(NamedTuple):
    """What samples are counted together; `label` 0 is no class, an empty source none given."""

    label: int
    source: str
    contributor: str
    status: str


@dataclass(frozen=True)
class Counts:
    """Samples by kind; `at` is when they were counted, None for now; `sealed` ones are left out."""

    by_kind: dict[Kind, int]
    at: datetime | None = None
    sealed: bool = False

    def cells(self, column: str) -> dict[tuple[int, str], int]:
        """{(class, `source` or `contributor`): approved and pending samples}."""
        found: Counter[tuple[int, str]] = Counter()
        for kind, number in self.by_kind.items():
            if kind.status in LIVE:
                found[kind.label, getattr(kind, column)] += number
        return dict(found)


def count_kinds(dataset: Dataset) -> Counts:
    """By class, source, contributor and status. Of a dataset with sealed test labels: without them."""
    closed = seals.closed(dataset)
    manifests = ManifestRow.objects.filter(contribution__dataset=dataset)
    if not closed and not manifests.exists():
        return Counts(_tallied(dataset))
    key = f"insights:{dataset.pk}:{closed}"
    kept = cache.get(key)
    if kept is None:
        rows = [(*kind, number) for kind, number in _counted(dataset, manifests, closed).items()]
        kept = rows, timezone.now()
        cache.set(key, kept, QUARTER)
    rows, at = kept
    return Counts({Kind(*row[:4]): row[4] for row in rows}, at, closed)


def _tallied(dataset: Dataset, but: Any = ()) -> dict[Kind, int]:
    rows = dataset.tallies.exclude(contribution__in=but).values_list(
        "label", "contribution__source", "contribution__member__username", "status"
    )
    counted = rows.annotate(n=Sum("number")).order_by()
    return {Kind(*key): number for *key, number in counted if number}


def _counted(dataset: Dataset, manifests: QuerySet[ManifestRow], closed: bool) -> dict[Kind, int]:
    """Tallies, but for what they cannot know."""
    listed = list(manifests.order_by().values_list("contribution", flat=True).distinct())
    counts = Counter(_tallied(dataset, but=listed))
    own = Sample.objects.filter(contribution__in=listed)
    own = own.exclude(split=Split.TEST) if closed else own
    counts.update(_by_kind(own, "source"))
    if closed:
        hidden = Sample.objects.filter(dataset=dataset, split=Split.TEST)
        hidden = hidden.exclude(contribution__in=listed)
        counts.subtract(_by_kind(hidden, "contribution__source"))
    return {kind: number for kind, number in counts.items() if number > 0}


def _by_kind(samples: QuerySet[Sample], source: str) -> dict[Kind, int]:
    rows = samples.order_by().values_list("label", source, "contributor__username", "status")
    return {Kind(key[0] or 0, *key[1:]): number for *key, number in rows.annotate(n=Count("pk"))}


# --- the balance of the classes -----------------------------------------------------------------


@dataclass(frozen=True)
class Balance:
    """A class with its samples by status; `label` is None for "no class yet"."""

    label: LabelClass | None
    counts: Counter[str]

    @property
    def live(self) -> int:
        return self.counts["approved"] + self.counts["pending"]


def balances(dataset: Dataset, classes: list[LabelClass]) -> list[Balance]:
    """The largest class first; without those that are retired and empty."""
    counts = tallies.shown_by_class(dataset)
    rows = [Balance(each, counts.get(each.pk, Counter())) for each in classes]
    kept = [row for row in rows if row.label and (row.label.retired_at is None or row.live)]
    kept.sort(key=lambda row: -row.live)
    return [*kept, Balance(None, counts[0])] if 0 in counts else kept


def imbalance_of(rows: list[Balance]) -> Imbalance | None:
    """Between the classes alone: what has no class yet is in none."""
    return imbalance({row.label.name: row.live for row in rows if row.label})


# --- class by source, class by contributor --------------------------------------------------------


@dataclass(frozen=True)
class Heat:
    """A matrix with its shades, and what it tells."""

    matrix: Matrix
    shades: list[list[int]]
    tells: list[Tell]
    columns: int  # that are named


def heat(cells: dict[tuple[int, str], int]) -> Heat:
    """Samples without a class tell nothing: nobody can learn them yet."""
    table = matrix(cells)
    most = max((number for line in table.cells for number in line), default=0)
    named = {column for (_label, column), number in cells.items() if column and number}
    classed = {key: number for key, number in cells.items() if key[0]}
    shades = [[shade(number, most) for number in line] for line in table.cells]
    return Heat(table, shades, tells(classed, named), len(named))


# --- the splits of a version ------------------------------------------------------------------------


def newest_frozen(dataset: Dataset) -> Version | None:
    frozen = dataset.versions.exclude(digest="").exclude(status=Version.Status.DISCARDED)
    found: Version | None = frozen.first()
    return found


@dataclass(frozen=True)
class Splits:
    """How a version divides each class: [(class, colour, counts in the order of the splits)]."""

    version: Version
    rows: list[tuple[str, int, list[int | None]]]  # None: sealed
    totals: list[int]

    @property
    def fewest(self) -> tuple[str, int] | None:
        """The class with the fewest test samples: its score is the least certain."""
        place = Split.values.index(Split.TEST)
        counted = [(counts[place], name) for name, _colour, counts in self.rows]
        known = [(number, name) for number, name in counted if number is not None]
        if not known:
            return None
        number, name = min(known, key=lambda each: each[0])
        return name, number


def splits_of(version: Version) -> Splits:
    counts = seals.counts_of(version)
    rows = [
        (str(item["name"]), int(item.get("colour") or 0), list(counts[item["name"]].values()))
        for item in version.classes
    ]
    rows.sort(key=lambda row: -sum(number or 0 for number in row[2]))
    return Splits(version, rows, version.split_totals)


# --- everything, as a table -----------------------------------------------------------------------

COLUMNS = ("class", "source", "contributor", "status", "samples")


def table_rows(dataset: Dataset, counts: Counts) -> Iterator[tuple[str, str, str, str, int]]:
    """All of it, a line for each kind, in a stable order."""
    names = {label.pk: label.name for label in dataset.classes.all()}
    for kind, number in sorted(counts.by_kind.items()):
        yield names.get(kind.label, ""), kind.source, kind.contributor, kind.status, number
