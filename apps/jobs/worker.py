"""A training worker's life inside Celery: announce itself, warm the spawner, stop in good order.

Celery main → pool process → spawner → run: each asks the kernel to die with the one before it, so
that `kill -9` of any of them leaves nothing running.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from celery import signals
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from apps.jobs.actions import see_worker, stop_worker
from apps.jobs.runner.copies import erase_withdrawn_copies
from apps.jobs.runner.deathpact import die_with_parent
from apps.jobs.runner.folder import sweep_folders
from apps.jobs.runner.spawner import Spawner
from training.leftovers import kill_leftovers

log = logging.getLogger(__name__)

QUEUE = "train"


class Here:
    """What this process knows about itself as a worker; pool processes inherit it."""

    name = ""  # empty where no training worker runs
    main = 0
    spawner: Spawner | None = None
    busy = False
    told_to_stop = False


def worker_name() -> str:
    return settings.WORKER_NAME or Here.name or f"local@{socket.gethostname()}"


def announce() -> Any:
    """Write down that this worker is there; its row."""
    return see_worker(worker_name(), host=socket.gethostname(), threads=settings.JOB_THREADS)


def spawner() -> Spawner:
    """This process's spawner, running."""
    if Here.spawner is None:
        Here.spawner = Spawner()
    Here.spawner.warm()
    return Here.spawner


def stop_file() -> Path:
    """There while the worker is shutting down; its pool process looks at it."""
    return Path(settings.RUNS_DIR) / f".stop-{Here.main}"


def stopping() -> bool:
    """Whether this worker was asked to shut down: no new job, and the present one is given back."""
    return Here.told_to_stop or (bool(Here.main) and stop_file().exists())


@signals.celeryd_after_setup.connect
def know_yourself(sender: str, instance: Any, **kwargs: Any) -> None:
    """In the main process, before the pool is forked."""
    if QUEUE not in instance.app.amqp.queues.consume_from:
        return
    Here.name, Here.main = sender, os.getpid()
    Path(settings.RUNS_DIR).mkdir(parents=True, exist_ok=True)
    stop_file().unlink(missing_ok=True)
    for pid in kill_leftovers(settings.RUNS_DIR):
        log.warning("killed run %s, left behind by a worker that is gone", pid)
    with contextlib.suppress(DatabaseError):
        sweep_folders()
    connection.close()  # the pool process opens its own


@signals.worker_process_init.connect
def begin_pool_process(**kwargs: Any) -> None:
    if not Here.name:
        return
    die_with_parent(Here.main)
    signal.signal(signal.SIGTERM, _on_term)
    spawner()


def _on_term(number: int, frame: FrameType | None) -> None:
    # A terminal or process manager signals the whole group. With a run in hand, give it back first.
    Here.told_to_stop = True
    if not Here.busy:
        sys.exit(0)


@signals.worker_process_shutdown.connect
def end_pool_process(**kwargs: Any) -> None:
    if Here.spawner is not None:
        Here.spawner.close()


@signals.worker_ready.connect
def begin_beating(**kwargs: Any) -> None:
    """A thread of the main process says that the worker is there, busy or not."""
    if Here.name:
        threading.Thread(target=_beat, name="worker beat", daemon=True).start()


def _beat() -> None:
    while not stopping():
        try:
            announce()
            erase_withdrawn_copies()
        except DatabaseError:
            log.warning("could not announce this worker yet", exc_info=True)
        finally:
            connection.close()
        threading.Event().wait(settings.JOB_RENEW_SECONDS)


@signals.worker_shutting_down.connect
def tell_pool_process(**kwargs: Any) -> None:
    if Here.name:
        with contextlib.suppress(OSError):
            stop_file().touch()


@signals.worker_shutdown.connect
def say_goodbye(**kwargs: Any) -> None:
    if not Here.name:
        return
    stop_file().unlink(missing_ok=True)
    with contextlib.suppress(DatabaseError):
        stop_worker(worker_name())
    connection.close()
