"""kombu's filesystem transport with its two half-read files made whole.

As it is, a worker may list a message between its creation and its writing (and end with
"Unrecoverable error: JSONDecodeError"), or read an exchange's table while another worker that starts
beside it makes it. Here a message appears by a rename, and tables are read and written under a lock.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue: str, message: Any, **_unused: Any) -> None:  # type: ignore[override]
        """Write beside, then rename: what a worker sees is always a whole message."""
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        arriving = folder / f"arriving-{uuid.uuid4()}"
        try:
            arriving.write_text(dumps(message))
            os.replace(arriving, folder / name)
        except OSError as error:
            arriving.unlink(missing_ok=True)
            raise ChannelError(f"cannot add {name} to {folder}") from error

    def get_table(self, exchange: str) -> Any:
        with self._table_lock(fcntl.LOCK_SH):
            return super().get_table(exchange)

    def _queue_bind(self, *binding: Any) -> None:
        with self._table_lock(fcntl.LOCK_EX):
            super()._queue_bind(*binding)

    @contextmanager
    def _table_lock(self, kind: int) -> Iterator[None]:
        folder = Path(self.control_folder)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, kind)  # let go when the file is closed
            yield


class Transport(filesystem.Transport):
    Channel = Channel
