"""Does a version still say what it said when it was frozen? Workers and commands only (pyarrow)."""

import hashlib
from collections.abc import Iterator
from heapq import merge
from itertools import groupby, repeat
from operator import itemgetter

from apps.datasets import blobs
from apps.datasets.digest import Digest, Row
from apps.datasets.manifest import read_rows
from apps.datasets.models import Version
from apps.datasets.spans import digested, rows_of


def differences(version: Version) -> Iterator[str]:
    """Every way in which manifest, digest, database and blobs disagree; nothing when all is well."""
    if not version.digest:
        yield f"{version} is {version.status}: it has no digest"
        return
    if not blobs.exists(version.manifest_sha256):
        yield f"the manifest {version.manifest_sha256} is missing from the blob store"
        return
    if _sha256(version.manifest_sha256) != version.manifest_sha256:
        yield f"the manifest {version.manifest_sha256} has other bytes than its name says"
        return
    try:
        found = _digest(version)
    except ValueError as error:
        yield f"the manifest is not sorted by sample: {error}"
        return
    if found != version.digest:
        yield f"the manifest's digest is {found}, the version's is {version.digest}"
    yield from _against_database(version)
    yield from _against_blobs(version)


def _manifest(version: Version) -> Iterator[Row]:
    """Its rows, sorted by sample. Read once for each question rather than held: it may be large."""
    with blobs.open_blob(version.manifest_sha256) as stream:
        yield from read_rows(stream)


def _digest(version: Version) -> str:
    digest = Digest()
    for row in _manifest(version):
        digest.add(row)
    return digest.hexdigest()


def _against_database(version: Version) -> Iterator[str]:
    """Both sides come sorted, so that they can be read side by side."""
    manifest = zip(_manifest(version), repeat("in the manifest, not in the database"))
    recorded = zip(map(digested, rows_of(version)), repeat("in the database, not in the manifest"))
    for row, sides in groupby(merge(manifest, recorded), key=itemgetter(0)):
        found = [where for _row, where in sides]
        if len(found) == 1:
            yield f"{found[0]}: {' '.join(row)}"


def _against_blobs(version: Version) -> Iterator[str]:
    for row in _manifest(version):
        if not blobs.exists(row.sample):
            yield f"sample {row.sample}: its bytes are missing"
        elif _sha256(row.sample) != row.sample:
            yield f"sample {row.sample}: its bytes have changed"


def _sha256(name: str) -> str:
    digest = hashlib.sha256()
    for chunk in blobs.chunks(name):
        digest.update(chunk)
    return digest.hexdigest()
