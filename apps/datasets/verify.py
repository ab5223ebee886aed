"""Does a version still say what it said when it was frozen? Workers and commands only (pyarrow)."""

import hashlib
from collections.abc import Iterator

from apps.datasets import blobs
from apps.datasets.digest import Row, digest_of
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
    with blobs.open_blob(version.manifest_sha256) as stream:
        manifest = list(read_rows(stream))
    found = digest_of(manifest)
    if found != version.digest:
        yield f"the manifest's digest is {found}, the version's is {version.digest}"
    yield from _against_database(version, manifest)
    yield from _against_blobs(manifest)


def _against_database(version: Version, manifest: list[Row]) -> Iterator[str]:
    recorded = set(map(digested, rows_of(version)))
    for row in sorted(set(manifest) - recorded):
        yield f"in the manifest, not in the database: {' '.join(row)}"
    for row in sorted(recorded - set(manifest)):
        yield f"in the database, not in the manifest: {' '.join(row)}"


def _against_blobs(manifest: list[Row]) -> Iterator[str]:
    for row in manifest:
        if not blobs.exists(row.sample):
            yield f"sample {row.sample}: its bytes are missing"
        elif _sha256(row.sample) != row.sample:
            yield f"sample {row.sample}: its bytes have changed"


def _sha256(name: str) -> str:
    digest = hashlib.sha256()
    for chunk in blobs.chunks(name):
        digest.update(chunk)
    return digest.hexdigest()
