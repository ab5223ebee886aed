"""Files that are either whole or not there."""

import os
from pathlib import Path


def write_atomic(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; a reader, or a crash, sees the old or the new one whole."""
    rough = path.with_name(f".{path.name}.{os.getpid()}")
    with rough.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    publish(rough, path)


def publish(rough: Path, path: Path) -> None:
    """Give a written file, or a folder of synced files, its name; the name survives a power cut."""
    os.rename(rough, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
