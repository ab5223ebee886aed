"""Keeping the lease, and the fuse that ends the run when it could not be kept.

The lease is counted by the database's clock. Here only a monotonic clock counts, and from before each
renewal was sent: the fuse always burns down before the lease ends, whatever the clocks say.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from apps.jobs.actions import renew_lease
from apps.jobs.actions.claiming import wants_cancel
from apps.jobs.models import Attempt

log = logging.getLogger(__name__)

CANCEL_SECONDS = 1.5  # between looks at whether somebody cancelled
RETRY_SECONDS = 1.0
FUSE_SECONDS = 0.25  # between looks at the fuse
MARGIN_SECONDS = 15.0


class LeaseLost(Exception):
    """The attempt no longer holds its job, or cannot know whether it does."""


class Lease:
    """Renews while it is tended; a thread kills the run when renewing failed for too long.

    A thread, because a database that does not answer may hold the tending one for minutes.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        # The claim was made before this object was: half a lease is surely left.
        self._renewed = time.monotonic() - settings.JOB_LEASE_SECONDS / 2
        self._next = 0.0
        self._next_look = 0.0
        self._pid: int | None = None
        self._done = threading.Event()
        self.cancel = False
        self.blown = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="lease fuse", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._done.set()

    @property
    def allowed_seconds(self) -> float:
        """How long after a renewal the run may go on without the next one."""
        lease = float(settings.JOB_LEASE_SECONDS)
        return lease - min(MARGIN_SECONDS, lease / 4)

    def guard_process(self, pid: int | None) -> None:
        """The run (its process group's leader) that has to end when the lease cannot be kept."""
        self._pid = pid

    def tend(self) -> None:
        """To be called often. Raises LeaseLost when another holds the job, or the fuse has blown."""
        if self.blown:
            raise LeaseLost("the lease could not be renewed in time")
        now = time.monotonic()
        try:
            if now >= self._next:
                self._renew(now)
            elif now >= self._next_look:
                self._next_look = now + CANCEL_SECONDS
                self.cancel = self.cancel or wants_cancel(self._attempt)
        except DatabaseError:
            log.warning("could not renew the lease of %s yet", self._attempt, exc_info=True)
            drop_connection()
            self._next = time.monotonic() + RETRY_SECONDS

    def _renew(self, now: float) -> None:
        beat = renew_lease(self._attempt)
        if not beat.alive:
            raise LeaseLost("another attempt holds the job")
        self.cancel = self.cancel or beat.cancel
        self._renewed = now
        self._next = now + min(settings.JOB_RENEW_SECONDS, self.allowed_seconds / 2)

    def _watch(self) -> None:
        while not self._done.wait(FUSE_SECONDS):
            if time.monotonic() - self._renewed > self.allowed_seconds:
                self.blown = True
                self._kill()

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)


def drop_connection() -> None:
    """Forget a connection that failed; the next query opens another."""
    with contextlib.suppress(DatabaseError):
        connection.close()
