"""move(): the only writer of a status."""

import itertools
import threading
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import CheckConstraint

from apps.datasets.models import Contribution, Sample
from apps.errors import RuleError
from apps.state.actions import move, move_all
from apps.state.models import Event

MACHINES = [model for model in apps.get_models() if hasattr(model, "MOVES")]
PAIRS = list(itertools.product(Contribution.Status.values, repeat=2))


def test_every_machine_is_known() -> None:
    assert {model._meta.object_name for model in MACHINES} >= {"Contribution", "Sample", "Version"}


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model._meta.label)
def test_moves_name_every_status_and_a_constraint_pins_them(model: Any) -> None:
    values = set(model.Status.values)
    assert set(map(str, model.MOVES)) == values
    assert {str(to) for moves in model.MOVES.values() for to in moves} <= values
    pinned = [
        set(value)
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint)
        for child in getattr(constraint.condition, "children", [])
        if isinstance(child, tuple) and child[0] == "status__in"
        for value in [child[1]]
    ]
    assert pinned == [values]


@pytest.mark.parametrize(("was", "to"), PAIRS)
def test_each_pair_of_statuses(contribute: Any, cast: Any, was: str, to: str) -> None:
    contribution = contribute({"cat/1.png": b""})
    Contribution.objects.filter(pk=contribution.pk).update(status=was)
    contribution.refresh_from_db()
    before = Event.objects.about(contribution).count()
    if to in Contribution.MOVES[was]:
        move(contribution, to, by=cast.ben, why="because")
        event = Event.objects.about(contribution).last()
        assert (event.was, event.became, event.by, event.why) == (was, to, cast.ben, "because")
        assert contribution.status == to
    else:
        with pytest.raises(RuleError, match="illegal_move"):
            move(contribution, to)
        assert Event.objects.about(contribution).count() == before
        assert contribution.status == was


def test_an_unknown_status_is_refused_by_the_database(samples: list[Sample]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Sample.objects.filter(pk=samples[0].pk).update(status="lost")


def test_the_loser_of_a_race_writes_nothing(samples: list[Sample]) -> None:
    sample = samples[0]
    stale = Sample.objects.get(pk=sample.pk)
    move(sample, "approved")
    with pytest.raises(RuleError, match="lost_race"):
        move(stale, "rejected")
    sample.refresh_from_db()
    assert sample.status == "approved"
    assert [event.became for event in Event.objects.about(sample)] == ["approved"]
    assert stale.status == "pending"


def test_a_guard_that_does_not_hold_loses(samples: list[Sample]) -> None:
    with pytest.raises(RuleError, match="lost_race"):
        move(samples[0], "approved", guard={"size": -1})


def test_status_and_event_are_one_transaction(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**fields: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Event.objects, "create", broken)
    with pytest.raises(OSError, match="disk full"):
        move(samples[0], "approved")
    assert samples[0].status == "pending"
    samples[0].refresh_from_db()
    assert samples[0].status == "pending"


def test_move_all_leaves_out_what_others_won(samples: list[Sample]) -> None:
    stale = list(Sample.objects.filter(pk__in=[sample.pk for sample in samples]))
    move(samples[0], "rejected")
    won = move_all(stale, "approved", why="fine")
    assert {sample.pk for sample in won} == {sample.pk for sample in samples[1:]}
    assert Event.objects.filter(became="approved", why="fine").count() == len(samples) - 1
    samples[0].refresh_from_db()
    assert samples[0].status == "rejected"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("together", [move, lambda obj, to: move_all([obj], to)])
def test_of_racing_threads_exactly_one_wins(samples: list[Sample], together: Any) -> None:
    """Real connections: SQLite's file lock here, PostgreSQL's row locks in the other pass."""
    start = threading.Barrier(4)
    won: list[str] = []
    lost: list[str] = []

    def run(to: str) -> None:
        sample = Sample.objects.get(pk=samples[0].pk)
        start.wait()
        try:
            result = together(sample, to)
            (won if result is None or result else lost).append(to)
        except RuleError as error:
            lost.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(to,)) for to in ["approved", "rejected"] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sample = Sample.objects.get(pk=samples[0].pk)
    assert won == [sample.status]
    assert len(lost) == 3
    assert Event.objects.about(sample).count() == 1
    assert connection.vendor in {"sqlite", "postgresql"}
