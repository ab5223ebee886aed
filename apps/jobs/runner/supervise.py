"""One attempt from its claim to its end: start the run, watch it, commit what became of it."""

import contextlib
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError

from apps.errors import RuleError
from apps.jobs.actions import Ending, begin_run, finish_attempt, lose_attempt, record_events
from apps.jobs.models import Attempt
from apps.jobs.runner.collect import ending_of, keep_files
from apps.jobs.runner.folder import end_squatter, folder_of, prepare_folder, remove_folder
from apps.jobs.runner.lease import Lease, LeaseLost, drop_connection
from apps.jobs.runner.spawner import NotStarted, Spawner, SpawnerDied
from apps.jobs.runner.tail import Tail

log = logging.getLogger(__name__)

LOOP_SECONDS = 0.1
SHIP_SECONDS = 1.0
SHIP_EVENTS = 500
KEPT_EVENTS = 20_000  # while the database is away; the log and metrics.csv have them all anyway
URGENT = {"started", "first_step", "finished"}
GRACE_SECONDS = 30.0
GONE_SECONDS = 5.0
PERSIST_SECONDS = 600.0

T = TypeVar("T")


def supervise(attempt: Attempt, spawner: Spawner, stopping: Callable[[], bool]) -> None:
    """Run a claimed job to its end, whatever that is. Never raises for the job's sake."""
    with Lease(attempt) as lease:
        watch = Watch(attempt, spawner, lease, stopping)
        try:
            watch.run()
        except LeaseLost as error:
            log.warning("%s gives up: %s", attempt, error)
            watch.kill()
        except RuleError as error:
            log.warning("%s came too late: %s", attempt, error)
            watch.kill()


