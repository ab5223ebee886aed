"""What a run says while it runs: ``events.jsonl`` for the supervisor, ``log.txt`` for people."""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Appends events, one JSON object per line, each line in one write.

    ``seq`` starts at 1 and goes on where an earlier attempt in the same folder stopped. A line that a
    killed attempt left half-written is removed: readers take whole lines only, so nobody saw it.
    """

    def __init__(self, folder: Path | None) -> None:
        """``None``: nothing is kept; for the processes of a run of which only one speaks."""
        self.seq = 0
        self._path: Path | None = None
        self._events: int | None = None
        self._log: int | None = None
        if folder is not None:
            self._path = folder / "events.jsonl"
            self.catch_up()
            self._events = os.open(self._path, _APPEND, 0o644)
            self._log = os.open(folder / "log.txt", _APPEND, 0o644)

    def catch_up(self) -> None:
        """Go on where another process stopped."""
        if self._path is not None:
            self.seq = _repair(self._path)

    def event(self, kind: str, **values: Any) -> None:
        """One line; ``values`` must be JSON."""
        if self._events is None:
            return
        self.seq += 1
        line = {"seq": self.seq, "time": time.time(), "kind": kind, **values}
        os.write(self._events, (json.dumps(line, allow_nan=False) + "\n").encode())

    def log(self, message: str) -> None:
        """A sentence for people, in both files."""
        self.note(message)
        self.event("log", message=message)

    def note(self, message: str) -> None:
        """A sentence for people, in ``log.txt`` alone; where nothing is kept, for who started us."""
        if self._log is None:
            sys.stderr.write(f"{message.rstrip()}\n")
            return
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        os.write(self._log, f"{now} {message.rstrip()}\n".encode())

    def close(self) -> None:
        for handle in (self._events, self._log):
            if handle is not None:
                os.close(handle)


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def _repair(path: Path) -> int:
    """Cut off a half line; the last whole line's number, 0 where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    lines = whole.splitlines()
    return int(json.loads(lines[-1])["seq"]) if lines else 0
