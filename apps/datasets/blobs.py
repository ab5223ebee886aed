"""The blob store: content-addressed bytes behind Django's storage API.

A blob's name is its own sha256, so writing it twice is harmless and reading it back can be checked.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.db import connection

from apps.datasets.blob_files import BlobFiles

CHUNK = 2**20


class StoreFails(OSError):
    """The store takes nothing now, whatever its reason: full, unreachable, misconfigured."""


def store() -> Storage:
    return storages["blobs"]


def name_of(sha256: str) -> str:
    """Where a blob lies in the store: two levels of folders keep each small."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(data: bytes) -> str:
    """Store bytes; returns their sha256 (hex)."""
    return _save(sha256_of(data), ContentFile(data), len(data))


def put_file(stream: IO[bytes]) -> str:
    """Store a seekable stream without holding it in memory; returns its sha256 (hex)."""
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    stream.seek(0)
    return _save(digest.hexdigest(), File(stream), size)


def _save(sha256: str, content: "File[bytes]", size: int) -> str:
    """A blob of another size than its content was damaged, and is replaced."""
    name = name_of(sha256)
    try:
        if _size(name) != size:
            store().save(name, content)
    except Exception as error:  # every storage has errors of its own
        raise StoreFails(f"the blob store did not take {sha256}: {error}") from error
    return sha256


def _size(name: str) -> int | None:
    try:
        return store().size(name)
    except FileNotFoundError:
        return None


def open_blob(sha256: str) -> IO[bytes]:
    """The blob as a readable file. Raises FileNotFoundError when it is not there."""
    return store().open(name_of(sha256), "rb")


def read(sha256: str) -> bytes:
    with open_blob(sha256) as stream:
        return stream.read()


def chunks(sha256: str) -> Iterator[bytes]:
    with open_blob(sha256) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def exists(sha256: str) -> bool:
    return store().exists(name_of(sha256))


def erase(sha256: str) -> None:
    store().delete(name_of(sha256))


def sweep() -> None:
    """Remove what killed writers left in a local store."""
    files = store()
    if isinstance(files, BlobFiles):
        files.sweep()


def hold(names: Iterable[str]) -> None:
    """Until this transaction ends nobody else who asks writes rows about these blobs, or erases them.

    To be called before the transaction locks any row, so that two of them never wait for each other.
    On SQLite there is nothing to do: one transaction writes at a time.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            keys = sorted({_key(sha256) for sha256 in names})
            cursor.execute(
                "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [keys]
            )


def _key(sha256: str) -> int:
    """64 bits of the name, as PostgreSQL's locks are numbered. Two blobs may share one: they wait."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), signed=True)
