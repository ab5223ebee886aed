"""How often others agreed with a member: about what they brought, and about what they decided.

Read from the member's own rows: one grouped query for what they brought, two for what they decided,
each at most once in a quarter of an hour; `at` says when.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import (
    BigIntegerField,
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
from apps.datasets.lineage import lineage_of
from apps.datasets.models import Annotation, Dataset, Review, Sample, Split
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
        kept = *_own(dataset, member, closed), timezone.now()
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
        kept = *_work(dataset, member, closed), timezone.now()
        cache.set(key, kept, QUARTER)
    decisions, second, at = kept
    return Work(decisions, Share(*second), at)


def _own(
    dataset: Dataset, member: Any, closed: bool
) -> tuple[dict[int, tuple[int, int]], dict[str, int]]:
    """({class they said: (how many stood, of how many)}, {reason: rejected samples})."""
    said = Annotation.objects.filter(sample=OuterRef("pk"), by=member, label__isnull=False)
    said = _today(said.filter(role=Annotation.As.UPLOADER), dataset).order_by("-pk")
    rejections = Review.objects.filter(sample=OuterRef("pk"), decision=REJECT).order_by("-pk")
    settled = Q(status=Sample.Status.APPROVED)
    if closed:
        settled &= ~Q(split=Split.TEST)
    rejected = Q(status=Sample.Status.REJECTED)
    rows = Sample.objects.filter(settled | rejected, dataset=dataset, contributor=member).annotate(
        said=Case(When(settled, then=Subquery(said.values("today")[:1]))),
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
        elif claimed is not None:
            tried[claimed] += number
            right[claimed] += number if claimed == label else 0
    return {label: (right[label], tried[label]) for label in tried}, dict(reasons)


def _today(labels: QuerySet[Annotation], dataset: Dataset) -> Any:
    """With the class that each names by now, as `today`: none where it was split since."""
    lineage = lineage_of(dataset)
    nothing = When(lineage.outdated(), then=None)
    number = BigIntegerField()
    return labels.annotate(today=Case(nothing, default=lineage.today(), output_field=number))


class Looked(NamedTuple):
    """Some decisions of a member: whether somebody decided again, and whether they stood then."""

    number: int
    again: bool
    stood: bool


def _work(dataset: Dataset, member: Any, closed: bool) -> tuple[int, tuple[int, int]]:
    """(decisions about what others brought, (how many stood, of those decided again))."""
    total = right = tried = 0
    for each in (*_labelled(dataset, member, closed), *_rejected(dataset, member)):
        total += each.number
        tried += each.number if each.again else 0
        right += each.number if each.again and each.stood else 0
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


SETTLED = frozenset({Sample.Status.APPROVED, Sample.Status.REJECTED})


def _labelled(dataset: Dataset, member: Any, closed: bool) -> Iterator[Looked]:
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
    kinds = ("today", "sample__label", "sample__status", "again")
    counted = _today(rows, dataset).order_by().values_list(*kinds).annotate(n=Count("pk"))
    for said, label, status, again, number in counted:
        judged = again and status in SETTLED and said is not None
        yield Looked(number, judged, status == Sample.Status.APPROVED and said == label)


def _rejected(dataset: Dataset, member: Any) -> Iterator[Looked]:
    rows = Review.objects.filter(by=member, sample__dataset=dataset, decision=REJECT)
    rows = rows.exclude(batch__in=_undone(member))
    rows = rows.annotate(again=Case(When(_later_by_others(member), then=True), default=False))
    counted = rows.order_by().values_list("sample__status", "again").annotate(n=Count("pk"))
    for status, again, number in counted:
        yield Looked(number, again and status in SETTLED, status == Sample.Status.REJECTED)
