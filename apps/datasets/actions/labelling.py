"""Labelling: somebody says which class a pending sample is, without deciding about it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import NO_LEASE, change_samples
from apps.datasets.actions.desk import no, not_a_class
from apps.datasets.actions.leasing import end_leases, skip_samples, take_back
from apps.datasets.actions.settling import VOTERS, mark_disputed, settle_by_votes, votes_on
from apps.datasets.lineage import lineage_of
from apps.datasets.models import Annotation, Dataset, Hold, LabelClass, Policy, Review, Role, Sample
from apps.datasets.permissions import require
from apps.errors import RuleError, invalid

MAX_LABELS = 200
SKIP = "skip"
UNSURE = "unsure"

# A class id, UNSURE or SKIP.
Said = int | str


@dataclass
class Labelled:
    """What became of some labels; `batch` undoes them."""

    batch: uuid.UUID
    labelled: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


def needed_role(dataset: Dataset) -> Role:
    """A label proposes where a reviewer decides afterwards; under consensus it is a vote."""
    return Role.REVIEWER if dataset.policy == Policy.CONSENSUS else Role.CONTRIBUTOR


def to_label(dataset: Dataset, by: Any) -> QuerySet[Sample]:
    """What this member may label: without a class, or under consensus without their own voice."""
    found: QuerySet[Sample] = Sample.objects.filter(
        dataset=dataset, status=Sample.Status.PENDING, hold=Hold.NONE
    )
    if dataset.policy != Policy.CONSENSUS:
        return found.filter(label=None)
    mine = Annotation.objects.filter(sample=OuterRef("pk"), by=by, role__in=VOTERS)
    mine = mine.exclude(lineage_of(dataset).outdated())
    rejected = Review.objects.filter(sample=OuterRef("pk"), by=by, decision=Review.Decision.REJECT)
    return found.exclude(Exists(mine)).exclude(Exists(rejected))


def label_samples(dataset: Dataset, by: Any, labels: Mapping[int, Said]) -> Labelled:
    """Write down what a member says each sample is. What cannot stand is refused by itself."""
    require(by, dataset, needed_role(dataset))
    if len(labels) > MAX_LABELS:
        text = _("Send at most %(limit)s labels at once.") % {"limit": MAX_LABELS}
        raise invalid("too_many_labels", text)
    result = Labelled(batch=uuid.uuid4())
    classes = {label.pk: label for label in dataset.classes.current()}
    with transaction.atomic():
        open_ones = to_label(dataset, by).filter(pk__in=labels)
        others = open_ones.filter(leased_until__gt=Now()).exclude(leased_to=by)
        elsewhere = set(others.values_list("pk", flat=True))
        found = open_ones.in_bulk()
        groups: dict[Said, list[Sample]] = {}
        for key, said in labels.items():
            if refusal := _refusal(key, said, found, elsewhere, classes):
                result.refused.append({"sample": key} | refusal)
            else:
                groups.setdefault(said, []).append(found[key])
        for said, samples in groups.items():
            _say(dataset, samples, said, by, result)
    return result


def _refusal(
    key: int,
    said: Said,
    found: Mapping[int, Sample],
    elsewhere: set[int],
    classes: Mapping[int, LabelClass],
) -> dict[str, str] | None:
    if key not in found:
        text = _("It has a label or a decision by now, or is not in this dataset.")
        return no("not_open", text)
    if key in elsewhere:
        return no("leased_to_other", _("Somebody else is labelling it right now."))
    if said not in {SKIP, UNSURE} and said not in classes:
        return not_a_class(found[key].dataset, said)
    return None


def _say(dataset: Dataset, samples: list[Sample], said: Said, by: Any, result: Labelled) -> None:
    result.labelled += [sample.pk for sample in samples]
    if said == SKIP:
        skip_samples(samples, by)
        return
    label = said if isinstance(said, int) else None
    Annotation.objects.bulk_create(
        Annotation(
            sample=sample,
            label_id=label,
            by=by,
            role=Annotation.As.LABELLER,
            batch=result.batch,
        )
        for sample in samples
    )
    if dataset.policy == Policy.CONSENSUS:
        end_leases(samples, by)
    elif label:
        change_samples(samples, label_id=label, **NO_LEASE)
    else:  # somebody else may know
        skip_samples(samples, by)
    settle_by_votes(dataset, samples, by)


def undo_labels(dataset: Dataset, by: Any) -> int:
    """Take the member's newest labels back; returns how many samples are open again.

    What was decided since stays. The labels stay in the history, with a row that they are undone.
    """
    require(by, dataset, needed_role(dataset))
    with transaction.atomic():
        batch = list(_last(dataset, by))
        if not batch:
            raise RuleError("nothing_to_undo", _("There is no label of yours left to undo."))
        Review.objects.bulk_create(
            Review(
                sample=each.sample,
                by=by,
                decision=Review.Decision.UNDO,
                label_id=each.label_id,
                batch=each.batch,
            )
            for each in batch
        )
        samples = [each.sample for each in batch]
        open_ones = [each for each in samples if each.status == Sample.Status.PENDING]
        lineage = lineage_of(dataset)
        ours = {each.sample_id: lineage.now(each.label_id, each.at) for each in batch}
        again = [each for each in open_ones if each.label_id and each.label_id == ours[each.pk]]
        if dataset.policy != Policy.CONSENSUS:
            change_samples(again, label_id=None)
        take_back(open_ones, by)
        mark_disputed(samples, votes_on([sample.pk for sample in samples]))
    return len(open_ones)


def _last(dataset: Dataset, by: Any) -> QuerySet[Annotation]:
    mine = Annotation.objects.filter(
        by=by, sample__dataset=dataset, role=Annotation.As.LABELLER
    ).select_related("sample")
    undone = Review.objects.filter(by=by, decision=Review.Decision.UNDO, batch=OuterRef("batch"))
    newest = mine.exclude(Exists(undone)).order_by("-pk").first()
    return mine.filter(batch=newest.batch) if newest else mine.none()
