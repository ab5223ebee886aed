"""Reading what a run writes while it writes: whole lines of events, the end of the log."""

import json
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LOG_TAIL_BYTES = 8000


class Tail:
    """New events of `events.jsonl`, by byte offset. Half a line waits for its other half."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        self._log = folder / "log.txt"
        # What an earlier attempt in this folder wrote was reported by that attempt.
        self._offset = self._path.stat().st_size if self._path.exists() else 0

    def read(self) -> list[dict[str, Any]]:
        try:
            if self._path.stat().st_size < self._offset:
                self._offset = 0  # a half line at the end was cut off by the new attempt
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [event for line in whole.splitlines() if (event := _parsed(line))]

    def log_tail(self) -> str:
        """The last lines of the log."""
        try:
            with self._log.open("rb") as stream:
                stream.seek(0, 2)
                start = max(0, stream.tell() - LOG_TAIL_BYTES)
                stream.seek(start)
                text = stream.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        if start:
            text = text.partition("\n")[2]
        # PostgreSQL takes no NUL in text.
        return text.replace("\x00", "")


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        log.warning("an event that is no JSON is left out: %r", line[:200])
        return None
    if not isinstance(event, dict) or not isinstance(event.get("seq"), int) or "kind" not in event:
        return None
    return event
