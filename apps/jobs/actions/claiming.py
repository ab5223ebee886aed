"""A worker takes the next job, and keeps it by renewing its lease.

Claims are guarded updates, so they are correct where row locks are not to be had (SQLite). All times
are the database's: a worker's clock may be wrong by hours.
"""

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.errors import RuleError
from apps.jobs.models import Attempt, TrainingJob, Worker
from apps.state.actions import move

Status = TrainingJob.Status


class Beat(NamedTuple):
    """What a worker hears when it renews its lease."""

    alive: bool  # False: the attempt is not the job's any more; end the run, write nothing
    cancel: bool


def lease() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def see_worker(name: str, *, host: str = "", threads: int = 1) -> Worker:
    """Write down that this worker is there."""
    seen = {"host": host, "threads": threads, "last_seen": Now(), "stopped_at": None}
    worker, _made = Worker.objects.update_or_create(name=name, defaults=seen)
    return worker


def stop_worker(name: str) -> None:
    """Write down that this worker was shut down in good order."""
    Worker.objects.filter(name=name).update(stopped_at=Now())


def claim_job(worker: Worker) -> Attempt | None:
    """queued → running with a new attempt leased to this worker; None when nothing is queued."""
    while job := TrainingJob.objects.in_queue_order().first():
        try:
            return _claim(job, worker)
        except (RuleError, IntegrityError):
            # Another worker was faster; the next look at the queue does not show this job.
            continue
    return None


def _claim(job: TrainingJob, worker: Worker) -> Attempt:
    number = job.attempt_number + 1
    with transaction.atomic():
        move(
            job,
            Status.RUNNING,
            why=f"{worker.name} #{number}",
            guard={"attempt_number": job.attempt_number},
            attempt_number=number,
            started_at=job.started_at or Now(),
        )
        attempt = Attempt.objects.create(
            job=job, number=number, worker=worker, lease_until=Now() + lease()
        )
    return Attempt.objects.select_related("job__version__dataset", "worker").get(pk=attempt.pk)


def renew_lease(attempt: Attempt) -> Beat:
    """Prolong the lease, if the attempt still holds its job; learn whether to stop."""
    held = Attempt.objects.live().filter(pk=attempt.pk)
    alive = bool(held.update(lease_until=Now() + lease()))
    Worker.objects.filter(pk=attempt.worker_id).update(last_seen=Now())
    return Beat(alive, wants_cancel(attempt))


def wants_cancel(attempt: Attempt) -> bool:
    """Whether somebody asked for this attempt's job to be cancelled."""
    cancelling = TrainingJob.objects.filter(pk=attempt.job_id, status=Status.CANCELLING)
    return cancelling.exists()
