"""The history of a sample as one list: who, in which role, did what, when.

Labels, reviews, moves of its status and comments are rows of their own; what one press of a button
wrote becomes one entry here. `fold` is pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.datasets.actions.holding import Verdict
from apps.datasets.models import Annotation, LabelClass, Review, Sample, SchemaChange
from apps.state.models import Event

SHOWN = 200
# What one request wrote lies this close together, by the database's clock.
TOGETHER = timedelta(seconds=10)
# The status that a decision leads to.
LEADS_TO = {
    Review.Decision.ACCEPT: Sample.Status.APPROVED,
    Review.Decision.FIX: Sample.Status.APPROVED,
    Review.Decision.REJECT: Sample.Status.REJECTED,
    Review.Decision.UNDO: Sample.Status.PENDING,
    Review.Decision.APPEAL: Sample.Status.PENDING,
}
VOTED = "consensus"
ROLES = dict(Annotation.As.choices) | {
    "contributor": _("contributor"),
    "maintainer": _("maintainer"),
    "": "",
}
KINDS = ("arrived", "label", "decision", "status", "comment")  # in the order of cause and effect


@dataclass(frozen=True)
class Entry:
    """One thing that happened; `anchor` is its permalink, `folded` those of what it took in."""

    kind: str
    pk: int
    at: datetime
    by: str = ""
    role: str = ""
    label: LabelClass | None = None
    before: LabelClass | None = None
    decision: str = ""
    reason: str = ""
    note: str = ""
    was: str = ""
    became: str = ""
    batch: Any = None
    change: SchemaChange | None = None
    folded: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        names = {"label": "annotation", "decision": "review", "status": "event"}
        return (
            "arrived" if self.kind == "arrived" else f"{names.get(self.kind, self.kind)}-{self.pk}"
        )

    @property
    def role_name(self) -> str:
        return str(ROLES.get(self.role, self.role))

    @property
    def said(self) -> str:
        """The note in words: a verdict about a look-alike is a code."""
        verdict = self.kind == "decision" and self.note in Verdict.values
        return str(Verdict(self.note).label) if verdict else self.note

    @property
    def reason_name(self) -> str:
        return str(dict(Review.Reason.choices).get(self.reason, self.reason))


def order(entry: Entry) -> tuple[datetime, int, int]:
    return entry.at, KINDS.index(entry.kind), entry.pk


def fold(rows: Iterable[Entry]) -> list[Entry]:
    """In the order of time, each effect taken into its cause.

    * the reviewer's own label into the decision that wrote it (they share a batch)
    * a move of the status into the decision or the last vote that led to it
    * the contributor's first label into the arrival
    """
    entries = sorted(rows, key=order)
    into: dict[str, str] = {}  # anchor of the effect: of its cause
    taken: set[str] = set()  # causes that have their move
    for entry in entries:
        cause = _cause(entry, entries, taken)
        if cause:
            into[entry.anchor] = cause.anchor
            if entry.kind == "status":
                taken.add(cause.anchor)
    # A cause may itself be an effect (a vote's label within a decision): go on to the end.
    found = {entry.anchor: entry for entry in entries if entry.anchor not in into}
    for entry in entries:
        if entry.anchor in into:
            end = into[entry.anchor]
            while end in into:
                end = into[end]
            found[end] = _taken_in(found[end], entry)
    return list(found.values())


def _cause(effect: Entry, entries: list[Entry], taken: set[str]) -> Entry | None:
    if effect.kind not in {"label", "status"}:
        return None
    able = [
        each
        for each in entries
        if each.anchor not in taken or effect.kind == "label"
        if each.by == effect.by and abs(each.at - effect.at) <= TOGETHER and _led(each, effect)
    ]
    return min(able, key=lambda each: (abs(each.at - effect.at), order(each)), default=None)


def _led(cause: Entry, effect: Entry) -> bool:
    if effect.kind == "label":
        if cause.kind == "arrived":
            return effect.role == Annotation.As.UPLOADER
        own = cause.kind == "decision" and cause.batch == effect.batch
        return own and effect.role == Annotation.As.REVIEWER
    if cause.kind == "label":
        return effect.note == VOTED
    return (
        cause.kind == "decision" and LEADS_TO.get(Review.Decision(cause.decision)) == effect.became
    )


def _taken_in(cause: Entry, effect: Entry) -> Entry:
    folded = [*cause.folded, effect.anchor]
    if effect.kind == "status":
        return replace(cause, was=effect.was, became=effect.became, folded=folded)
    return replace(cause, label=cause.label or effect.label, folded=folded)


# --- reading it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timeline:
    """The newest entries in the order of time; `earlier` continues, with everything before it."""

    entries: list[Entry]
    earlier: datetime | None


def timeline(
    sample: Sample, *, hidden: bool, unanswered: bool = False, before: datetime | None = None
) -> Timeline:
    """One page of a sample's history.

    `hidden`: its class is sealed, so nothing here may tell it. `unanswered`: this reader has to say
    first what it is. Not even comments are told then: people say in them what they see.
    """
    rows = sorted(_rows(sample, before), key=order, reverse=True)
    cut = rows[SHOWN - 1].at if len(rows) > SHOWN else None
    kept = [row for row in rows if cut is None or row.at >= cut]
    more = len(kept) < len(rows)
    entries = fold(kept)
    if hidden or unanswered:
        entries = [covered(each) for each in entries if _tells_nothing(each)]
    return Timeline(entries, cut if more else None)


def _tells_nothing(entry: Entry) -> bool:
    """Of a sealed sample even when it was decided, and how often, could name its class: a class that was
    split was decided twice, one that was merged has a change in its history."""
    if entry.kind == "status":
        return entry.became == Sample.Status.WITHDRAWN
    return entry.kind == "arrived"


def covered(entry: Entry) -> Entry:
    """Without the class that it was brought as."""
    return replace(entry, label=None, folded=[]) if entry.kind == "arrived" else entry


def _rows(sample: Sample, before: datetime | None) -> list[Entry]:
    def newest(found: QuerySet[Any], *related: str) -> QuerySet[Any]:
        found = found.filter(at__lt=before) if before else found
        return found.select_related("by", *related).order_by("-at", "-pk")[: SHOWN + 1]

    changes = ("label", "change__label", "change__into")
    labels = [_label(row) for row in newest(sample.annotations.all(), *changes)]
    roles = {entry.batch: entry.role for entry in labels}
    reviews = newest(sample.reviews.all(), "label", "label_before")
    rows = [
        *labels,
        *(_decision(row, sample, roles) for row in reviews),
        *(_status(row, sample) for row in newest(Event.objects.about(sample))),
        *(_comment(row, sample) for row in newest(sample.comments.all())),
    ]
    if before is None or sample.created_at < before:
        by = sample.contributor.username
        rows.append(Entry("arrived", 0, sample.created_at, by, "contributor"))
    return rows


def _label(row: Annotation) -> Entry:
    return Entry(
        "label", row.pk, row.at, row.by.username, row.role,
        label=row.label, batch=row.batch, change=row.change,
    )  # fmt: skip


def _decision(row: Review, sample: Sample, roles: dict[Any, str]) -> Entry:
    """An undo is in the role of what it undoes; only the contributor appeals."""
    role = "contributor" if row.decision == Review.Decision.APPEAL else roles.get(row.batch, "")
    return Entry(
        "decision", row.pk, row.at, row.by.username, role or Annotation.As.REVIEWER,
        label=row.label, before=row.label_before, decision=row.decision,
        reason=row.reason, note=row.note, batch=row.batch,
    )  # fmt: skip


def _status(row: Event, sample: Sample) -> Entry:
    by = row.by.username if row.by else ""
    role = "contributor" if row.by_id == sample.contributor_id else ""
    if row.by and not role:
        withdrawn = row.became == Sample.Status.WITHDRAWN
        role = "maintainer" if withdrawn else Annotation.As.REVIEWER
    return Entry("status", row.pk, row.at, by, role, note=row.why, was=row.was, became=row.became)


def _comment(row: Any, sample: Sample) -> Entry:
    role = "contributor" if row.by_id == sample.contributor_id else ""
    return Entry("comment", row.pk, row.at, row.by.username, role, note=row.text)
