"""Reading a zip that nobody vouches for: bounded, by stream, never extracted by name."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from apps.datasets.ingest.refusal import Refused

CHUNK = 2**18
READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
# What operating systems put into archives without being asked.
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Bounds:
    files: int
    unpacked_bytes: int
    file_bytes: int
    ratio: int


def looks_like_zip(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def open_archive(stream: IO[bytes], bounds: Bounds) -> zipfile.ZipFile:
    """The archive, if its directory stays within bounds. Raises Refused for the whole of it.

    The directory's numbers may lie; `read_entry` counts real bytes besides.
    """
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, *READ_ERRORS):
        raise Refused("bad_archive") from None
    entries = archive.infolist()
    if len(entries) > bounds.files:
        raise Refused("archive_too_many_files", found=len(entries), limit=bounds.files)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > bounds.unpacked_bytes:
        raise Refused("archive_too_large", found=unpacked, limit=bounds.unpacked_bytes)
    return archive


def entries_of(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The entries that are files, without the litter of operating systems."""
    for entry in archive.infolist():
        name = entry.filename.replace("\\", "/")
        if not entry.is_dir() and not name.startswith(LITTER[0]) and not name.endswith(LITTER[1:]):
            yield entry


def check_entry(entry: zipfile.ZipInfo, bounds: Bounds) -> None:
    """Raises Refused for one entry: unsafe_name, link, encrypted, bomb, file_too_large, nested."""
    name = entry.filename.replace("\\", "/")
    drive = len(name) > 1 and name[1] == ":"
    if name.startswith("/") or drive or ".." in name.split("/"):
        raise Refused("unsafe_name")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("link")
    if entry.flag_bits & 1:
        raise Refused("encrypted")
    if entry.file_size > bounds.ratio * max(entry.compress_size, 1):
        raise Refused("bomb", limit=bounds.ratio)
    if entry.file_size > bounds.file_bytes:
        raise Refused("file_too_large", limit=bounds.file_bytes, found=entry.file_size)
    if name.lower().endswith((".zip", ".tar", ".gz", ".7z", ".rar", ".xz", ".zst")):
        raise Refused("nested_archive")


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, bounds: Bounds) -> bytes:
    """The entry's bytes, at most `bounds.file_bytes`. Raises Refused when it is damaged or lies."""
    parts: list[bytes] = []
    total = 0
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(CHUNK):
                total += len(chunk)
                if total > min(entry.file_size, bounds.file_bytes):
                    raise Refused("bomb", limit=bounds.ratio)
                parts.append(chunk)
    except READ_ERRORS:
        raise Refused("damaged_entry") from None
    return b"".join(parts)
