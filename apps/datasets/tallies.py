"""Counts of samples, kept as they change: a page never counts the samples themselves.

A tally row counts the samples of one contribution in one state (class, status, hold). Every sum a
page shows (by class, by contributor, by source, what waits for this reviewer) adds up a few of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, F, QuerySet, Sum

from apps.datasets import seals
from apps.datasets.models import Contribution, Dataset, LabelClass, Sample, Tally


class State(NamedTuple):
    """Where a sample counts."""

    contribution: int
    label: int  # 0: no class
    status: str
    hold: str


def state_of(sample: Sample) -> State:
    return State(sample.contribution_id, sample.label_id or 0, str(sample.status), sample.hold)


class Moves:
    """How many samples (and bytes) leave and enter each state; `write()` once, at the end."""

    def __init__(self) -> None:
        self._numbers: Counter[State] = Counter()
        self._bytes: Counter[State] = Counter()

    def enter(self, state: State, size: int) -> None:
        self._numbers[state] += 1
        self._bytes[state] += size

    def leave(self, state: State, size: int) -> None:
        self._numbers[state] -= 1
        self._bytes[state] -= size

    def write(self, dataset_id: int) -> None:
        """To be called in the transaction that changes the samples, as its last statement.

        In the order of the states, so that two transactions never wait for each other.
        """
        for state in sorted(self._numbers):
            number, size = self._numbers[state], self._bytes[state]
            if number or size:
                _add(dataset_id, state, number, size)


def _add(dataset_id: int, state: State, number: int, size: int) -> None:
    key = dict(zip(("contribution_id", "label", "status", "hold"), state, strict=True))
    rows = Tally.objects.filter(**key)
    change = {"number": F("number") + number, "bytes": F("bytes") + size}
    if rows.update(**change):
        return
    try:
        with transaction.atomic():
            Tally.objects.create(dataset_id=dataset_id, **key, number=number, bytes=size)
    except IntegrityError:  # another transaction made the row at the same moment
        rows.update(**change)


def count_new(dataset_id: int, samples: Iterable[Sample]) -> None:
    """Samples that were just created."""
    moves = Moves()
    for sample in samples:
        moves.enter(state_of(sample), sample.size)
    moves.write(dataset_id)


def by_class(dataset: Dataset) -> dict[int, Counter[str]]:
    """{class id, 0 for none: {status: number}}."""
    counts: dict[int, Counter[str]] = {}
    rows = dataset.tallies.values_list("label", "status").annotate(n=Sum("number"))
    for label, status, number in rows.order_by():
        if number:
            counts.setdefault(label, Counter())[status] = number
    return counts


def shown_by_class(dataset: Dataset) -> dict[int, Counter[str]]:
    """The same for showing: without what is sealed."""
    counts = by_class(dataset)
    for label, hidden in seals.hidden_by_class(dataset).items():
        counts[label] = counts.get(label, Counter()) - hidden
    return counts


def by_status(dataset: Dataset) -> Counter[str]:
    rows = dataset.tallies.values_list("status").annotate(n=Sum("number")).order_by()
    return Counter(dict(rows))


def reviewable(dataset: Dataset, user: Any) -> dict[int, int]:
    """{class id, 0 for none: how many wait in the ordinary queue for this reviewer}."""
    rows = waiting(dataset).exclude(contribution__member=user)
    counted = rows.values_list("label").annotate(n=Sum("number")).order_by()
    return {label: number for label, number in counted if number}


def waiting(dataset: Dataset) -> QuerySet[Tally]:
    """The rows of the ordinary review queue."""
    found: QuerySet[Tally] = Tally.objects.filter(
        dataset=dataset, status=Sample.Status.PENDING, hold=""
    )
    return found


def left_behind() -> QuerySet[Tally]:
    """Live samples of classes that are none any more: on their way, or given one of them by
    somebody who had read the classes just before."""
    retired = LabelClass.objects.exclude(retired_at=None).order_by()
    found: QuerySet[Tally] = Tally.objects.filter(
        dataset__in=retired.values("dataset"), label__in=retired.values("pk"), number__gt=0
    )
    return found.exclude(status=Sample.Status.WITHDRAWN)


def stored_bytes(user: Any) -> int:
    """What a member's samples take in the store, withdrawn ones apart."""
    rows = Tally.objects.filter(contribution__member=user)
    total = rows.exclude(status=Sample.Status.WITHDRAWN).aggregate(total=Sum("bytes"))["total"]
    return int(total or 0)


def true_counts(contribution: Contribution) -> Mapping[State, tuple[int, int]]:
    """{state: (number, bytes)} as the samples themselves say, for tests and repair."""
    rows = contribution.samples.order_by().values_list("label", "status", "hold")
    counted = rows.annotate(n=Count("pk"), size_sum=Sum("size"))
    return {
        State(contribution.pk, label or 0, status, hold): (number, size)
        for label, status, hold, number, size in counted
    }


def recount(contribution: Contribution) -> None:
    """Write the tallies of one contribution anew from its samples."""
    with transaction.atomic():
        Contribution.objects.select_for_update().get(pk=contribution.pk)
        Tally.objects.filter(contribution=contribution).delete()
        Tally.objects.bulk_create(
            Tally(
                dataset_id=contribution.dataset_id,
                contribution=contribution,
                label=state.label,
                status=state.status,
                hold=state.hold,
                number=number,
                bytes=size,
            )
            for state, (number, size) in true_counts(contribution).items()
        )
