"""Labelling: somebody says which class a pending sample is, without deciding about it."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import NO_LEASE, change_samples, together
from apps.datasets.actions.desk import no, not_a_class
from apps.datasets.actions.leasing import end_leases, skip_samples, take_back
from apps.datasets.actions.reopening import undo_skips, unsettle
from apps.datasets.actions.reviewing import undone_before
from apps.datasets.actions.settling import (
    answered,
    mark_disputed,
    settle_by_votes,
    undone_by,
    votes_on,
)
from apps.datasets.lineage import Lineage, lineage_of
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
    return found.exclude(answered(by, dataset))


def label_samples(
    dataset: Dataset, by: Any, labels: Mapping[int, Said], batch: uuid.UUID | None = None
) -> Labelled:
    """Write down what a member says each sample is. What cannot stand is refused by itself.

    `batch` names the labels: sent again under their name, because the answer was lost, they are
    answered as if for the first time.
    """
    require(by, dataset, needed_role(dataset))
    if len(labels) > MAX_LABELS:
        text = _("Send at most %(limit)s labels at once.") % {"limit": MAX_LABELS}
        raise invalid("too_many_labels", text)
    result = Labelled(batch=batch or uuid.uuid4())
    classes = {label.pk: label for label in dataset.classes.current()}
    with together(dataset, labels):
        there = _there_already(by, batch, labels) if batch else set()
        result.labelled += there
        open_ones = to_label(dataset, by).filter(pk__in=labels)
        others = open_ones.filter(leased_until__gt=Now()).exclude(leased_to=by)
        elsewhere = set(others.values_list("pk", flat=True))
        found = open_ones.in_bulk()
        groups: dict[Said, list[Sample]] = {}
        for key, said in labels.items():
            if key in there:
                continue
            if refusal := _refusal(key, said, found, elsewhere, classes):
                result.refused.append({"sample": key} | refusal)
            else:
                groups.setdefault(said, []).append(found[key])
        for said, samples in groups.items():
            _say(dataset, samples, said, by, result)
    return result


def _there_already(by: Any, batch: uuid.UUID, keys: Iterable[int]) -> set[int]:
    """Which of these samples this member labelled or skipped under this name before."""
    labels = Annotation.objects.filter(batch=batch, by=by, sample__in=keys)
    skips = Review.objects.filter(
        batch=batch, by=by, sample__in=keys, decision=Review.Decision.SKIP
    )
    return {pk for rows in (labels, skips) for pk in rows.values_list("sample", flat=True)}


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
        skip = Review.Decision.SKIP
        Review.objects.bulk_create(
            Review(sample=sample, by=by, decision=skip, batch=result.batch) for sample in samples
        )
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


def undo_labels(dataset: Dataset, by: Any, batch: uuid.UUID | None = None) -> list[int]:
    """Take the member's newest labels back, or those named `batch`; returns what is open again.

    What somebody else decided since stays; what these labels settled is open again. The labels stay
    in the history, with a row that they are undone. Undoing by name twice undoes once, and by name
    only what was skipped comes back.
    """
    require(by, dataset, needed_role(dataset))
    mine = _undoable(dataset, by, batch)
    with together(dataset, set(mine.values_list("sample", flat=True))):
        skipped = undo_skips(dataset, by, batch) if batch else []
        said = list(mine)
        if not said and not skipped:
            if batch and (again := undone_before(dataset, by, batch)):
                return again
            raise RuleError("nothing_to_undo", _("There is no label of yours left to undo."))
        Review.objects.bulk_create(
            Review(
                sample=each.sample,
                by=by,
                decision=Review.Decision.UNDO,
                label_id=each.label_id,
                batch=each.batch,
            )
            for each in said
        )
        samples = [each.sample for each in said]
        votes = votes_on([sample.pk for sample in samples])
        if dataset.policy == Policy.CONSENSUS:
            unsettle(dataset, samples, votes, by)
        else:
            _unclass(said, lineage_of(dataset))
        open_ones = [each for each in samples if each.status == Sample.Status.PENDING]
        take_back(open_ones, by)
        mark_disputed(samples, votes)
    return skipped + [sample.pk for sample in open_ones]


def _unclass(said: list[Annotation], lineage: Lineage) -> None:
    """Take the class off again where it still is what these labels gave, as it is called today."""
    change_samples(
        [
            each.sample
            for each in said
            if each.sample.status == Sample.Status.PENDING
            and each.sample.label_id
            and each.sample.label_id == lineage.now(each.label_id, each.at)
        ],
        label_id=None,
    )


def _undoable(dataset: Dataset, by: Any, batch: uuid.UUID | None) -> QuerySet[Annotation]:
    """The member's labels of this name, or their newest ones, that are not undone yet."""
    mine = Annotation.objects.filter(by=by, sample__dataset=dataset, role=Annotation.As.LABELLER)
    standing = mine.exclude(undone_by(by)).select_related("sample")
    if batch is None:
        batch = standing.order_by("-pk").values_list("batch", flat=True).first()
    return standing.filter(batch=batch) if batch else standing.none()
