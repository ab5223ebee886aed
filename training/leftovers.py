"""Runs that outlived the process that started them, found and ended at a worker's start.

The environment that a forked run was given does not show in ``/proc``, so each run's folder holds
``run.pid``: the run's and its spawner's process number and start time, and the machine's boot. A
number that was used again since then has another start time, so no stranger is ever killed; a run
whose spawner still lives belongs to another worker on this machine and is left alone.
"""

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

PIDFILE = "run.pid"
GONE_SECONDS = 5.0


def write_pidfile(folder: Path, attempt: str | None) -> None:
    """Called by the run itself, in its own process group, after its fork."""
    content = {
        "boot": _boot(),
        "pid": os.getpid(),
        "start": start_time(os.getpid()),
        "spawner": os.getppid(),
        "spawner_start": start_time(os.getppid()),
        "attempt": attempt,
    }
    rough = folder / f".{PIDFILE}.{os.getpid()}"
    rough.write_text(json.dumps(content))
    rough.replace(folder / PIDFILE)


def kill_leftovers(runs_root: str | Path) -> list[int]:
    """Kill the process groups of runs below ``runs_root`` whose spawner is gone.

    Returns the process numbers of the killed, once they are gone. Stale files are removed.
    """
    killed = []
    for path in Path(runs_root).rglob(PIDFILE):
        found = _read(path)
        if found is not None and _lives(found, "pid", "start"):
            if _lives(found, "spawner", "spawner_start"):
                continue
            _kill(found["pid"])
            killed.append(found["pid"])
        path.unlink(missing_ok=True)
    return killed


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is a name in parentheses, which may hold anything, spaces included.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("boot") == _boot() else None


def _lives(found: dict[str, Any], pid: str, start: str) -> bool:
    number = found.get(pid)
    if not isinstance(number, int) or number <= 1:
        return False
    return found.get(start) is not None and start_time(number) == found[start]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
