"""The reconciler: looks at every state that is not an end, so that no job is stuck in silence.

proposed waits for a person, and its page says so. queued is rung for. running and cancelling are
held by an attempt whose lease is looked at here, or by nobody, which is repaired here.
"""

import logging
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from apps.errors import RuleError
from apps.jobs.actions.ending import lose_attempt, settle_without_worker
from apps.jobs.actions.rings import TRAIN
from apps.jobs.models import Attempt, TrainingJob
from apps.state.actions import move
from apps.state.doorbell import ring

log = logging.getLogger(__name__)

Status = TrainingJob.Status


def reconcile_jobs() -> dict[str, int]:
    """One look at everything. Returns how many were found of each kind."""
    found = {"expired": _end_expired(), "unheld": _settle_unheld(), "queued": 0}
    found["withdrawn"] = _end_withdrawn()
    found["queued"] = TrainingJob.objects.filter(status=Status.QUEUED).count()
    if found["queued"]:
        ring(TRAIN)
    return found


def _end_expired() -> int:
    """Attempts whose lease has ended: lost, and their jobs go on without them."""
    ended = 0
    for attempt in Attempt.objects.expired().select_related("job"):
        try:
            # The guard lets a renewal that came in just now win.
            lose_attempt(attempt, "lease_expired", guard={"lease_until__lt": Now()})
        except RuleError as error:
            log.info("%s was not lost after all: %s", attempt, error)
        else:
            log.warning("%s is lost: its lease ended", attempt)
            ended += 1
    return ended


def _end_withdrawn() -> int:
    """Jobs that wait for a version whose samples were withdrawn: their data is not there any more."""
    ended = 0
    waiting = [Status.PROPOSED, Status.QUEUED]
    for job in TrainingJob.objects.filter(status__in=waiting, version__withdrawn__gt=0):
        try:
            move(job, Status.CANCELLED, why="withdrawn", code="data_withdrawn", ended_at=Now())
        except RuleError as error:
            log.info("%s was moved by somebody else: %s", job, error)
        else:
            ended += 1
    return ended


def _settle_unheld() -> int:
    """Running or cancelling, but no attempt lives: no transaction leaves this; repaired anyway."""
    live: Any = Attempt.objects.live().filter(job=OuterRef("pk"))
    held = [Status.RUNNING, Status.CANCELLING]
    settled = 0
    for job in TrainingJob.objects.filter(~Exists(live), status__in=held):
        try:
            with transaction.atomic():
                settle_without_worker(job)
        except RuleError as error:
            log.info("%s was settled by somebody else: %s", job, error)
        else:
            log.error("%s was held by nobody", job)
            settled += 1
    return settled
