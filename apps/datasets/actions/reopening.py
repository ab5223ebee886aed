"""What an undo opens again: what the undone labels or decisions had ended, back where it came from."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.holding import holds_of_verdicts
from apps.datasets.actions.leasing import take_back
from apps.datasets.actions.settling import CONSENSUS, Votes, rule_of, undone_by
from apps.datasets.consensus import EXPERT, OPEN, verdict
from apps.datasets.lineage import Lineage, lineage_of
from apps.datasets.models import Annotation, Dataset, Hold, Policy, Review, Sample
from apps.state.models import Event

Say = Review.Decision
# How a decision leaves its sample.
LEFT = {
    Say.ACCEPT: Sample.Status.APPROVED,
    Say.FIX: Sample.Status.APPROVED,
    Say.REJECT: Sample.Status.REJECTED,
}
ENDING = frozenset(LEFT)


def undo_skips(dataset: Dataset, by: Any, batch: uuid.UUID) -> list[int]:
    """What this member passed over under this name is theirs again; returns the samples."""
    rows = Review.objects.filter(by=by, batch=batch, decision=Say.SKIP, sample__dataset=dataset)
    samples = [row.sample for row in rows.exclude(undone_by(by)).select_related("sample")]
    Review.objects.bulk_create(
        Review(sample=sample, by=by, decision=Say.UNDO, batch=batch) for sample in samples
    )
    take_back(samples, by)
    return [sample.pk for sample in samples]


def is_open(sample: Sample) -> bool:
    """Does it wait in the ordinary queue?"""
    return sample.status == Sample.Status.PENDING and sample.hold == Hold.NONE


def those_that_stand(rows: Sequence[Review], lineage: Lineage) -> list[Review]:
    """Of decisions: those that ended their sample, which still is as they left it.

    Not a vote: votes end a sample together. Nor one after which somebody appealed or decided anew, nor
    one that gave a class which was split since.
    """
    keys = [row.sample_id for row in rows]
    last = _last_moves(keys)
    superseded = set(
        Review.objects.filter(pk__in=[row.pk for row in rows])
        .filter(Exists(_later(ENDING | {Say.APPEAL})))
        .values_list("pk", flat=True)
    )
    return [
        row
        for row in rows
        if row.pk not in superseded
        and row.sample.status == LEFT[Say(row.decision)]
        and not (row.sample_id in last and last[row.sample_id].why == CONSENSUS)
        and (row.decision == Say.REJECT or lineage.now(row.label_id, row.at) is not None)
    ]


def _later(decisions: Collection[str]) -> QuerySet[Review]:
    """Of a review: those after it on the same sample, unless they were undone themselves."""
    undo = Review.objects.filter(
        decision=Say.UNDO, by=OuterRef("by"), sample=OuterRef("sample"), batch=OuterRef("batch")
    )
    after = Review.objects.filter(
        sample=OuterRef("sample"), pk__gt=OuterRef("pk"), decision__in=decisions
    )
    return after.exclude(Exists(undo))


def unsettle(dataset: Dataset, samples: Sequence[Sample], votes: Votes, by: Any) -> None:
    """After this member took labels back: open again what these labels alone had brought to an end.

    Samples that were settled or handed to an expert by somebody else's label, or decided by a
    person, stay as they are.
    """
    rule = rule_of(dataset)
    left = [each for each in samples if verdict(votes[each.pk], rule).state == OPEN]
    ended = _ended_by_label([each.pk for each in left], by)
    claims = _claims(dataset, [each.pk for each in left])
    to = Sample.Status.PENDING
    for label in set(claims.values()):
        ours = [each for each in left if each.pk in ended and claims[each.pk] == label]
        change_samples(ours, to=to, by=by, why="undo", label_id=label)
    held = [
        each for each in left if each.hold == Hold.EXPERT and each.leased_to_id in {None, by.pk}
    ]
    change_samples(held, hold=Hold.NONE)


def _ended_by_label(keys: Sequence[int], by: Any) -> set[int]:
    """Which of these samples this member's label settled, with nothing after it."""
    last = _last_moves(keys)
    return {pk for pk, event in last.items() if event.why == CONSENSUS and event.by_id == by.pk}


def _last_moves(keys: Sequence[int]) -> dict[int, Event]:
    subject = Sample._meta.label_lower
    events = Event.objects.filter(subject=subject, subject_id__in=keys).order_by("pk")
    return {event.subject_id: event for event in events}


def _claims(dataset: Dataset, keys: Sequence[int]) -> dict[int, int | None]:
    """{sample: the class that it came with, as it is called today}."""
    claims: dict[int, int | None] = dict.fromkeys(keys)
    lineage = lineage_of(dataset)
    said = Annotation.objects.filter(sample__in=keys, role=Annotation.As.UPLOADER).order_by("pk")
    for sample, label, at in said.values_list("sample", "label", "at"):
        claims[sample] = lineage.now(label, at)
    return claims


def hold_again(dataset: Dataset, rows: Sequence[Review], votes: Votes) -> None:
    """What these decisions had ended goes back, once they are undone, to the queue it was in."""
    samples = [row.sample for row in rows]
    holds = dict.fromkeys(_appealed([each.pk for each in samples]), str(Hold.APPEAL))
    holds |= holds_of_verdicts(rows)
    for hold in sorted(set(holds.values())):
        change_samples([each for each in samples if holds.get(each.pk) == hold], hold=hold)
    if dataset.policy == Policy.CONSENSUS:
        rule = rule_of(dataset)
        rest = [each for each in samples if each.pk not in holds]
        torn = [each for each in rest if verdict(votes[each.pk], rule).state == EXPERT]
        change_samples(torn, hold=Hold.EXPERT)


def _appealed(keys: Sequence[int]) -> set[int]:
    """Which of these samples have an appeal that no standing decision has answered."""
    appeals = Review.objects.filter(sample__in=keys, decision=Say.APPEAL)
    return set(appeals.exclude(Exists(_later(ENDING))).values_list("sample", flat=True))