class Watch:
    """The state of watching one run."""

    def __init__(
        self, attempt: Attempt, spawner: Spawner, lease: Lease, stopping: Callable[[], bool]
    ) -> None:
        self.attempt = attempt
        self.folder: Path = folder_of(attempt.job)
        self.spawner = spawner
        self.lease = lease
        self.stopping = stopping
        self.events: list[dict[str, Any]] = []
        self.shipped = 0.0
        self.heard = time.monotonic()
        self.began = time.monotonic()
        # Why the run was told to stop ("cancelled", "released", "stalled", "too_long"), and when.
        self.stop_code = ""
        self.stop_at = 0.0

    def run(self) -> None:
        """Prepare, start, follow, end."""
        try:
            self.folder = prepare_folder(self.attempt, self.lease.tend)
            self.tail = Tail(self.folder)
            env = {"JOB_ATTEMPT": f"{self.attempt.job.uuid}.{self.attempt.number}"}
            pid = self.spawner.start(self.folder, env, self.lease.tend)
        except (NotStarted, OSError) as error:
            self._commit(Ending("failed", "not_startable", f"{type(error).__name__}: {error}"))
            return
        except SpawnerDied as error:
            self._lose("killed", f"spawner: {error}")
            return
        self.lease.guard_process(pid)
        self._persist(lambda: begin_run(self.attempt))
        code, number = self._follow(pid)
        self.lease.guard_process(None)
        self._ship(everything=True)
        self._end(code, number)

    def _follow(self, pid: int) -> tuple[int | None, int | None]:
        """Until the run has exited: its exit status, or the signal that ended it."""
        while True:
            try:
                for message in self.spawner.messages(LOOP_SECONDS):
                    if message["op"] == "exited" and message["pid"] == pid:
                        return message["code"], message["signal"]
            except SpawnerDied:
                end_squatter(self.folder)
                return None, signal.SIGKILL
            self._listen()
            self.lease.tend()
            self._look_at_the_clock()

    def _listen(self) -> None:
        fresh = self.tail.read()
        if fresh:
            self.heard = time.monotonic()
            self.events = (self.events + fresh)[-KEPT_EVENTS:]
        urgent = any(event["kind"] in URGENT for event in fresh)
        if urgent or (self.events and time.monotonic() - self.shipped >= SHIP_SECONDS):
            self._ship()

    def _ship(self, *, everything: bool = False) -> None:
        """Send what was measured. A database that is away costs no run; it is sent later."""
        if everything:
            self.events += self.tail.read()
        self.shipped = time.monotonic()
        while self.events or everything:
            batch = self.events[:SHIP_EVENTS]
            try:
                record_events(self.attempt, batch, self.tail.log_tail())
            except DatabaseError:
                log.warning("could not record %s events yet", len(self.events), exc_info=True)
                drop_connection()
                return
            except RuleError as error:
                raise LeaseLost(str(error)) from error
            self.events = self.events[len(batch) :]
            everything = False

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self.stop_code:
            if now - self.stop_at > GRACE_SECONDS:
                self.spawner.signal(self.folder, signal.SIGKILL)
        elif self.lease.cancel:
            self._stop("cancelled")
        elif self.stopping():
            self._stop("released")
        elif now - self.heard > settings.JOB_STALL_SECONDS:
            self._stop("stalled")
        elif now - self.began > settings.JOB_MAX_SECONDS:
            self._stop("too_long")

    def _stop(self, code: str) -> None:
        """Ask the run to stop: it saves a checkpoint. It has GRACE_SECONDS."""
        log.info("%s is told to stop: %s", self.attempt, code)
        self.stop_code, self.stop_at = code, time.monotonic()
        self.spawner.signal(self.folder, signal.SIGTERM)

    def kill(self) -> None:
        """End the run at once, and wait until it is gone and the spawner knows."""
        self.spawner.signal(self.folder, signal.SIGKILL)
        end_squatter(self.folder)
        deadline = time.monotonic() + GONE_SECONDS
        with contextlib.suppress(SpawnerDied):
            while time.monotonic() < deadline:
                for message in self.spawner.messages(LOOP_SECONDS):
                    if message["op"] in {"exited", "error"} and message["run"] == str(self.folder):
                        return

    def _end(self, code: int | None, number: int | None) -> None:
        ending = ending_of(self.folder, code)
        if self.lease.blown and ending is None:  # it was our own fuse that killed it
            raise LeaseLost("the lease could not be renewed in time")
        if ending is not None and ending.status != "cancelled":
            self._commit(ending)
        elif self.stop_code == "released":
            self._lose("released")
        elif self.stop_code == "cancelled":
            self._commit(Ending("cancelled", "cancelled", exit_code=code))
        elif self.stop_code:
            self._commit(Ending("failed", self.stop_code, exit_code=code))
        else:
            self._lose("killed", f"signal {number}" if number else "")

    def _commit(self, ending: Ending) -> None:
        try:
            kept = self._persist(
                lambda: keep_files(self.folder, succeeded=ending.status == "succeeded"),
                (OSError,),
            )
        except OSError as error:
            kept, detail = [], f"{type(error).__name__}: {error}"
            ending = Ending("failed", "not_kept", detail, ending.exit_code)
        ending = replace(ending, kept=kept)
        self._persist(lambda: finish_attempt(self.attempt, ending))
        remove_folder(self.attempt.job)

    def _lose(self, code: str, detail: str = "") -> None:
        self._persist(lambda: lose_attempt(self.attempt, code, detail=detail))

    def _persist(
        self, write: Callable[[], T], passing: tuple[type[Exception], ...] = (DatabaseError,)
    ) -> T:
        """Do it again while it fails in a way that may pass: a result must not be lost to an outage.

        Fenced as every write: when it works too late, it is refused.
        """
        deadline = time.monotonic() + PERSIST_SECONDS
        while True:
            try:
                return write()
            except passing:
                if time.monotonic() > deadline:
                    raise
                log.warning("could not write about %s yet", self.attempt, exc_info=True)
                drop_connection()
                time.sleep(1.0)
            with contextlib.suppress(LeaseLost):
                self.lease.tend()
