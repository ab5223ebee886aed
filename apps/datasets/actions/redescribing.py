"""Files that were read before their manifest came: what it says of them is written down afterwards.

Only of samples that are the contributor's alone so far: waiting, in no version, and nobody else has
said or decided anything about them.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Now

from apps.datasets.actions.changing import change_samples, together
from apps.datasets.actions.classing import Classes
from apps.datasets.actions.matching import row_for
from apps.datasets.actions.regrouping import Going, Regrouping
from apps.datasets.ingest.manifest import Row
from apps.datasets.models import Annotation, Contribution, Dataset, Receipt, Review, Sample

PORTION = 500
# Who speaks without having looked at it.
NOT_PEOPLE = (Annotation.As.UPLOADER, Annotation.As.MODEL, Annotation.As.SCHEMA)

Found = list[tuple[Sample, Row]]
Words = tuple[tuple[str, Any], ...]  # (field, value)


class Plan(NamedTuple):
    """What is to change; `counts` says what becomes of the files: changed, same, decided, in_hand,
    group_kept."""

    words: dict[Words, list[Sample]]
    groups: Regrouping
    counts: Counter[str]


def foresee(contribution: Contribution, rows: Mapping[str, Row]) -> Counter[str]:
    """What would become of the files that were read already; changes nothing."""
    counts: Counter[str] = Counter()
    found, last = _portion(contribution, rows, 0)
    while last:
        counts += _plan(contribution, found).counts
        found, last = _portion(contribution, rows, last)
    return counts


def redescribe(contribution: Contribution, rows: Mapping[str, Row]) -> Counter[str]:
    """Write down what the rows say of files that were read already; what became of them.

    In portions: what is done stays done, and sending the manifest again goes on.
    """
    counts: Counter[str] = Counter()
    last = -1
    while last:
        with transaction.atomic():
            # Ingest looks for rows and writes samples under this lock: what did not see the rows, which
            # are stored by now, is written before the lock is ours, and found here.
            Dataset.objects.select_for_update().get(pk=contribution.dataset_id)
            found, last = _portion(contribution, rows, last)
            plan = _plan(contribution, found)
            _write(contribution, plan)
        counts += plan.counts
    return counts


def _portion(contribution: Contribution, rows: Mapping[str, Row], after: int) -> tuple[Found, int]:
    """The next samples that a row is about, and the last receipt looked at; 0 behind the end."""
    taken = contribution.receipts.filter(
        pk__gt=after,
        outcome__in=[Receipt.Outcome.ACCEPTED, Receipt.Outcome.FIXED],
        sample__contribution=contribution,
    )
    receipts = list(taken.select_related("sample").order_by("pk")[:PORTION]) if rows else []
    pairs = [(each.sample, row_for(each.name, rows)) for each in receipts]
    found = [(sample, row) for sample, row in pairs if sample and row]
    return found, receipts[-1].pk if receipts else 0


# ---- what is to become of them


def _plan(contribution: Contribution, found: Found) -> Plan:
    classes = Classes(contribution.dataset_id)
    declared = [(sample, row.group) for sample, row in found if row.group]
    plan = Plan({}, Regrouping(contribution.dataset_id, declared), Counter())
    samples = [sample for sample, _row in found]
    spoken, leased = _spoken_about(samples), _leased(samples)
    for sample, row in found:
        # Where it is decided, not even whether the row says the same: its class may be sealed.
        mine = sample.status == Sample.Status.PENDING and not sample.split
        mine = mine and sample.pk not in spoken
        words = _words(sample, row, classes) if mine else ()
        group = _regroup(plan, sample, row)
        if not mine:
            plan.counts["decided"] += 1
        elif words and sample.pk in leased:
            plan.counts["in_hand"] += 1
        else:
            if words:
                plan.words.setdefault(words, []).append(sample)
            kept = "group_kept" if group == Going.STAYS else "same"
            plan.counts["changed" if words or group == Going.GOES else kept] += 1
    return plan


def _regroup(plan: Plan, sample: Sample, row: Row) -> Going:
    """Nobody reviews a group, so it is given to what is decided, too."""
    if not row.group or sample.status == Sample.Status.WITHDRAWN:
        return Going.THERE
    return plan.groups.put(sample, row.group)


def _words(sample: Sample, row: Row, classes: Classes) -> Words:
    """The fields that the row says something else about, as they should be."""
    words: dict[str, Any] = {}
    if row.label:
        label = classes.named(row.label)
        words["label_id"] = label.pk if label else None
        words["claimed_class"] = "" if label else row.label
    said = {"source": row.source, "licence": row.licence, "declared_split": row.split}
    words |= {name: value for name, value in said.items() if value}
    return tuple((name, value) for name, value in words.items() if getattr(sample, name) != value)


def _spoken_about(samples: list[Sample]) -> set[int]:
    """Those about which anybody has said or decided something since."""
    keys = [sample.pk for sample in samples]
    said = Annotation.objects.filter(sample__in=keys).exclude(role__in=NOT_PEOPLE)
    decided = Review.objects.filter(sample__in=keys)
    return {*said.values_list("sample", flat=True), *decided.values_list("sample", flat=True)}


def _leased(samples: list[Sample]) -> set[int]:
    """Those that somebody is looking at right now."""
    keys = [sample.pk for sample in samples]
    live = Sample.objects.filter(pk__in=keys, leased_until__gt=Now())
    return set(live.values_list("pk", flat=True))


# ---- writing it down


def _write(contribution: Contribution, plan: Plan) -> None:
    keys = [sample.pk for samples in plan.words.values() for sample in samples]
    with together(contribution.dataset, keys):
        for words, samples in plan.words.items():
            _say(contribution, samples, dict(words))
    plan.groups.write()


def _say(contribution: Contribution, samples: list[Sample], words: dict[str, Any]) -> None:
    """Change the samples; a changed class is the contributor's new answer beside the earlier one."""
    before = {sample.pk: sample.label_id for sample in samples}
    won = change_samples(samples, **words)
    if "label_id" not in words:
        return
    Annotation.objects.bulk_create(
        Annotation(
            sample=sample,
            label_id=words["label_id"],  # none: a class that does not exist yet takes its place
            by_id=contribution.member_id,
            role=Annotation.As.UPLOADER,
        )
        for sample in won
        if before[sample.pk] != words["label_id"]
    )
