"""Why a job waits, in a sentence with its age, its owner and its reason."""

from typing import NamedTuple

from django.db.models.functions import Now
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.jobs.models import Attempt, TrainingJob, Worker

Status = TrainingJob.Status


class Waiting(NamedTuple):
    code: str
    sentence: str


def why_waiting(job: TrainingJob) -> Waiting | None:
    """What the job waits for; None when it waits for nothing."""
    if job.status == Status.PROPOSED:
        return Waiting(
            "approval",
            _("Waits for a maintainer of the dataset to approve it, for %(age)s.")
            % {"age": timesince(job.created_at)},
        )
    if job.status == Status.QUEUED:
        return _queued(job)
    if job.status == Status.CANCELLING:
        return Waiting("cancelling", _("Waits for its worker to end the run, which takes seconds."))
    if job.status == Status.RUNNING:
        return _running(job)
    return None


def _queued(job: TrainingJob) -> Waiting:
    resumed = ""
    if job.attempt_number:
        resumed = " " + _("Its worker was lost; it resumes from its last checkpoint.")
    workers = Worker.objects.alive().count()
    if not workers:
        text = _("No worker is running. An operator has to start one; the job keeps its place.")
        return Waiting("no_worker", text + resumed)
    before = _position(job)
    if before:
        text = ngettext(
            "%(n)s job is before it in the queue.", "%(n)s jobs are before it in the queue.", before
        ) % {"n": before}
        return Waiting("queue", text + resumed)
    if Attempt.objects.live().filter(lease_until__gt=Now()).count() >= workers:
        return Waiting("busy", _("It is next; every worker is busy now.") + resumed)
    return Waiting("next", _("It is next; a worker takes it within seconds.") + resumed)


def _position(job: TrainingJob) -> int:
    keys = list(TrainingJob.objects.in_queue_order().values_list("pk", flat=True))
    return keys.index(job.pk) if job.pk in keys else 0


def _running(job: TrainingJob) -> Waiting | None:
    attempt = job.attempts.last()
    if attempt is None or attempt.first_step_at is not None:
        return None
    if attempt.progress.get("phase") == "pack":
        return Waiting("pack", _preparing_data(job))
    return Waiting("preparing", _("Its worker prepares the run."))


def _preparing_data(job: TrainingJob) -> str:
    if job.dataset.holds_texts:
        return _("Its worker reads the texts of this version, once for all jobs.")
    return _("Its worker decodes the images of this version, once for all jobs.")
