"""Ringing a worker: a message that carries nothing but "look at the table".

Tasks are named, not imported: actions ring, tasks call actions, and imports run one way.
"""

import logging

from celery import current_app
from django.core.cache import cache
from django.db import transaction

log = logging.getLogger(__name__)

# A ring unheard for so long is worthless: the sweeper has rung again since.
RING_EXPIRES_SECONDS = 60
# While one ring is on its way another would say nothing new. If that one is lost, this ends the wait.
QUIET_SECONDS = 10


def ring(task: str) -> None:
    """Ask a worker to run the task of this name soon, once the present transaction is committed.

    Never fails and never blocks for long: a broker that is down costs latency, not the request,
    because the sweeper (beat) rings for every row that still waits.
    """
    transaction.on_commit(lambda: _ring(task), robust=True)


def _ring(task: str) -> None:
    # Mostly one is on its way: looking is cheaper than trying to be the first.
    if cache.get(_key(task)) is None and cache.add(_key(task), 1, QUIET_SECONDS):
        try:
            current_app.send_task(task, expires=RING_EXPIRES_SECONDS)
        except Exception:
            cache.delete(_key(task))
            log.warning("could not ring %s; the sweeper will", task, exc_info=True)


def heard(task: str) -> None:
    """To be called first by the task: whatever is written from now on deserves a new ring."""
    cache.delete(_key(task))


def _key(task: str) -> str:
    return f"ring:{task}"
