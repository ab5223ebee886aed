"""What a run reports while it goes. Every write is fenced: only an attempt that lives may write."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.errors import RuleError
from apps.jobs.models import Attempt, MetricPoint, Worker
from apps.state.actions import move

POINTS = {"step", "epoch"}
# Reported, but no measurement and no progress.
PLAIN = {"seq", "time", "kind"}


def late(attempt: Attempt) -> RuleError:
    return RuleError(
        "late_attempt",
        _("Attempt %(number)s no longer holds this job; what it reports is not taken.")
        % {"number": attempt.number},
        attempt=attempt.number,
    )


def begin_run(attempt: Attempt) -> None:
    """leased → running: the child process is there."""
    move(attempt, Attempt.Status.RUNNING)


def record_events(attempt: Attempt, events: Sequence[dict[str, Any]], log_tail: str = "") -> None:
    """Keep measurements and progress. Sent twice, kept once; a late attempt is refused."""
    fields: dict[str, Any] = {}
    if events:
        fields["last_seq"] = max(event["seq"] for event in events)
        fields["progress"] = _progress(attempt.progress, events)
    if log_tail:
        fields["log_tail"] = log_tail
    if any(event["kind"] == "first_step" for event in events):
        fields["first_step_at"] = Now()
    if not fields:
        return
    with transaction.atomic():
        if not Attempt.objects.live().filter(pk=attempt.pk).update(**fields):
            raise late(attempt)
        _keep_points(attempt, events)
    attempt.progress = fields.get("progress", attempt.progress)
    for event in events:
        if event["kind"] == "started" and event.get("device"):
            Worker.objects.filter(pk=attempt.worker_id).update(device=str(event["device"])[:120])


def _keep_points(attempt: Attempt, events: Sequence[dict[str, Any]]) -> None:
    MetricPoint.objects.bulk_create(
        (
            MetricPoint(
                attempt=attempt,
                seq=event["seq"],
                kind=event["kind"],
                epoch=event.get("epoch"),
                step=event.get("step"),
                data={key: value for key, value in event.items() if key not in PLAIN},
            )
            for event in events
            if event["kind"] in POINTS
        ),
        ignore_conflicts=True,
    )


def _progress(before: dict[str, Any], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The newest of each thing reported; `phase` is the kind of the newest event."""
    progress = dict(before)
    for event in events:
        if event["kind"] != "log":
            progress |= {key: value for key, value in event.items() if key not in PLAIN}
            progress["phase"] = event["kind"]
    return progress
