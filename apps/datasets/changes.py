"""Changes of the classes as people read them: what one says, what it would touch or give back."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from apps.datasets import tallies
from apps.datasets.actions.settling import VOTERS
from apps.datasets.models import Annotation, Dataset, Review, Sample, SchemaChange

Kind = SchemaChange.Kind
Status = SchemaChange.Status
# A worker is at it.
MOVING = (Status.APPLYING, Status.REVERTING)
# Its classes take part in no other change.
OPEN = (Status.PROPOSED, *MOVING)
# What each kind is called by the comparison of the next version with the one before.
TOLD_AS = {Kind.RENAME: "renamed", Kind.MERGE: "relabelled", Kind.SPLIT: "removed"}
WORDS = ("accept", "fix", "reject", "undo")


def open_changes(dataset: Dataset) -> QuerySet[SchemaChange]:
    return dataset.changes.filter(status__in=OPEN).select_related("by").order_by("pk")


def describe(change: SchemaChange) -> str:
    """The change in a few words, with the names that the classes had when it was proposed."""
    names = {"old": change.old_name, "new": change.new_name}
    if change.kind == Kind.RENAME:
        return _("rename “%(old)s” to “%(new)s”") % names
    if change.kind == Kind.MERGE:
        return _("merge “%(old)s” into “%(new)s”") % names
    names["parts"] = ", ".join(f"“{part}”" for part in change.parts)
    return _("split “%(old)s” into %(parts)s") % names


@dataclass(frozen=True)
class Touched:
    """How many samples have the class; for a change that was approved, how many had it then."""

    approved: int = 0
    pending: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        return self.approved + self.pending + self.rejected


@dataclass(frozen=True)
class Preview:
    """What a change would do, or did."""

    touched: Touched
    # Frozen versions: they stay as they are.
    versions: int
    # What the comparison with the next version will say: renamed, relabelled or removed.
    told_as: str


def touched(dataset: Dataset, label: int) -> Touched:
    counts = tallies.by_class(dataset).get(label, Counter[str]())
    return Touched(counts["approved"], counts["pending"], counts["rejected"])


def preview_change(change: SchemaChange) -> Preview:
    """From the counts that are kept: no sample is looked at."""
    dataset = change.dataset
    known = change.facts.get("touched")
    return Preview(
        Touched(**known) if known else touched(dataset, change.label_id),
        dataset.versions.exclude(digest="").count(),
        TOLD_AS[Kind(change.kind)],
    )


@dataclass(frozen=True)
class WayBack:
    """How many of the samples that a change moved would go back, and how many keep what they have."""

    back: int
    kept: int


def preview_revert(change: SchemaChange) -> WayBack:
    """Looks at every sample that the change moved: on demand, not on each page."""
    if change.kind == Kind.RENAME:
        return WayBack(0, 0)
    back = to_take_back(change).count()
    moved = Annotation.objects.filter(change=change, label=change.into)
    return WayBack(back, moved.values("sample").distinct().count() - back)


def to_move(change: SchemaChange) -> QuerySet[Sample]:
    """What a merge or a split has yet to move: whatever has the class, but for the withdrawn."""
    found = Sample.objects.filter(dataset=change.dataset_id, label=change.label_id)
    return found.exclude(status=Sample.Status.WITHDRAWN)


def to_take_back(change: SchemaChange) -> QuerySet[Sample]:
    """What the change moved and nobody has changed since.

    Of a merge: samples that (still) have the class it went into. Of a split: samples without a
    class, about which nobody has said anything since.
    """
    wrote = change.annotations.filter(sample=OuterRef("pk"))
    found = Sample.objects.filter(dataset=change.dataset_id, label=change.into_id)
    found = found.exclude(status=Sample.Status.WITHDRAWN)
    found = found.filter(Exists(wrote.filter(label=change.into_id)))
    found = found.exclude(Exists(wrote.filter(label=change.label_id)))
    if change.kind == Kind.MERGE:
        return found
    since = {"sample": OuterRef("pk"), "at__gt": change.decided_at}
    labelled = Annotation.objects.filter(**since, role__in=VOTERS)
    return found.exclude(Exists(labelled)).exclude(
        Exists(Review.objects.filter(**since, decision__in=WORDS))
    )
