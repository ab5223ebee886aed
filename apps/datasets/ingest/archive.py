"""Archives that nobody vouches for: bounded, by stream, never extracted by name. Zip is read here."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from apps.datasets.ingest.manifest import is_manifest
from apps.datasets.ingest.refusal import Refused
from apps.datasets.ingest.zip_names import encoding_of, name_of

CHUNK = 2**18
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    UnicodeDecodeError,  # a name that says it is UTF-8, and is not
)
NESTED = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".zst", ".bz2")
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Bounds:
    files: int
    unpacked_bytes: int
    room: int  # bytes that its sender may still store
    file_bytes: int
    ratio: int


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or why they are refused."""

    name: str
    size: int  # bytes, as the archive says
    data: bytes = b""
    refusal: Refused | None = None


def looks_like_zip(start: bytes) -> bool:
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def looks_like_archive(start: bytes) -> bool:
    """By the first 512 bytes: a zip, a tar, or something gzipped (which has to be a tar)."""
    return looks_like_zip(start) or start[257:262] == b"ustar" or start.startswith(b"\x1f\x8b")


def is_litter(name: str) -> bool:
    """What operating systems put into archives without being asked."""
    plain = name.replace("\\", "/").removeprefix("./")
    return plain.startswith(LITTER[0]) or plain.endswith(LITTER[1:])


def is_unsafe(name: str) -> bool:
    """Absolute, with a drive, or leading out of the archive."""
    plain = name.replace("\\", "/")
    drive = len(plain) > 1 and plain[1] == ":"
    return plain.startswith("/") or drive or ".." in plain.split("/")


def is_nested(name: str) -> bool:
    return name.lower().endswith(NESTED)


def zip_members(stream: IO[bytes], bounds: Bounds) -> Iterator[Member]:
    """The files of a zip, a manifest first. Raises Refused for the whole of it before that."""
    with open_archive(stream, bounds) as archive:
        entries = list(entries_of(archive))
        encoding = encoding_of(entries)
        named = [(name_of(entry, encoding), entry) for entry in entries]
        for name, entry in sorted(named, key=lambda each: not is_manifest(each[0])):
            try:
                check_entry(entry, bounds)
                yield Member(name, entry.file_size, read_entry(archive, entry, bounds))
            except Refused as refusal:
                yield Member(name, entry.file_size, refusal=refusal)


def open_archive(stream: IO[bytes], bounds: Bounds) -> zipfile.ZipFile:
    """The archive, if its directory stays within bounds. Raises Refused for the whole of it.

    The directory's numbers may lie; `read_entry` counts real bytes besides.
    """
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, *READ_ERRORS):
        raise Refused("bad_archive") from None
    entries = list(entries_of(archive))
    check_whole(len(entries), sum(entry.file_size for entry in entries), bounds)
    return archive


def check_whole(files: int, unpacked: int, bounds: Bounds) -> None:
    """Raises Refused for an archive of so many files and unpacked bytes, or more."""
    if files > bounds.files:
        raise Refused("archive_too_many_files", found=files, limit=bounds.files)
    if unpacked > bounds.unpacked_bytes:
        raise Refused("archive_too_large", found=unpacked, limit=bounds.unpacked_bytes)
    if unpacked > bounds.room:
        raise Refused("quota_full", found=unpacked, limit=bounds.room)


def entries_of(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The entries that are files, without the litter of operating systems."""
    for entry in archive.infolist():
        if not entry.is_dir() and not is_litter(entry.filename):
            yield entry


def check_entry(entry: zipfile.ZipInfo, bounds: Bounds) -> None:
    """Raises Refused for one entry: unsafe_name, link, encrypted, bomb, file_too_large, nested."""
    if is_unsafe(entry.filename):
        raise Refused("unsafe_name")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("link")
    if entry.flag_bits & 1:
        raise Refused("encrypted")
    if entry.file_size > bounds.ratio * max(entry.compress_size, 1):
        raise Refused("bomb", limit=bounds.ratio)
    if entry.file_size > bounds.file_bytes:
        raise Refused("file_too_large", limit=bounds.file_bytes, found=entry.file_size)
    if is_nested(entry.filename):
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
