"""Reading a tar that nobody vouches for: as a stream, twice, its numbers never believed.

The first pass checks the bounds of the whole, so that an archive is refused before anything of it is
taken; the second reads.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from apps.datasets.ingest.archive import (
    CHUNK,
    Bounds,
    Member,
    check_whole,
    is_litter,
    is_nested,
    is_unsafe,
)
from apps.datasets.ingest.folders import readable
from apps.datasets.ingest.manifest import is_manifest
from apps.datasets.ingest.refusal import Refused

# Names and other extras of an entry stand in headers of their own, which tarfile reads into memory.
MAX_HEADER = 2**16
READ_ERRORS = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)
EXTRAS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Header(tarfile.TarInfo):
    """An entry's header that refuses to read endless extras."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in EXTRAS and self.size > MAX_HEADER:
            raise tarfile.ReadError("an entry's header is too large")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


class _Counted:
    """What is unpacked from a stream, counted: past the limit it is a bomb."""

    def __init__(self, stream: Any, limit: int, ratio: int) -> None:
        self._stream, self._left, self._ratio = stream, limit, ratio

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(CHUNK if size < 0 else size)
        self._left -= len(data)
        if self._left < 0:
            raise Refused("bomb", limit=self._ratio)
        return data


def tar_members(stream: IO[bytes], bounds: Bounds) -> Iterator[Member]:
    """The files of a tar or tar.gz, its first manifest before the others.

    Raises Refused for the whole of it before that.
    """
    manifest = _check(stream, bounds)
    if manifest:
        yield manifest
    for info, archive in _headers(stream, bounds):
        if manifest and is_manifest(info.name):
            manifest = None  # this one was first
        else:
            yield _member(info, archive, bounds)


def _headers(
    stream: IO[bytes], bounds: Bounds
) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    stream.seek(0, 2)
    packed = stream.tell()
    stream.seek(0)
    zipped = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    source: Any = stream
    if zipped:
        limit = min(bounds.unpacked_bytes, bounds.ratio * packed) + 2**20
        source = _Counted(gzip.GzipFile(fileobj=stream), limit, bounds.ratio)
    try:
        with tarfile.open(fileobj=source, mode="r|", tarinfo=_Header, encoding="utf-8") as archive:
            for info in archive:
                info.name = readable(info.name)
                if not info.isdir() and not is_litter(info.name):
                    yield info, archive
                archive.members = []  # type: ignore[attr-defined]  # or it keeps every header it has read
    except READ_ERRORS:
        raise Refused("bad_archive") from None


def _check(stream: IO[bytes], bounds: Bounds) -> Member | None:
    """The first manifest at its root, if there is one; it is found on the way."""
    files = unpacked = 0
    manifest = None
    for info, archive in _headers(stream, bounds):
        files += 1
        unpacked += info.size
        check_whole(files, unpacked, bounds)
        if manifest is None and is_manifest(info.name):
            manifest = _member(info, archive, bounds)
    if not files:
        raise Refused("bad_archive")
    return manifest


def _member(info: tarfile.TarInfo, archive: tarfile.TarFile, bounds: Bounds) -> Member:
    if refusal := _refusal(info, bounds):
        return Member(info.name, info.size, refusal=refusal)
    try:
        found = archive.extractfile(info)
        data = found.read(info.size) if found else b""
    except READ_ERRORS:
        return Member(info.name, info.size, refusal=Refused("damaged_entry"))
    if len(data) != info.size:
        return Member(info.name, info.size, refusal=Refused("damaged_entry"))
    return Member(info.name, info.size, data)


def _refusal(info: tarfile.TarInfo, bounds: Bounds) -> Refused | None:
    if is_unsafe(info.name):
        return Refused("unsafe_name")
    if not info.isreg() or info.issym() or info.islnk():
        return Refused("link")
    if info.issparse():
        return Refused("bomb", limit=bounds.ratio)
    if info.size > bounds.file_bytes:
        return Refused("file_too_large", limit=bounds.file_bytes, found=info.size)
    return Refused("nested_archive") if is_nested(info.name) else None
