"""How often others agreed with a member: about what they brought, and about what they decided.

Read from the member's own rows: one grouped query for what they brought, two for what they decided,
each at most once in a quarter of an hour; `at` says when.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils import timezone

from apps.datasets import seals
from apps.datasets.models import Annotation, Dataset, Review, Sample, SchemaChange, Split
from apps.datasets.proportions import Share

QUARTER = 15 * 60
ENOUGH = 5  # labels of a class before its agreement is shown by itself
# Whose later word on a sample counts as a second opinion on an earlier one.
SECOND = (Annotation.As.LABELLER, Annotation.As.REVIEWER)
REJECT, UNDO = Review.Decision.REJECT, Review.Decision.UNDO


@dataclass(frozen=True)
class Record:
    """What others made of a member's labels on what they brought. Sealed test samples are left out."""

    by_class: dict[int, Share]  # by the class that was said: how many stood
    reasons: dict[str, int]  # of what stands rejected
    at: datetime

    @property
    def agreement(self) -> Share:
        shares = self.by_class.values()
        return Share(sum(each.right for each in shares), sum(each.tried for each in shares))

    @property
    def enough(self) -> dict[int, Share]:
        return {label: share for label, share in self.by_class.items() if share.tried >= ENOUGH}


def record_of(dataset: Dataset, member: Any) -> Record:
    closed = seals.closed(dataset)
    key = f"record:{dataset.pk}:{member.pk}:{closed}"
    kept: tuple[Any, ...] | None = cache.get(key)
    if kept is None:
        kept = *_own(dataset, member, successors(dataset), closed), timezone.now()
        cache.set(key, kept, QUARTER)
    labels, reasons, at = kept
    return Record({label: Share(*share) for label, share in labels.items()}, reasons, at)


@dataclass(frozen=True)
class Work:
    """A member's labels and rejections of what others brought, and how many stood a second look."""

    decisions: int
    second: Share  # of those that somebody else decided about later
    at: datetime


def work_of(dataset: Dataset, member: Any) -> Work:
    closed = seals.closed(dataset)
    key = f"work:{dataset.pk}:{member.pk}:{closed}"
    kept: tuple[Any, ...] | None = cache.get(key)
    if kept is None:
        kept = *_work(dataset, member, successors(dataset), closed), timezone.now()
        cache.set(key, kept, QUARTER)
    decisions, second, at = kept
    return Work(decisions, Share(*second), at)


def successors(dataset: Dataset) -> dict[int, int]:
    """{class: the one it is now}: itself, or what it was merged into. A split class has none."""
    merges = SchemaChange.objects.filter(dataset=dataset, kind=SchemaChange.Kind.MERGE)
    merges = merges.filter(status=SchemaChange.Status.APPLIED)
    return current_classes(
        dict(merges.order_by("pk").values_list("label", "into")),
        dataset.classes.current().values_list("pk", flat=True),
    )


def current_classes(merged: Mapping[int, int | None], current: Iterable[int]) -> dict[int, int]:
    """Follow merges to a class that is current. Pure."""
    found = {label: label for label in current}
    for label in merged:
        end: int | None = label
        seen = set()
        while end is not None and end not in found and end not in seen:
            seen.add(end)
            end = merged.get(end)
        if end in found:
            found[label] = found[end]
    return found


def _own(
    dataset: Dataset, member: Any, became: dict[int, int], closed: bool
) -> tuple[dict[int, tuple[int, int]], dict[str, int]]:
    """({class they said: (how many stood, of how many)}, {reason: rejected samples})."""
    said = Annotation.objects.filter(sample=OuterRef("pk"), by=member, label__isnull=False)
    said = said.filter(role=Annotation.As.UPLOADER).order_by("-pk")
    rejections = Review.objects.filter(sample=OuterRef("pk"), decision=REJECT).order_by("-pk")
    settled = Q(status=Sample.Status.APPROVED)
    if closed:
        settled &= ~Q(split=Split.TEST)
    rejected = Q(status=Sample.Status.REJECTED)
    rows = Sample.objects.filter(settled | rejected, dataset=dataset, contributor=member).annotate(
        said=Case(When(settled, then=Subquery(said.values("label")[:1]))),
        why=Case(
            When(rejected, then=Subquery(rejections.values("reason")[:1])),
            default=Value(""),
            output_field=CharField(),
        ),
    )
    right: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    counted = rows.order_by().values_list("status", "label", "said", "why").annotate(n=Count("pk"))
    for status, label, claimed, why, number in counted:
        if status == Sample.Status.REJECTED:
            reasons[why or ""] += number
        elif claimed in became:
            tried[became[claimed]] += number
            right[became[claimed]] += number if became[claimed] == label else 0
    return {label: (right[label], tried[label]) for label in tried}, dict(reasons)


def _work(
    dataset: Dataset, member: Any, became: dict[int, int], closed: bool
) -> tuple[int, tuple[int, int]]:
    """(decisions about what others brought, (how many stood, of those decided again))."""
    total = right = tried = 0
    for said, label, status, again, number in (
        *_labelled(dataset, member, closed),
        *_rejected(dataset, member),
    ):
        total += number
        if not again or status not in {Sample.Status.APPROVED, Sample.Status.REJECTED}:
            continue
        tried += number
        stood = status == Sample.Status.REJECTED
        if said is not None:
            stood = status == Sample.Status.APPROVED and became.get(said) == label
        right += number if stood else 0
    return total, (right, tried)


def _undone(member: Any) -> QuerySet[Any, Any]:
    """The batches that the member took back."""
    undo: QuerySet[Review] = Review.objects.filter(by=member, decision=UNDO)
    return undo.values("batch")


def _later_by_others(member: Any) -> Q:
    """Somebody else labelled or rejected the sample after this row."""
    labels = Annotation.objects.filter(sample=OuterRef("sample"), role__in=SECOND)
    rejections = Review.objects.filter(sample=OuterRef("sample"), decision=REJECT)
    return Q(Exists(labels.filter(at__gt=OuterRef("at")).exclude(by=member))) | Q(
        Exists(rejections.filter(at__gt=OuterRef("at")).exclude(by=member))
    )


def _labelled(dataset: Dataset, member: Any, closed: bool) -> Iterable[Any]:
    rows = Annotation.objects.filter(by=member, sample__dataset=dataset, role__in=SECOND)
    rows = (
        rows.exclude(label=None)
        .exclude(sample__contributor=member)
        .exclude(batch__in=_undone(member))
    )
    shown = ~Q(sample__split=Split.TEST) if closed else Q()
    rows = rows.annotate(
        again=Case(When(_later_by_others(member) & shown, then=True), default=False)
    )
    return (
        rows.order_by()
        .values_list("label", "sample__label", "sample__status", "again")
        .annotate(n=Count("pk"))
    )


def _rejected(dataset: Dataset, member: Any) -> Iterable[Any]:
    rows = Review.objects.filter(by=member, sample__dataset=dataset, decision=REJECT)
    rows = rows.exclude(batch__in=_undone(member))
    rows = rows.annotate(again=Case(When(_later_by_others(member), then=True), default=False))
    counted = rows.order_by().values_list("sample__status", "again").annotate(n=Count("pk"))
    return [(None, None, status, again, number) for status, again, number in counted]
