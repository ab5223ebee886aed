"""How an attempt ends: by its own report, or because its worker is gone.

Exactly one effect: artifacts, result and both status moves are one transaction, fenced by the
attempt's liveness. Whoever comes late changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.errors import RuleError
from apps.jobs.actions.reporting import late
from apps.jobs.actions.rings import TRAIN
from apps.jobs.models import Artifact, Attempt, TrainingJob
from apps.state.actions import move
from apps.state.doorbell import ring

Status = TrainingJob.Status


@dataclass(frozen=True)
class Kept:
    """A file that is in the blob store already, and belongs to the attempt once it is finished."""

    role: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Ending:
    """What became of a run: `succeeded`, `failed` or `cancelled`."""

    status: str
    code: str = ""
    detail: str = ""
    exit_code: int | None = None
    result: dict[str, Any] = field(default_factory=dict)
    kept: Sequence[Kept] = ()


def finish_attempt(attempt: Attempt, ending: Ending) -> None:
    """Commit what a run has come to. Refuses (`late_attempt`) what lost its lease meanwhile."""
    try:
        _finish(attempt, ending)
    except RuleError as error:
        if error.code != "lost_race":
            raise
        # Somebody cancelled the job at this moment; its status is another now.
        _finish(attempt, ending)


def _finish(attempt: Attempt, ending: Ending) -> None:
    with transaction.atomic():
        held = Attempt.objects.select_related("job").get(pk=attempt.pk)
        if not held.live:
            raise late(attempt)
        if held.status == Attempt.Status.LEASED and ending.status == Status.SUCCEEDED:
            move(held, Attempt.Status.RUNNING)
        code = _cause(held.job, ending)
        _close(held, ending.status, code=code, exit_code=ending.exit_code)
        Artifact.objects.bulk_create(
            Artifact(
                attempt=held, role=each.role, name=each.name, sha256=each.sha256, size=each.size
            )
            for each in ending.kept
        )
        move(
            held.job,
            ending.status,
            guard={"attempt_number": held.number},
            code=code,
            detail=ending.detail,
            result=ending.result,
            ended_at=Now(),
        )


def _cause(job: TrainingJob, ending: Ending) -> str:
    """A run that could not read its input after a withdrawal did nothing wrong."""
    missing = ending.code in {"bad_input", "not_startable"} and job.version.withdrawn
    return "data_withdrawn" if missing else ending.code


def _close(attempt: Attempt, status: str, **fields: Any) -> None:
    guard = fields.pop("guard", None)
    move(attempt, status, guard=guard, ended_at=Now(), **fields)


def lose_attempt(
    attempt: Attempt, code: str, *, detail: str = "", guard: dict[str, Any] | None = None
) -> None:
    """The worker or its run is gone: requeue the job to resume, or give up after too many losses.

    A worker that gives a job back in good order (`released`) has not lost it: that is not counted.
    """
    with transaction.atomic():
        held = Attempt.objects.select_related("job").get(pk=attempt.pk)
        if not held.live:
            raise late(attempt)
        _close(held, Attempt.Status.LOST, code=code, guard=guard)
        settle_without_worker(held.job)
        if detail:
            TrainingJob.objects.filter(pk=held.job_id).update(detail=detail)


def settle_without_worker(job: TrainingJob) -> None:
    """What becomes of a running or cancelling job that nobody holds."""
    guard = {"attempt_number": job.attempt_number}
    if job.status == Status.CANCELLING:
        move(job, Status.CANCELLED, guard=guard, code="cancelled", ended_at=Now())
        return
    lost = job.attempts.filter(status=Attempt.Status.LOST).exclude(code="released").count()
    if lost >= settings.JOB_MAX_ATTEMPTS:
        move(job, Status.FAILED, guard=guard, code="lost_too_often", ended_at=Now())
        return
    move(job, Status.QUEUED, guard=guard, why="lost worker")
    ring(TRAIN)
