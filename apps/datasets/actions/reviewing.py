"""Review: accept, fix & accept, reject with a reason; many at once; and undo."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.holding import HELD
from apps.datasets.models import Annotation, Dataset, LabelClass, Review, Role, Sample
from apps.datasets.permissions import require
from apps.errors import RuleError, invalid

MAX_DECISIONS = 1000
Say = Review.Decision


@dataclass(frozen=True)
class Decision:
    """One reviewer's word on one sample: `accept`, `fix` (with a class) or `reject` (a reason)."""

    sample_id: int
    decision: str
    class_id: int | None = None
    reason: str = ""
    note: str = ""


@dataclass
class ReviewResult:
    """What became of a set of decisions; `batch` undoes them."""

    batch: uuid.UUID
    decided: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


def review_samples(dataset: Dataset, by: Any, decisions: Sequence[Decision]) -> ReviewResult:
    """Settle pending samples. A decision that cannot stand is refused by itself, with its reason."""
    require(by, dataset, Role.REVIEWER)
    if len(decisions) > MAX_DECISIONS:
        text = _("Send at most %(limit)s decisions at once.") % {"limit": MAX_DECISIONS}
        raise invalid("too_many_decisions", text)
    result = ReviewResult(batch=uuid.uuid4())
    classes = {label.pk: label for label in dataset.classes.current()}
    with transaction.atomic():
        found = Sample.objects.filter(dataset=dataset).in_bulk(
            [each.sample_id for each in decisions]
        )
        standing: dict[int, Decision] = {}
        for each in decisions:
            refusal = _refusal(found.get(each.sample_id), each, by, classes)
            if refusal:
                result.refused.append({"sample": each.sample_id} | refusal)
            else:
                standing[each.sample_id] = each
        for each_kind in _alike(standing.values()):
            _decide(each_kind, found, classes, by, result)
    return result


def _refusal(
    sample: Sample | None, each: Decision, by: Any, classes: dict[int, LabelClass]
) -> dict[str, Any] | None:
    """Why this decision cannot stand, or None."""
    if sample is None:
        return _no("not_found", _("There is no such sample in this dataset."))
    if sample.contributor_id == by.pk:
        return _no("own_sample", _("Nobody reviews their own contribution."))
    if sample.status != Sample.Status.PENDING:
        text = _("It is %(status)s already.") % {"status": sample.get_status_display()}
        return _no("already_decided", text)
    if sample.hold in HELD:
        text = _("It is held back as a look-alike: compare it on the page of look-alikes first.")
        return _no("held", text)
    if each.decision == Say.ACCEPT:
        text = _("It has no class yet: pick one to fix & accept it.")
        return None if sample.label_id else _no("needs_class", text)
    if each.decision == Say.FIX:
        return None if each.class_id in classes else _no("unknown_class", _("Pick a class."))
    if each.decision != Say.REJECT or each.reason not in Review.Reason.values:
        return _no("needs_reason", _("A rejection needs a reason from the list."))
    if each.reason == Review.Reason.OTHER and not each.note.strip():
        return _no("needs_note", _("Say in a note what is wrong with it."))
    return None


def _no(code: str, detail: str) -> dict[str, Any]:
    return {"code": code, "detail": detail}


def _alike(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """Decisions that write the same thing, together: they become a few statements."""
    kinds: dict[tuple[str, int | None, str, str], list[Decision]] = {}
    for each in decisions:
        label = each.class_id if each.decision == Say.FIX else None
        kinds.setdefault((each.decision, label, each.reason, each.note), []).append(each)
    return list(kinds.values())


def _decide(
    alike: list[Decision],
    found: dict[int, Sample],
    classes: dict[int, LabelClass],
    by: Any,
    result: ReviewResult,
) -> None:
    first = alike[0]
    samples = [found[each.sample_id] for each in alike]
    before = {sample.pk: sample.label_id for sample in samples}
    to = Sample.Status.REJECTED if first.decision == Say.REJECT else Sample.Status.APPROVED
    fix = {"label": classes[first.class_id]} if first.decision == Say.FIX and first.class_id else {}
    won = change_samples(samples, to=to, by=by, why=first.reason, **fix)
    won_keys = {sample.pk for sample in won}
    result.decided += [sample.pk for sample in samples if sample.pk in won_keys]
    result.refused += [
        {"sample": sample.pk} | _no("already_decided", _("Another reviewer was faster."))
        for sample in samples
        if sample.pk not in won_keys
    ]
    winners = [sample for sample in samples if sample.pk in won_keys]
    Review.objects.bulk_create(
        Review(
            sample=sample,
            by=by,
            decision=first.decision,
            label_id=sample.label_id,
            label_before_id=before[sample.pk],
            reason=first.reason if to == Sample.Status.REJECTED else "",
            note=first.note.strip()[:500],
            batch=result.batch,
        )
        for sample in winners
    )
    if to == Sample.Status.APPROVED:
        role = Annotation.As.REVIEWER
        Annotation.objects.bulk_create(
            Annotation(sample=sample, label_id=sample.label_id, by=by, role=role)
            for sample in winners
            if sample.label_id  # refused before where there is none
        )


def last_batch(dataset: Dataset, by: Any) -> QuerySet[Review]:
    """The member's newest decisions here that are not undone yet, as one batch."""
    mine = Review.objects.filter(by=by, sample__dataset=dataset)
    undone = mine.filter(decision=Say.UNDO).values("batch")
    newest = mine.exclude(decision=Say.UNDO).exclude(batch__in=undone).order_by("-pk").first()
    return mine.filter(batch=newest.batch) if newest else Review.objects.none()


def undo_review(dataset: Dataset, by: Any) -> int:
    """Take the member's newest batch back to pending; returns how many samples went back.

    A sample that somebody has moved since stays as it is.
    """
    require(by, dataset, Role.REVIEWER)
    with transaction.atomic():
        batch = list(last_batch(dataset, by).select_related("sample"))
        if not batch:
            raise RuleError("nothing_to_undo", _("There is no decision of yours left to undo."))
        expected = {Say.ACCEPT: "approved", Say.FIX: "approved", Say.REJECT: "rejected"}
        open_ones = [row for row in batch if row.sample.status == expected[Say(row.decision)]]
        for label_before, rows in _by_label_before(open_ones).items():
            samples = [row.sample for row in rows]
            to = Sample.Status.PENDING
            change_samples(samples, to=to, by=by, why="undo", label_id=label_before)
        Review.objects.bulk_create(
            Review(sample=row.sample, by=by, decision=Say.UNDO, batch=row.batch) for row in batch
        )
    return len(open_ones)


def _by_label_before(rows: Iterable[Review]) -> dict[int | None, list[Review]]:
    grouped: dict[int | None, list[Review]] = {}
    for row in rows:
        grouped.setdefault(row.label_before_id, []).append(row)
    return grouped
