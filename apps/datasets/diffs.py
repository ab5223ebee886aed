"""What differs between two versions: pure over places, read from the spans that changed between.

Reading costs by the change, not by the size: a span that was in both versions is never looked at.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from apps.datasets.models import Split, Version, VersionSpan
from apps.datasets.seals import is_sealed

KINDS = ("added", "removed", "relabelled", "moved")
CHUNK = 5000


class Place(NamedTuple):
    """Where a sample stands in a version."""

    label: int
    split: str


Change = tuple[int, Place | None, Place | None]


@dataclass
class Changes:
    """How many samples changed how; one relabelled and moved counts as both."""

    counts: Counter[str] = field(default_factory=Counter)
    # (old class, new class) → samples, and (old split, new split) → samples.
    labels: Counter[tuple[int | None, int | None]] = field(default_factory=Counter)
    splits: Counter[tuple[str, str]] = field(default_factory=Counter)
    # A sealed test sample that was relabelled counts as (None, None).
    hide: bool = False

    def add(self, old: Place | None, new: Place | None) -> None:
        self.counts.update(kinds(old, new))
        if old and new and old.label != new.label:
            hidden = self.hide and Split.TEST in {old.split, new.split}
            self.labels[(None, None) if hidden else (old.label, new.label)] += 1
        if old and new and old.split != new.split:
            self.splits[old.split, new.split] += 1


def kinds(old: Place | None, new: Place | None) -> list[str]:
    if old is None or new is None:
        return ["added"] if new else ["removed"] if old else []
    found = ["relabelled"] if old.label != new.label else []
    return [*found, "moved"] if old.split != new.split else found


def merge(
    before: Iterable[tuple[int, Place]], after: Iterable[tuple[int, Place]]
) -> Iterator[Change]:
    """Both sides sorted by sample → (sample, old place, new place), one for each sample."""
    olds, news = iter(before), iter(after)
    old, new = next(olds, None), next(news, None)
    while old or new:
        if new is None or (old and old[0] < new[0]):
            assert old
            yield old[0], old[1], None
            old = next(olds, None)
        elif old is None or new[0] < old[0]:
            yield new[0], None, new[1]
            new = next(news, None)
        else:
            yield old[0], old[1], new[1]
            old, new = next(olds, None), next(news, None)


def compare(
    before: Iterable[tuple[int, Place]], after: Iterable[tuple[int, Place]], hide: bool = False
) -> Changes:
    changes = Changes(hide=hide)
    for _sample, old, new in merge(before, after):
        changes.add(old, new)
    return changes


def level(counts: dict[str, int]) -> str:
    """major: something kept is no longer what it was; minor: only more; patch: the same samples."""
    if any(counts.get(kind) for kind in ("removed", "relabelled", "moved")):
        return "major"
    return "minor" if counts.get("added") else "patch"


def next_number(number: str, how: str) -> str:
    """ "1.4.0" and a level → the semantic number after it."""
    major, minor, patch = (int(part) for part in number.split("."))
    following = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return ".".join(map(str, following[how]))


def left(start: Version, end: Version) -> QuerySet[VersionSpan]:
    """Spans of `start` that are not in `end`, whichever is the newer."""
    spans = VersionSpan.objects.filter(dataset=start.dataset_id)
    low, high = start.number, end.number
    if low <= high:
        found: QuerySet[VersionSpan] = spans.filter(first__lte=low, last__gte=low, last__lt=high)
    else:
        found = spans.filter(first__gt=high, first__lte=low).filter(Q(last=None) | Q(last__gte=low))
    return found


def diff(start: Version, end: Version) -> Changes:
    """What changed from one version to the other; streamed, two rows in memory at a time."""
    # In a transaction: outside of one PostgreSQL writes all rows down first, for a cursor to read.
    with transaction.atomic():
        return compare(_places(start, end), _places(end, start), hiding(start, end))


def _places(start: Version, end: Version) -> Iterator[tuple[int, Place]]:
    rows = left(start, end).order_by("sample_id").values_list("sample_id", "label_id", "split")
    for sample, label, split in rows.iterator(CHUNK):
        yield sample, Place(label, split)


def renames(start: Version, end: Version) -> list[tuple[str, str]]:
    """Classes of both that are called otherwise."""
    names = {item["id"]: item["name"] for item in start.classes}
    pairs = ((names.get(item["id"], item["name"]), item["name"]) for item in end.classes)
    return [(old, new) for old, new in pairs if old != new]


def of_kind(start: Version, end: Version, kind: str) -> QuerySet[VersionSpan]:
    """The spans (of `end`; of `start` for removed ones) that changed so, with their old place."""
    gone, came = left(start, end), left(end, start)
    if kind == "removed":
        same = came.filter(sample=OuterRef("sample"))
        return gone.filter(~Exists(same)).annotate(old_label=F("label_id"), old_split=F("split"))
    same = gone.filter(sample=OuterRef("sample"))
    if kind == "added":
        return came.filter(~Exists(same))
    both = came.annotate(
        old_label=Subquery(same.values("label")[:1]), old_split=Subquery(same.values("split")[:1])
    ).filter(old_label__isnull=False)
    if kind == "moved":
        return both.exclude(old_split=F("split"))
    found: QuerySet[VersionSpan] = both.exclude(old_label=F("label"))
    if hiding(start, end):  # which sealed sample was relabelled is told, to what is not
        return found.exclude(split=Split.TEST)
    return found


def hiding(start: Version, end: Version) -> bool:
    return is_sealed(start) or is_sealed(end)


def summary(start: Version, end: Version) -> dict[str, Any]:
    """Counts, renames and the level: what is frozen with a version about the one before it."""
    counts = diff(start, end).counts
    found: dict[str, Any] = {kind: counts[kind] for kind in KINDS}
    found["renamed"] = len(renames(start, end))
    return {"since": start.number, **found, "level": level(counts)}


def changes_of(version: Version) -> dict[str, Any]:
    """Its summary against the newest version before it that stands, and its semantic number."""
    standing = [Version.Status.DRAFT, Version.Status.APPROVED, Version.Status.RETIRED]
    earlier = version.dataset.versions.filter(number__lt=version.number, status__in=standing)
    before = earlier.order_by("-number").first()
    if before is None:
        return {"number": "1.0.0"}
    found = summary(before, version)
    known = before.changes.get("number") or f"{before.number}.0.0"
    return found | {"number": next_number(known, found["level"])}
