"""The local blob store: whole files only, whatever happens while one is written."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File

from apps.datasets import blobs
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.tests.cast import make_image

DATA = b"whole" * 1000


def files_of(settings: Any) -> list[Path]:
    return [path for path in Path(settings.BLOB_DIR).rglob("*") if path.is_file()]


def full_disk(self: "File[bytes]", chunk_size: int | None = None) -> Iterator[bytes]:
    yield self.read(100)
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing(settings: Any, monkeypatch: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(File, "chunks", full_disk)
        with pytest.raises(OSError, match="No space"):
            blobs.put(DATA)
    assert files_of(settings) == []
    assert blobs.read(blobs.put(DATA)) == DATA


def test_under_its_name_it_is_whole(settings: Any, monkeypatch: Any) -> None:
    """What a reader finds at any moment while a blob is written: nothing, or all of it."""
    seen = []

    def look(self: "File[bytes]", chunk_size: int | None = None) -> Iterator[bytes]:
        for start in range(0, len(DATA), 1000):
            yield DATA[start : start + 1000]
            seen.append(blobs.exists(blobs.sha256_of(DATA)))

    monkeypatch.setattr(File, "chunks", look)
    blobs.put(DATA)
    assert seen
    assert not any(seen)
    assert blobs.read(blobs.sha256_of(DATA)) == DATA


def test_a_damaged_blob_is_mended_by_sending_it_again(contribute: Any, settings: Any) -> None:
    sample = contribute({"cat/1.png": make_image()}).samples.get()
    path = Path(settings.BLOB_DIR) / blobs.name_of(sample.blob_sha256)
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    contribute({"again.png": make_image()})
    assert path.read_bytes() == whole


def test_what_killed_writers_left_is_swept(db: None, settings: Any) -> None:
    blobs.put(DATA)
    folder = Path(settings.BLOB_DIR) / "writing"
    old, young = folder / "old", folder / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    day = time.time() - 25 * 3600
    os.utime(old, (day, day))
    ring_for_waiting()
    assert not old.exists()
    assert young.exists()
    assert blobs.exists(blobs.sha256_of(DATA))
