"""Celery shells around the actions. A ring drains rows; one message never means one file."""

from celery import shared_task

from apps.datasets.actions.building import build_versions
from apps.datasets.actions.contributing import INGEST
from apps.datasets.actions.erasing import erase_withdrawn
from apps.datasets.actions.exporting import build_exports
from apps.datasets.actions.exports import EXPORT
from apps.datasets.actions.freezing import FREEZE
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.actions.judging import JUDGE, judge_waiting
from apps.datasets.actions.proposing import CHANGE
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.actions.withdrawing import ERASE
from apps.state.doorbell import heard, ring

DRAIN_SECONDS = 5


@shared_task(name=INGEST)
def ingest() -> None:
    """Gives way after a while: freezing, lost jobs and new entries wait in the same queue."""
    heard(INGEST)
    if not drain_ingest(DRAIN_SECONDS):
        ring(INGEST)


@shared_task(name=FREEZE)
def freeze() -> None:
    heard(FREEZE)
    build_versions()


@shared_task(name=EXPORT)
def export() -> None:
    heard(EXPORT)
    build_exports()


@shared_task(name=CHANGE)
def change_classes() -> None:
    heard(CHANGE)
    apply_changes()


@shared_task(name=JUDGE)
def judge() -> None:
    heard(JUDGE)
    judge_waiting()


@shared_task(name=ERASE)
def erase() -> None:
    heard(ERASE)
    erase_withdrawn()


@shared_task
def sweep() -> None:
    """Beat: ring for whatever still waits, in case a message or a worker was lost."""
    ring_for_waiting()
