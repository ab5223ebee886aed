"""What became of classes that were merged or split: what an earlier word about a sample means now.

Nothing that people said is rewritten; it is read through the changes that stand. A merge turns what
was said into the class that it went into. What was said before a split names no class any more:
nobody knows which part was meant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.db.models.expressions import Combinable

from apps.datasets.models import SchemaChange

# Changes that hold: from their approval until somebody takes them back.
STANDING = (SchemaChange.Status.APPLYING, SchemaChange.Status.APPLIED)


class Step(NamedTuple):
    """One merge, or one split (`into` is None), and when it was approved."""

    label: int
    into: int | None
    at: datetime


@dataclass(frozen=True)
class Lineage:
    # Merged class → the class that it is part of today.
    into: Mapping[int, int] = field(default_factory=dict)
    # Class → when it, or what it went into, was split last.
    split: Mapping[int, datetime] = field(default_factory=dict)

    def now(self, label: int | None, said: datetime) -> int | None:
        """The class that `label`, said at that moment, stands for today; None: it names none."""
        if label is None or (label in self.split and said <= self.split[label]):
            return None
        return self.into.get(label, label)

    def outdated(self) -> Q:
        """Annotations whose class was split since they were written."""
        found = Q(pk=None)
        for label, at in self.split.items():
            found |= Q(label=label, at__lte=at)
        return found

    def today(self) -> Combinable:
        """The class of an annotation as it is called by today's classes, for annotations that are
        not outdated."""
        number = BigIntegerField()
        merged = [When(label=label, then=Value(into)) for label, into in self.into.items()]
        return Case(*merged, default=F("label_id"), output_field=number)


def trace(steps: Iterable[Step]) -> Lineage:
    """The steps that stand, in the order in which they were approved → what they come to."""
    into: dict[int, int] = {}
    split: dict[int, datetime] = {}
    # Backwards, so that what a merge leads to is known already, and only what came after it counts.
    for step in reversed(list(steps)):
        if step.into is None:
            split.setdefault(step.label, step.at)
            continue
        into[step.label] = into.get(step.into, step.into)
        if step.into in split:
            split.setdefault(step.label, split[step.into])
    return Lineage(into, split)


def lineage_of(dataset: Any) -> Lineage:
    """dataset: one, its id, or a query of one id."""
    standing = SchemaChange.objects.filter(dataset=dataset, status__in=STANDING)
    kinds = (SchemaChange.Kind.MERGE, SchemaChange.Kind.SPLIT)
    rows = standing.filter(kind__in=kinds).order_by("decided_at", "pk")
    steps = rows.values_list("label", "into", "decided_at")
    return trace(Step(label, into, at) for label, into, at in steps if at)
