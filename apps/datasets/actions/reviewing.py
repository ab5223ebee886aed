"""Review: accept, fix & accept, reject with a reason, skip; many at once; and undo."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import change_samples, together
from apps.datasets.actions.desk import Decision, Desk, Say, no
from apps.datasets.actions.holding import HELD
from apps.datasets.actions.leasing import end_leases, skip_samples, take_back
from apps.datasets.actions.reopening import (
    hold_again,
    is_open,
    those_that_stand,
    undo_skips,
    unsettle,
)
from apps.datasets.actions.settling import mark_disputed, settle_by_votes, votes_on
from apps.datasets.lineage import Lineage, lineage_of
from apps.datasets.models import Annotation, Dataset, Review, Role, Sample
from apps.datasets.permissions import require
from apps.errors import RuleError, invalid

MAX_DECISIONS = 1000


@dataclass
class ReviewResult:
    """What became of a set of decisions; `batch` undoes them."""

    batch: uuid.UUID
    decided: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


def review_samples(
    dataset: Dataset, by: Any, decisions: Sequence[Decision], batch: uuid.UUID | None = None
) -> ReviewResult:
    """Decide about pending samples. What cannot stand is refused by itself, with its reason.

    Under consensus a decision is a vote, which settles the sample once enough people agree; what is
    held for an expert or appealed is decided by one person under either policy.

    `batch` names the decisions: sent again under their name, because the answer was lost, they are
    answered as if for the first time, and nothing is decided twice.
    """
    require(by, dataset, Role.REVIEWER)
    if len(decisions) > MAX_DECISIONS:
        text = _("Send at most %(limit)s decisions at once.") % {"limit": MAX_DECISIONS}
        raise invalid("too_many_decisions", text)
    result = ReviewResult(batch=batch or uuid.uuid4())
    with together(dataset, [each.sample_id for each in decisions]):
        desk = Desk(dataset, by, [each.sample_id for each in decisions])
        there = _there_already(dataset, by, batch) if batch else set()
        result.decided += there
        standing: dict[int, Decision] = {}
        for each in decisions:
            if each.sample_id in there:
                continue
            refusal = desk.refusal(each)
            if refusal:
                result.refused.append({"sample": each.sample_id} | refusal)
            else:
                standing[each.sample_id] = each
        for alike in _alike(standing.values()):
            _decide(alike, desk, result)
    return result


def _there_already(dataset: Dataset, by: Any, batch: uuid.UUID) -> set[int]:
    mine = Review.objects.filter(batch=batch, by=by, sample__dataset=dataset)
    return set(mine.exclude(decision=Say.UNDO).values_list("sample", flat=True))


def _alike(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """Decisions that write the same thing, together: they become a few statements."""
    kinds: dict[tuple[str, int | None, str, str], list[Decision]] = {}
    for each in decisions:
        label = each.class_id if each.decision == Say.FIX else None
        kinds.setdefault((each.decision, label, each.reason, each.note), []).append(each)
    return list(kinds.values())


def _decide(alike: list[Decision], desk: Desk, result: ReviewResult) -> None:
    """Decisions that write the same thing."""
    if alike[0].decision == Say.SKIP:
        _skip(alike, desk, result)
        return
    votes = [each for each in alike if desk.is_vote(desk.found[each.sample_id])]
    direct = [each for each in alike if not desk.is_vote(desk.found[each.sample_id])]
    if votes:
        _vote(votes, desk, result)
    if direct:
        _settle(direct, desk, result)


def _skip(alike: list[Decision], desk: Desk, result: ReviewResult) -> None:
    samples = [desk.found[each.sample_id] for each in alike]
    skip_samples(samples, desk.by)
    _write(alike, samples, {sample.pk: sample.label_id for sample in samples}, desk, result)


def _vote(alike: list[Decision], desk: Desk, result: ReviewResult) -> None:
    samples = [desk.found[each.sample_id] for each in alike]
    before = {sample.pk: sample.label_id for sample in samples}
    _write(alike, samples, before, desk, result, label=alike[0].class_id)
    end_leases(samples, desk.by)
    settle_by_votes(desk.dataset, samples, desk.by)


def _settle(alike: list[Decision], desk: Desk, result: ReviewResult) -> None:
    first = alike[0]
    samples = [desk.found[each.sample_id] for each in alike]
    before = {sample.pk: sample.label_id for sample in samples}
    to = Sample.Status.REJECTED if first.decision == Say.REJECT else Sample.Status.APPROVED
    fix: dict[str, Any] = {}
    if first.decision == Say.FIX and first.class_id:
        fix = {"label": desk.classes[first.class_id]}
    won = {
        sample.pk for sample in change_samples(samples, to=to, by=desk.by, why=first.reason, **fix)
    }
    result.refused += [
        {"sample": sample.pk} | no("already_decided", _("Another reviewer was faster."))
        for sample in samples
        if sample.pk not in won
    ]
    winners = [sample for sample in samples if sample.pk in won]
    _write(alike, winners, before, desk, result)
    if fix or any(sample.disputed for sample in winners):
        mark_disputed(winners, votes_on([sample.pk for sample in winners]))


def _write(
    alike: list[Decision],
    samples: list[Sample],
    before: dict[int, int | None],
    desk: Desk,
    result: ReviewResult,
    label: int | None = None,
) -> None:
    """The history of these decisions: a review each, and what the reviewer called it."""
    first = alike[0]
    result.decided += [sample.pk for sample in samples]
    Review.objects.bulk_create(
        Review(
            sample=sample,
            by=desk.by,
            decision=first.decision,
            label_id=label or sample.label_id,
            label_before_id=before[sample.pk],
            reason=first.reason if first.decision == Say.REJECT else "",
            note=first.note.strip()[:500],
            batch=result.batch,
        )
        for sample in samples
    )
    if first.decision in {Say.ACCEPT, Say.FIX}:
        role = Annotation.As.REVIEWER
        Annotation.objects.bulk_create(
            Annotation(
                sample=sample,
                label_id=label or sample.label_id,
                by=desk.by,
                role=role,
                batch=result.batch,
            )
            for sample in samples
            if label or sample.label_id  # refused before where there is none
        )


def _undoable(dataset: Dataset, by: Any, batch: uuid.UUID | None) -> QuerySet[Review]:
    """The member's decisions of this name, or their newest ones, that are not undone yet."""
    mine = Review.objects.filter(by=by, sample__dataset=dataset)
    undone = mine.filter(decision=Say.UNDO).values("batch")
    decided = mine.filter(decision__in=[Say.ACCEPT, Say.FIX, Say.REJECT]).exclude(batch__in=undone)
    if batch is None:
        batch = decided.order_by("-pk").values_list("batch", flat=True).first()
    return decided.filter(batch=batch) if batch else decided.none()


