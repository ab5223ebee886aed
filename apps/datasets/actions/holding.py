"""Look-alikes that ingest held back: a reviewer compares them and decides where they belong."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.placing import join_groups
from apps.datasets.grouping import place
from apps.datasets.lookalikes import resembles, splits_of
from apps.datasets.models import Dataset, Hold, Review, Role, Sample, Split
from apps.datasets.permissions import require
from apps.errors import RuleError, forbidden, invalid

HELD = frozenset({Hold.LOOKALIKE, Hold.BRIDGE})


class Verdict(models.TextChoices):
    SAME = "same", gettext_lazy("The same picture: reject it")
    TOGETHER = "together", gettext_lazy("Keep it, in the test split with the other")
    APART = "apart", gettext_lazy("A different picture: keep it apart")


def release_lookalike(sample: Sample, by: Any, verdict: str) -> None:
    """End a look-alike's hold: rejected as a duplicate, joined to its double's group, or set apart.

    `together` is for look-alikes of the test split only: what resembles two splits fits in neither.
    """
    require(by, sample.dataset, Role.REVIEWER)
    _check(sample, by, verdict)
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=sample.dataset_id)
        before = sample.label_id
        if verdict == Verdict.SAME:
            reason: Review.Reason | None = Review.Reason.DUPLICATE
            to = Sample.Status.REJECTED
            won = change_samples(
                [sample], to=to, by=by, why=Review.Reason.DUPLICATE, hold=Hold.NONE
            )
            decision = Review.Decision.REJECT
        else:
            if verdict == Verdict.TOGETHER:
                _join_double(sample)
            # Set apart, it resembles nothing any more.
            like = None if verdict == Verdict.APART else sample.lookalike_of_id
            won = change_samples([sample], hold=Hold.NONE, lookalike_of_id=like)
            reason, decision = None, Review.Decision.RELEASE
        if not won:
            raise RuleError("lost_race", _("Somebody else decided about it. Reload the page."))
        Review.objects.create(
            sample=sample,
            by=by,
            decision=decision,
            label_id=before,
            label_before_id=before,
            reason=reason or "",
            note=str(verdict),
            batch=uuid.uuid4(),
        )


def _check(sample: Sample, by: Any, verdict: str) -> None:
    if verdict not in Verdict.values:
        raise invalid("unknown_verdict", _("Say same, together or apart."), field="verdict")
    if sample.contributor_id == by.pk:
        raise forbidden("own_sample", _("Nobody reviews their own contribution."))
    if sample.status != Sample.Status.PENDING or sample.hold not in HELD:
        text = _("It is not held back as a look-alike (any more). Reload the page.")
        raise RuleError("not_held", text, hold=sample.hold, status_found=str(sample.status))
    if _rejected_before_appeal(sample, by):
        text = _("You rejected it, and its contributor appealed: another reviewer decides now.")
        raise forbidden("rejected_by_you", text)
    if verdict == Verdict.TOGETHER and sample.hold == Hold.BRIDGE:
        text = _("It resembles two splits, so it can be with neither. Reject it or keep it apart.")
        raise RuleError("bridges_splits", text)


def holds_of_verdicts(rows: Iterable[Review]) -> dict[int, str]:
    """{sample: the hold it belongs in, once it waits again} of those decisions that said "the same picture".

    As long as what it resembles is there: otherwise nobody has anything to compare it with.
    """
    samples = [
        row.sample
        for row in rows
        if row.reason == Review.Reason.DUPLICATE and row.note == Verdict.SAME
    ]
    return {sample.pk: hold for sample in samples if (hold := _hold_of(sample))}


def _hold_of(sample: Sample) -> str:
    split = splits_of(sample.dataset_id, [sample.group]).get(sample.group, "")
    return place(sample.group, resembles(sample), split).hold


def _rejected_before_appeal(sample: Sample, by: Any) -> bool:
    appeal = sample.reviews.filter(decision=Review.Decision.APPEAL).values("pk")[:1]
    rejected = sample.reviews.filter(by=by, decision=Review.Decision.REJECT)
    return rejected.filter(pk__lt=appeal).exists()


def _join_double(sample: Sample) -> None:
    """The sample's whole group joins that of its nearest double in the test split.

    Others may be in it: a contributor declared that they show the same patient or scene.
    """
    into, own = _group_of_double(sample), sample.group
    split = splits_of(sample.dataset_id, [own]).get(own)
    if own == into or split == Split.TEST:
        return
    if split:
        text = _("Others of its group are in another split. Reject it or keep it apart.")
        raise RuleError("bridges_splits", text)
    join_groups(sample.dataset_id, [own], into)
    sample.group = into


def _group_of_double(sample: Sample) -> str:
    doubles = [each for each in resembles(sample) if each.split == "test"]
    if not doubles:
        text = _("Its double is gone: it was withdrawn. Keep it apart instead.")
        raise RuleError("double_gone", text)
    return min(doubles, key=lambda each: (each.distance, each.sample)).group
