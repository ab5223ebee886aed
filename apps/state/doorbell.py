"""Ringing a worker: a message that carries nothing but "look at the table"."""

import logging

from celery import Task
from django.core.cache import cache
from django.db import transaction

log = logging.getLogger(__name__)

# A ring unheard for so long is worthless: the sweeper has rung again since.
RING_EXPIRES_SECONDS = 60
# While one ring is on its way another would say nothing new. If that one is lost, this ends the wait.
QUIET_SECONDS = 10


def ring(task: Task) -> None:
    """Ask a worker to run `task()` soon, once the present transaction is committed.

    Never fails and never blocks for long: a broker that is down costs latency, not the request,
    because the sweeper (beat) rings for every row that still waits.
    """
    transaction.on_commit(lambda: _ring(task), robust=True)


def _ring(task: Task) -> None:
    if cache.add(_key(task), 1, QUIET_SECONDS):
        try:
            task.apply_async(expires=RING_EXPIRES_SECONDS)
        except Exception:
            cache.delete(_key(task))
            log.warning("could not ring %s; the sweeper will", task.name, exc_info=True)


def heard(task: Task) -> None:
    """To be called first by the task: whatever is written from now on deserves a new ring."""
    cache.delete(_key(task))


def _key(task: Task) -> str:
    return f"ring:{task.name}"