def undo_review(dataset: Dataset, by: Any, batch: uuid.UUID | None = None) -> list[int]:
    """Take the member's newest decisions back, or those named `batch`; returns what is open again.

    A sample about which somebody has decided since stays as it is; of one that votes have settled
    the votes that are left decide. Undoing by name twice undoes once, and by name only what was
    skipped comes back.
    """
    require(by, dataset, Role.REVIEWER)
    mine = _undoable(dataset, by, batch)
    with together(dataset, set(mine.values_list("sample", flat=True))):
        skipped = undo_skips(dataset, by, batch) if batch else []
        rows = list(mine.select_related("sample"))
        if not rows and not skipped:
            if batch and (again := undone_before(dataset, by, batch)):
                return again
            raise RuleError("nothing_to_undo", _("There is no decision of yours left to undo."))
        lineage = lineage_of(dataset)
        standing = those_that_stand(rows, lineage)
        for label_before, alike in _by_label_before(standing, lineage).items():
            samples = [row.sample for row in alike]
            to = Sample.Status.PENDING
            change_samples(samples, to=to, by=by, why="undo", label_id=label_before)
        Review.objects.bulk_create(
            Review(sample=row.sample, by=by, decision=Say.UNDO, batch=row.batch) for row in rows
        )
        samples = [row.sample for row in rows]
        votes = votes_on([sample.pk for sample in samples])
        ended = [row.sample for row in standing]
        hold_again(dataset, standing, votes)
        closed = [each for each in samples if each not in ended and not is_open(each)]
        unsettle(dataset, closed, votes, by)
        open_ones = ended + [each for each in closed if is_open(each)]
        take_back([each for each in open_ones if each.hold not in HELD], by)
        mark_disputed(samples, votes)
    return skipped + [sample.pk for sample in open_ones]


def undone_before(dataset: Dataset, by: Any, batch: uuid.UUID) -> list[int]:
    """What an undo of this name opened that was answered already, as far as it is open now."""
    undone = Review.objects.filter(
        by=by, batch=batch, decision=Say.UNDO, sample__dataset=dataset, sample__status="pending"
    )
    return list(undone.values_list("sample", flat=True))


def _by_label_before(rows: Iterable[Review], lineage: Lineage) -> dict[int | None, list[Review]]:
    """By the class that each had before, as it is called today."""
    grouped: dict[int | None, list[Review]] = {}
    for row in rows:
        grouped.setdefault(lineage.now(row.label_before_id, row.at), []).append(row)
    return grouped
