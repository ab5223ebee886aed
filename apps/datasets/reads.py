"""What pages show about a dataset: counts in a few grouped queries, never one per row."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from apps.datasets import tallies
from apps.datasets.actions.classing import settled
from apps.datasets.actions.freezing import changed_since_last_freeze
from apps.datasets.models import (
    Contribution,
    Dataset,
    Membership,
    Receipt,
    Role,
    Sample,
    Tally,
    Version,
)


@dataclass
class ClassRow:
    """One class with its counts by status; `percent`s are of the largest class (for a bar)."""

    pk: int | None
    name: str
    colour: int | None
    key: str = ""
    # Names that mean it, too.
    aliases: list[str] = field(default_factory=list)
    # No class any more; its samples are on their way.
    retired: bool = False
    # The change of the classes that it waits for, where there is one.
    change: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    approved_percent: float = 0
    both_percent: float = 0

    @property
    def approved(self) -> int:
        return self.counts["approved"]

    @property
    def pending(self) -> int:
        return self.counts["pending"]


def class_rows(dataset: Dataset) -> list[ClassRow]:
    """A row for each class in its order, and one for samples without a class where there are any.

    A class that was merged or split has one as long as samples have yet to leave it.
    """
    counts = tallies.shown_by_class(dataset)
    rows = [
        ClassRow(
            each.pk,
            each.name,
            each.colour,
            each.key,
            aliases=each.aliases,
            retired=each.retired_at is not None,
            counts=counts.get(each.pk, Counter()),
        )
        for each in dataset.classes.all()
    ]
    rows = [row for row in rows if not row.retired or row.approved or row.pending]
    if 0 in counts:
        rows.append(ClassRow(None, "", None, counts=counts[0]))
    most = max((row.approved + row.pending for row in rows), default=0) or 1
    for row in rows:
        row.approved_percent = round(100 * row.approved / most, 2)
        row.both_percent = round(100 * (row.approved + row.pending) / most, 2)
    return rows


@dataclass
class Listed:
    """A dataset as lists show it."""

    dataset: Dataset
    role: Role | None
    approved: int
    pending: int
    version: Version | None


def listed(datasets: Iterable[Dataset], user: Any) -> list[Listed]:
    """Datasets with the member's role, their counts and their newest approved version."""
    every = list(datasets)
    numbers: dict[int, Counter[str]] = {each.pk: Counter() for each in every}
    grouped = Tally.objects.filter(dataset__in=every).order_by().values_list("dataset", "status")
    for dataset, status, number in grouped.annotate(n=Sum("number")):
        numbers[dataset][status] = number
    approved = Version.objects.filter(dataset__in=every, status=Version.Status.APPROVED)
    newest = {version.dataset_id: version for version in approved.order_by("number")}
    roles = roles_of(user)
    return [
        Listed(
            each,
            roles.get(each.pk),
            numbers[each.pk]["approved"],
            numbers[each.pk]["pending"],
            newest.get(each.pk),
        )
        for each in every
    ]


def roles_of(user: Any) -> dict[int, Role]:
    """{dataset id: role} of a member; empty for a visitor."""
    if not user.is_authenticated:
        return {}
    mine = Membership.objects.filter(member=user).values_list("dataset", "role")
    return {dataset: Role(role) for dataset, role in mine}


def open_claims(samples: QuerySet[Sample]) -> QuerySet[Sample]:
    """Live samples whose folder names a class that is none yet."""
    return (
        samples.filter(label=None).exclude(claimed_class="").exclude(status=Sample.Status.WITHDRAWN)
    )


def claimed_classes(samples: QuerySet[Sample]) -> list[tuple[str, int]]:
    """(folder name, count) of live samples whose folder is no class yet, most frequent first."""
    grouped = (
        open_claims(samples).order_by().values_list("claimed_class").annotate(number=Count("pk"))
    )
    return sorted(grouped, key=lambda item: (-item[1], item[0]))


def outcome_counts(contribution: Contribution) -> dict[str, int]:
    """{outcome: number of receipts}, every outcome present."""
    counts: dict[str, int] = dict.fromkeys(Receipt.Outcome.values, 0)
    grouped = contribution.receipts.order_by().values_list("outcome").annotate(n=Count("pk"))
    return counts | dict(grouped)


# A manifest may name a source for each file, so the contributions do not know them all; DISTINCT would
# read every sample.
SOURCES = """
    WITH RECURSIVE named(source) AS (
        SELECT min(source) FROM datasets_sample WHERE dataset_id = %s AND source > ''
        UNION ALL
        SELECT (SELECT min(each.source) FROM datasets_sample AS each
                WHERE each.dataset_id = %s AND each.source > named.source)
        FROM named WHERE named.source IS NOT NULL
    )
    SELECT source FROM named WHERE source IS NOT NULL LIMIT 200
"""


def sources_of(dataset: Dataset) -> list[str]:
    """The sources that its samples name, for a filter: one step in the index for each."""
    with connection.cursor() as cursor:
        cursor.execute(SOURCES, [dataset.pk, dataset.pk])
        return [source for (source,) in cursor.fetchall()]


def contributors_of(dataset: Dataset) -> list[str]:
    """Who contributed, for a filter."""
    members = dataset.contributions.order_by("member__username")
    return list(members.values_list("member__username", flat=True).distinct()[:200])


@dataclass(frozen=True)
class NextFreeze:
    """What a freeze would take in now, and whether it would change anything."""

    samples: int
    unclassed: int
    pending: int
    changed: bool
    # No class is being changed right now.
    settled: bool = True


def next_freeze(dataset: Dataset) -> NextFreeze:
    counts = tallies.by_class(dataset)
    approved = sum(each["approved"] for each in counts.values())
    unclassed = counts.get(0, Counter())["approved"]
    pending = sum(each["pending"] for each in counts.values())
    changed = changed_since_last_freeze(dataset)
    return NextFreeze(approved - unclassed, unclassed, pending, changed, settled(dataset))


def versions_with(sample: Sample) -> list[Version]:
    """The versions a sample is in, by its spans."""
    within = Q(pk=None)
    for span in sample.spans.all():
        until = Q(number__lte=span.last) if span.last else Q()
        within |= Q(number__gte=span.first) & until
    shown = sample.dataset.versions.filter(within)
    return list(shown.exclude(status=Version.Status.FAILED).order_by("number"))
