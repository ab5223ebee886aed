"""The folder of packs: who uses which, and which goes when the disk is full.

A user of a pack holds a shared lock on ``<id>.lock`` as long as it lives; the kernel drops the lock with
the process. Eviction needs the exclusive lock, so a pack in use is never removed. The lock's
modification time says when the pack was last wanted.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

FORGOTTEN_SECONDS = 24 * 3600.0  # what a killed builder leaves is swept when this old


@contextmanager
def in_use(store: Path, name: str) -> Iterator[None]:
    """Keep the pack ``name`` from eviction."""
    store.mkdir(parents=True, exist_ok=True)
    lock = store / f"{name}.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.utime(lock)
        yield
    finally:
        os.close(handle)


def evict(store: Path, limit: int) -> list[str]:
    """Remove the packs longest unused until all weigh at most ``limit`` bytes; names of the removed.

    Packs in use stay, so the limit may be exceeded as long as they are.
    """
    _sweep(store)
    packs = sorted(
        (path for path in store.iterdir() if path.is_dir() and not path.name.startswith(".")),
        key=lambda path: _last_wanted(store, path.name),
    )
    weights = {path: _weight(path) for path in packs}
    total, removed = sum(weights.values()), []
    for path in packs:
        if total <= limit:
            break
        if _remove(store, path):
            total -= weights[path]
            removed.append(path.name)
    return removed


def discard_versions(store: Path, digests: Collection[str]) -> list[str]:
    """Remove every pack of these versions, used or not; names of the removed.

    For data that must not be kept. A run that has such a pack mapped keeps reading what it mapped.
    """
    removed = []
    for meta in store.glob("*/pack.json"):
        try:
            digest = json.loads(meta.read_bytes())["digest"]
        except (OSError, ValueError, KeyError):
            continue
        if digest in digests:
            discard(meta.parent)
            removed.append(meta.parent.name)
    return removed


def discard(path: Path) -> None:
    """Remove a pack's folder; whoever has it mapped keeps reading."""
    grave = path.with_name(f".gone-{path.name}-{os.getpid()}")
    try:
        path.rename(grave)
    except FileNotFoundError:
        return
    shutil.rmtree(grave, ignore_errors=True)


def _remove(store: Path, path: Path) -> bool:
    handle = os.open(store / f"{path.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        discard(path)
        return True
    finally:
        os.close(handle)


def _sweep(store: Path) -> None:
    for path in store.glob(".*-*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _last_wanted(store: Path, name: str) -> float:
    try:
        return (store / f"{name}.lock").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _weight(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())
