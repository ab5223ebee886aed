"""Why a pending sample waits, for whom and since when: the same sentence on every page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import seals
from apps.datasets.actions.settling import votes_on
from apps.datasets.models import Annotation, Dataset, Hold, Policy, Review, Sample
from apps.state.models import Event


class Kind(StrEnum):
    """What it waits for."""

    DESK = "desk"  # somebody has it in their batch now
    APPEAL = "appeal"  # another reviewer than the one who rejected it
    EXPERT = "expert"  # a maintainer, because people disagree
    LOOKALIKE = "lookalike"  # a reviewer who compares it with the test split
    BRIDGE = "bridge"  # a reviewer who compares it with two splits
    LABELS = "labels"  # more people who say independently what it is
    CLASS = "class"  # anybody who says what it is
    REVIEWER = "reviewer"  # a reviewer's decision


class State(NamedTuple):
    """What decides the kind."""

    hold: str
    leased: bool
    consensus: bool
    has_class: bool


def kind_of(state: State) -> Kind:
    """Whoever has it now comes first, then what holds it, then what its dataset asks for."""
    if state.leased:
        return Kind.DESK
    if state.hold:
        return Kind(state.hold)
    if state.consensus:
        return Kind.LABELS
    return Kind.REVIEWER if state.has_class else Kind.CLASS


@dataclass(frozen=True)
class Wait:
    """The facts of the sentence; `people` have answered of the `needed`, after `most` an expert decides."""

    kind: Kind
    since: datetime
    who: str = ""
    until: datetime | None = None
    people: int = 0
    needed: int = 0
    most: int = 0


def wait_of(sample: Sample, dataset: Dataset) -> Wait | None:
    """Why this one waits; None where it does not."""
    if sample.status != Sample.Status.PENDING:
        return None
    desk = Sample.objects.filter(pk=sample.pk, leased_until__gt=Now())
    who = desk.values_list("leased_to__username", flat=True).first() or ""
    consensus = dataset.policy == Policy.CONSENSUS
    kind = kind_of(State(sample.hold, bool(who), consensus, bool(sample.label_id)))
    return Wait(
        kind,
        _since(sample),
        who=who,
        until=sample.leased_until if who else None,
        people=len(votes_on([sample.pk])[sample.pk]) if kind == Kind.LABELS else 0,
        needed=dataset.labels_needed,
        most=dataset.labels_max,
    )


def _since(sample: Sample) -> datetime:
    """When its present wait began: with its hold, with the undo that reopened it, or its arrival."""
    if sample.hold in {Hold.APPEAL, Hold.EXPERT}:
        return said_about([sample])[sample.pk].since or sample.created_at
    reopened = Event.objects.about(sample).filter(became=Sample.Status.PENDING)
    last: datetime | None = reopened.values_list("at", flat=True).last()
    return last or sample.created_at


@dataclass
class Said:
    """What people said about a sample, as lines, and when the last of them did."""

    lines: list[str] = field(default_factory=list)
    since: datetime | None = None

    def add(self, line: str, at: datetime) -> None:
        self.lines.append(line)
        self.since = max(self.since or at, at)


def said_about(samples: Sequence[Sample]) -> dict[int, Said]:
    """Of samples that are held because people disagree: {sample: who said what}.

    Nothing of sealed ones.
    """
    found = {sample.pk: Said() for sample in samples}
    is_closed = bool(samples) and seals.closed(samples[0].dataset)
    told = [sample.pk for sample in samples if not seals.hides(sample, is_closed)]
    labels = Annotation.objects.filter(sample__in=told).select_related("label", "by")
    for each in labels:
        label = each.label.name if each.label else _("unsure")
        found[each.sample_id].add(f"{each.by}: {label}", each.at)
    spoken = [Review.Decision.REJECT, Review.Decision.APPEAL]
    reviews = Review.objects.filter(sample__in=told, decision__in=spoken).select_related("by")
    for review in reviews:
        why = " ".join(filter(None, (review.get_reason_display(), review.note)))
        line = f"{review.by}: {review.get_decision_display()} – {why}"
        found[review.sample_id].add(line, review.at)
    return found
