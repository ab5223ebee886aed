"""Files that somebody began to write and, killed or out of disk, never finished."""

import contextlib
import time
from pathlib import Path

KEPT_SECONDS = 24 * 3600


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove the files that match and that nobody has written to for a day."""
    old = time.time() - KEPT_SECONDS
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # finished, or swept by another
            if path.stat().st_mtime < old:
                path.unlink()
