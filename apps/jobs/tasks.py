"""Celery shells around the actions. A message carries no job: it only says that one may wait."""

from celery import shared_task

from apps.jobs import worker
from apps.jobs.actions import claim_job, reconcile_jobs
from apps.jobs.actions.rings import TRAIN
from apps.jobs.runner.supervise import supervise
from apps.state.doorbell import heard


@shared_task(name=TRAIN)
def train() -> None:
    """Run queued jobs until there are none."""
    heard(TRAIN)
    me = worker.announce()
    worker.Here.busy = True
    try:
        while not worker.stopping() and (attempt := claim_job(me)):
            supervise(attempt, worker.spawner(), worker.stopping)
    finally:
        worker.Here.busy = False


@shared_task
def reconcile() -> None:
    """Beat: look at every job that has not ended."""
    reconcile_jobs()
