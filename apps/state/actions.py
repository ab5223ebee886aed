"""move(): the only writer of a status."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

from django.db import transaction
from django.utils.translation import gettext as _

from apps.errors import RuleError
from apps.state.models import Event


class HasStatus(Protocol):
    """A model with a `status` field and the table of its legal moves."""

    pk: Any
    status: Any
    MOVES: ClassVar[Any]
    _meta: ClassVar[Any]


def _check_legal(obj: HasStatus, to: str) -> None:
    if to not in type(obj).MOVES[obj.status]:
        raise RuleError(
            "illegal_move",
            _("This is “%(was)s”, so it cannot become “%(to)s”. Reload the page to see its state.")
            % {"was": obj.status, "to": to},
            was=str(obj.status),
            to=str(to),
        )


def move(
    obj: HasStatus,
    to: str,
    *,
    by: Any = None,
    why: str = "",
    guard: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Change one object's status, write `fields` with it, and leave an event: all or nothing.

    The UPDATE is guarded by the old status (and by `guard`, for a fencing number): whoever loses
    a race sees zero rows and gets RuleError("lost_race"). An illegal move is refused before that.
    """
    _check_legal(obj, to)
    was = obj.status
    with transaction.atomic():
        rows = type(obj)._base_manager.filter(pk=obj.pk, status=was, **(guard or {}))  # type: ignore[attr-defined]
        if not rows.update(status=to, **fields):
            raise RuleError(
                "lost_race",
                _("Somebody else changed this at the same moment. Reload the page and look again."),
                was=str(was),
                to=str(to),
            )
        Event.objects.create(
            subject=obj._meta.label_lower, subject_id=obj.pk, was=was, became=to, by=by, why=why
        )
    obj.status = to
    for name, value in fields.items():
        setattr(obj, name, value)


def move_all(
    objs: Iterable[HasStatus], to: str, *, by: Any = None, why: str = "", **fields: Any
) -> Sequence[HasStatus]:
    """Move many objects of one model in a few statements; returns those that were won.

    Objects that somebody else moved first are left out rather than failing the rest. Inside the
    transaction each UPDATE locks its rows, so the two reads around it see the same winners.
    """
    won: list[HasStatus] = []
    todo = list(objs)
    for obj in todo:
        _check_legal(obj, to)
    with transaction.atomic():
        for was in sorted({str(obj.status) for obj in todo}):
            group = [obj for obj in todo if obj.status == was]
            won += _move_group(group, was, to, by, why, fields)
    for obj in won:
        obj.status = to
        for name, value in fields.items():
            setattr(obj, name, value)
    return won


def _move_group(
    group: list[HasStatus], was: str, to: str, by: Any, why: str, fields: dict[str, Any]
) -> list[HasStatus]:
    manager = type(group[0])._base_manager  # type: ignore[attr-defined]
    keys = [obj.pk for obj in group]
    # The lock is real on PostgreSQL; on SQLite an IMMEDIATE transaction already excludes writers.
    free = set(
        manager.filter(pk__in=keys, status=was)
        .select_for_update(of=("self",))
        .values_list("pk", flat=True)
    )
    manager.filter(pk__in=free, status=was).update(status=to, **fields)
    winners = [obj for obj in group if obj.pk in free]
    Event.objects.bulk_create(
        Event(subject=obj._meta.label_lower, subject_id=obj.pk, was=was, became=to, by=by, why=why)
        for obj in winners
    )
    return winners
