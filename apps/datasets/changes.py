"""Changes of the classes as people read them: what one says, what it would touch or give back."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet
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
AT_ONCE = 2000
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
    counts = tallies.shown_by_class(dataset).get(label, Counter[str]())
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
    back = moved = last = 0
    while keys := moved_after(change, last, AT_ONCE):
        back += len(to_take_back(change, keys))
        moved += len(keys)
        last = keys[-1]
    return WayBack(back, moved - back)


def to_move(change: SchemaChange) -> QuerySet[Sample]:
    """What a merge or a split has yet to move: whatever has the class, but for the withdrawn."""
    found = Sample.objects.filter(dataset=change.dataset_id, label=change.label_id)
    return found.exclude(status=Sample.Status.WITHDRAWN)


def moved_after(change: SchemaChange, last: int, size: int) -> list[int]:
    """Samples that the change moved: the first `size` after that one."""
    wrote = change.annotations.filter(sample__gt=last).order_by("sample")
    return list(wrote.values_list("sample", flat=True).distinct()[:size])


def to_take_back(change: SchemaChange, keys: Collection[int]) -> set[int]:
    """Which of these samples, moved by the change, nobody has changed since.

    Of a merge: those that (still) have the class it went into. Of a split: those without a class,
    about which nobody has said anything since. Asked for a portion at a time by what each sample's
    own rows say: one query over all of them would leave the planner to guess right after so many
    rows were written.
    """
    found = Sample.objects.filter(pk__in=keys).exclude(status=Sample.Status.WITHDRAWN)
    have = {pk for pk, label in found.values_list("pk", "label") if label == change.into_id}
    wrote = change.annotations.filter(sample__in=keys).values_list("sample", "label")
    back_already = {sample for sample, label in wrote if label == change.label_id}
    spoken: set[int] = set()
    if change.kind == Kind.SPLIT:
        since = {"sample__in": keys, "at__gt": change.decided_at}
        labelled = Annotation.objects.filter(**since, role__in=VOTERS)
        reviewed = Review.objects.filter(**since, decision__in=WORDS)
        for words in (labelled, reviewed):
            spoken.update(words.values_list("sample", flat=True))
    return have - back_already - spoken
