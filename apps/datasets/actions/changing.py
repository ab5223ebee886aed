"""change_samples(): the one way in which existing samples change, so that every count stays true."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apps.datasets.models import Dataset, Hold, Sample
from apps.datasets.tallies import Moves, State
from apps.state.actions import move_all

PORTION = 500
# What ends a sample's lease.
NO_LEASE: dict[str, Any] = {"leased_to": None, "leased_until": None, "lease": None}

# The counts of the verb under way in this thread: see together().
_under_way: ContextVar[Moves | None] = ContextVar("counts", default=None)


@contextmanager
def together(dataset: Dataset, keys: Collection[int]) -> Iterator[None]:
    """One transaction for a verb that changes samples of a dataset several times, or depends on votes.

    Locks the samples first, in pk order, and writes all counts last, in the order of the states: so two
    of these never wait for each other in a circle, and the second reads what the first has written.
    """
    with _counting(dataset.pk):
        list(_lock(keys).values_list("pk"))
        yield


@contextmanager
def _counting(dataset_id: int) -> Iterator[Moves]:
    """The counts of the verb under way, or of this change alone, which are written at its end."""
    outer = _under_way.get()
    if outer is not None:
        yield outer
        return
    moves = Moves()
    token = _under_way.set(moves)
    try:
        with transaction.atomic():
            yield moves
            moves.write(dataset_id)
    finally:
        _under_way.reset(token)


def change_samples(
    samples: Iterable[Sample],
    *,
    to: str | None = None,
    by: Any = None,
    why: str = "",
    **fields: Any,
) -> list[Sample]:
    """Move samples of one dataset to a status (`to`), or only write `fields`; returns the winners.

    The objects' own `status` guards the change: one that somebody else has moved since it was read
    is left out. Settling a sample ends its hold and its lease. Counts change with it, in the same
    transaction.
    """
    todo = sorted(samples, key=lambda sample: sample.pk)
    if to and to != Sample.Status.PENDING:
        fields = {"hold": Hold.NONE, **NO_LEASE, **fields}
    won: list[Sample] = []
    if not todo:
        return won
    with _counting(todo[0].dataset_id) as moves:
        for start in range(0, len(todo), PORTION):
            won += _change(moves, todo[start : start + PORTION], to, by, why, fields)
    return won


def _change(
    moves: Moves, todo: list[Sample], to: str | None, by: Any, why: str, fields: dict[str, Any]
) -> list[Sample]:
    before = _locked(todo)
    free = [sample for sample in todo if before.get(sample.pk, _GONE).status == sample.status]
    if not free:
        return []
    if to:
        move_all(free, to, by=by, why=why, **fields)
    else:
        Sample.objects.filter(pk__in=[sample.pk for sample in free]).update(**fields)
        for sample in free:
            for name, value in fields.items():
                setattr(sample, name, value)
    label = _label(fields)
    for sample in free:
        was = before[sample.pk]
        now = State(
            was.contribution,
            was.label if label is None else label,
            to or was.status,
            fields.get("hold", was.hold),
        )
        moves.leave(was, sample.size)
        moves.enter(now, sample.size)
    return free


_GONE = State(0, 0, "", "")


def _locked(samples: list[Sample]) -> dict[int, State]:
    """The samples' states as they are now, locked until the transaction ends (in pk order)."""
    locked = _lock([sample.pk for sample in samples])
    columns = ("pk", "contribution_id", "label_id", "status", "hold")
    return {
        pk: State(contribution, label or 0, status, hold)
        for pk, contribution, label, status, hold in locked.values_list(*columns)
    }


def _lock(keys: Collection[int]) -> QuerySet[Sample]:
    rows: QuerySet[Sample] = Sample.objects.filter(pk__in=keys).order_by("pk")
    return rows.select_for_update(of=("self",))


def _label(fields: dict[str, Any]) -> int | None:
    """The class id that `fields` writes (0: none), or None where they write no class."""
    if "label" in fields:
        return fields["label"].pk if fields["label"] else 0
    return (fields["label_id"] or 0) if "label_id" in fields else None
