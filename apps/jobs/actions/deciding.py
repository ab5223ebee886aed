"""What people decide about a job: approve, reject, cancel."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.models import Version
from apps.errors import RuleError, invalid
from apps.jobs.actions.proposing import require_nothing_withdrawn
from apps.jobs.actions.rings import TRAIN
from apps.jobs.models import TrainingJob
from apps.jobs.permissions import require_canceller, require_decider
from apps.state.actions import move
from apps.state.doorbell import ring

Status = TrainingJob.Status


def approve_job(job: TrainingJob, by: Any) -> None:
    """proposed → queued."""
    require_decider(by, job)
    _require_proposed(job)
    require_nothing_withdrawn(job.version)
    if job.version.status != Version.Status.APPROVED:
        raise RuleError(
            "version_not_approved",
            _(
                "Version %(number)s is “%(state)s” by now, so nothing new is trained on it. Reject "
                "this job; it can be proposed again on an approved version."
            )
            % {"number": job.version.number, "state": job.version.get_status_display()},
            state=job.version.status,
        )
    with transaction.atomic():
        move(job, Status.QUEUED, by=by, approved_by=by, queued_at=Now())
        ring(TRAIN)
    job.refresh_from_db(fields=["queued_at"])


def reject_job(job: TrainingJob, by: Any, reason: str) -> None:
    """proposed → rejected; the proposer reads why."""
    require_decider(by, job)
    _require_proposed(job)
    reason = reason.strip()
    if not reason:
        raise invalid(
            "reason_missing", _("Say why, so that the member can do better."), field="reason"
        )
    move(job, Status.REJECTED, by=by, why=reason, code="rejected", detail=reason, ended_at=Now())
    job.refresh_from_db(fields=["ended_at"])


def _require_proposed(job: TrainingJob) -> None:
    if job.status != Status.PROPOSED:
        raise RuleError(
            "not_proposed",
            _("This job is “%(state)s” already: there is nothing left to decide.")
            % {"state": job.get_status_display()},
            state=job.status,
        )


def cancel_job(job: TrainingJob, by: Any) -> None:
    """Nobody has it yet: cancelled at once. A worker has it: the worker ends it and says so."""
    require_canceller(by, job)
    try:
        _cancel(job, by)
    except RuleError as error:
        if error.code != "lost_race":
            raise
        # A worker claimed or finished it at this moment: decide again by what it is now.
        job.refresh_from_db()
        _cancel(job, by)


def _cancel(job: TrainingJob, by: Any) -> None:
    if job.status in {Status.PROPOSED, Status.QUEUED}:
        move(job, Status.CANCELLED, by=by, code="cancelled", ended_at=Now())
        job.refresh_from_db(fields=["ended_at"])
    elif job.status == Status.RUNNING:
        move(job, Status.CANCELLING, by=by)
    elif job.status == Status.CANCELLING:
        raise RuleError(
            "already_cancelling",
            _("This job is being cancelled already: its worker confirms within a minute."),
            state=job.status,
        )
    else:
        raise RuleError(
            "job_over",
            _("This job has ended (“%(state)s”): there is nothing left to cancel.")
            % {"state": job.get_status_display()},
            state=job.status,
        )
