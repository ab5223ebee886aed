"""Real workers for tests: a Celery process tree of one's own, and ways to count and kill it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def settings_of(queue: str) -> dict[str, str]:
    """What the Procfile's line for this queue sets in the environment."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    line = next(each for each in lines if f" -Q {queue} " in each)
    words = line.partition("scripts/")[0].split()
    return dict(word.split("=", 1) for word in words if "=" in word)


class WorkerProcess:
    """`celery worker` as the Procfile starts it, for one queue."""

    def __init__(self, env: dict[str, str], log: Path, queue: str = "train") -> None:
        self.log = log
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", queue]
        command += ["-P", "prefork", "-c", "1", "-n", f"{queue}@test"]
        command += ["--without-gossip", "--without-mingle", "-l", "INFO"]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env | settings_of(queue),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.known: set[int] = set()

    @property
    def pid(self) -> int:
        return self.process.pid

    def tree(self) -> set[int]:
        """This worker and every process below it, by the kernel's parent numbers."""
        found, fresh = set(), {self.pid}
        while fresh:
            found |= fresh
            fresh = {pid for parent in fresh for pid in children(parent)} - found
        self.known |= found
        return found

    def kill_main(self) -> None:
        """kill -9 of the main process only: the rest must follow by itself."""
        self.tree()
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM, as an init system would; its exit status."""
        self.tree()
        self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.tree()
        for pid in {self.pid, *self.known}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def ready(self) -> bool:
        """Whether it has started so far that it hears rings."""
        return "ready." in self.output()

    def orphans(self) -> set[int]:
        """Processes of the tree, as last seen, that still live."""
        return {pid for pid in self.known if alive(pid)}

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def children(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {int(each) for each in path.read_text().split()}
    return found


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] not in "ZX"


def wait_for(what: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    """Until it is so; a failure that says why it is not."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s\n{why()}")
        time.sleep(0.05)
