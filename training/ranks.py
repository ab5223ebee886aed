"""One process for each device, started by ``torchrun`` on this machine.

The first one (rank 0) writes events, checkpoints and results into the run's folder. What counts is
what it wrote before it left: gloo may abort while the interpreter exits, long after the work is done.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training import results
from training.deathpact import die_with_parent
from training.job import Job

POLL_SECONDS = 0.2
ANSWER = "rank{}.json"
WORDLESS = "The processes of the run ended without a word; see the log."


def run(folder: Path, job: Job, stop: Callable[[], bool]) -> dict[str, Any]:
    """Train in ``job.config.devices`` processes. Returns what the first one came to, or why not."""
    answers = [folder / ANSWER.format(number) for number in range(job.config.devices)]
    logs = folder / "torchrun"
    _forget(answers, logs)
    try:
        asked = _wait(_start(folder, job, logs), stop)
        return _verdict([_read(path) for path in answers], asked)
    finally:
        _forget(answers, logs)


def _forget(answers: list[Path], logs: Path) -> None:
    for path in answers:
        path.unlink(missing_ok=True)
    shutil.rmtree(logs, ignore_errors=True)


def _start(folder: Path, job: Job, logs: Path) -> subprocess.Popen[bytes]:
    devices = job.config.devices
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(devices), "--log-dir", str(logs)),
            *("-m", "training", "rank", str(folder)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": str(max(1, job.threads // devices))},
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )


def _wait(process: subprocess.Popen[bytes], stop: Callable[[], bool]) -> bool:
    """Until all have left. Returns whether they were asked to; torchrun hands the request on."""
    asked = False
    while True:
        try:
            process.wait(POLL_SECONDS)
            return asked
        except subprocess.TimeoutExpired:
            if stop() and not asked:
                asked = True
                process.send_signal(signal.SIGTERM)


def _verdict(said: list[dict[str, Any] | None], asked: bool) -> dict[str, Any]:
    """The result of the run by what each process said, None where one said nothing. Only the first
    one can say that it went well: it alone evaluates and writes."""
    first = said[0]
    if first is not None and first["status"] == "succeeded":
        return first
    failed = [one for one in said if one is not None and one["status"] == "failed"]
    # A process that lost its companion can say no more than that; the companion says why.
    named = [one for one in failed if one["code"] != "crash"]
    if named:
        return named[0]
    if asked:  # whatever that broke off
        return _ended("cancelled", "cancelled", "The run was stopped on request.")
    words = list(dict.fromkeys(one["message"] for one in failed))
    return _ended("failed", "crash", "; ".join(words) or WORDLESS)


def _ended(status: str, code: str, message: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": message, "metrics": None}


def leave_result(folder: Path, rank: int, result: dict[str, Any]) -> None:
    """What a process has to say when it leaves."""
    results.write_json(folder / ANSWER.format(rank), result)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found
