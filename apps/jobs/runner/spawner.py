"""The spawner from the worker's side: a process with torch loaded that forks runs on request.

Celery's pool processes are daemonic and may not use multiprocessing; a subprocess they may have.
JSON lines both ways; see training.spawner.
"""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)

Message = dict[str, Any]
START_SECONDS = 180.0
CHUNK = 65536


class SpawnerDied(Exception):
    """The spawner is gone, and with it every run it had forked."""


class NotStarted(Exception):
    """The spawner refused to start a run."""


class Spawner:
    """One subprocess, started when first needed and again after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def warm(self) -> None:
        """Have it running, without waiting until it is ready."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._rest = b""
        # A session of its own: Ctrl-C in a terminal is for the worker, which ends runs in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "training", "spawner"],
            cwd=settings.ROOT,
            # Idle threads sleep: spinning ones slow a shared machine down by more than ten times.
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    def start(self, folder: Path, env: dict[str, str], pulse: Callable[[], None]) -> int:
        """Fork a run in this folder; its process id. `pulse` is called while torch still loads.

        Raises NotStarted or SpawnerDied.
        """
        self.warm()
        self._send({"op": "start", "run": str(folder), "env": env})
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            pulse()
            for message in self.messages(0.2):
                if message.get("run") != str(folder):
                    continue
                if message["op"] == "started":
                    return int(message["pid"])
                if message["op"] == "error":
                    raise NotStarted(str(message["message"]))
        raise SpawnerDied("the spawner does not answer")

    def signal(self, folder: Path, number: signal.Signals) -> None:
        """Ask for TERM or KILL of a run. Silent when it is over already."""
        with contextlib.suppress(SpawnerDied):
            name = number.name.removeprefix("SIG")
            self._send({"op": "signal", "run": str(folder), "signal": name})

    def messages(self, wait: float) -> Iterator[Message]:
        """What it has said by now, waiting at most so many seconds for the first word.

        Raises SpawnerDied at the end of its output.
        """
        process = self._running()
        assert process.stdout is not None
        if b"\n" not in self._rest:
            ready, _, _ = select.select([process.stdout], [], [], wait)
            if ready:
                chunk = os.read(process.stdout.fileno(), CHUNK)
                if not chunk:
                    raise SpawnerDied(f"exit status {process.wait()}")
                self._rest += chunk
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            yield json.loads(line)

    def close(self) -> None:
        """End it; it ends its runs. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, message: Message) -> None:
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise SpawnerDied(str(error)) from error

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise SpawnerDied("not started")
        return self._process
