"""Where received bytes lie until ingest has read them. Names are row ids, never what was sent."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from apps.datasets.ingest.archive import looks_like_archive
from apps.datasets.leftovers import remove_leftovers
from apps.datasets.models import Receipt

ARRIVING = "arriving-"


class Arrived:
    """Bytes received into a temporary file: `sha256` (hex), `size` (bytes), `archive`, `path`."""

    def __init__(self, path: Path, sha256: str, size: int, archive: bool) -> None:
        self.path = path
        self.sha256 = sha256
        self.size = size
        self.archive = archive

    @property
    def too_large(self) -> bool:
        """It was read no further than the limit, so its hash and size say nothing."""
        return self.size > limit_for(self.archive)

    def keep_for(self, receipt: Receipt) -> None:
        """Give the file its final name; from now on it belongs to the receipt."""
        os.replace(self.path, path_of(receipt))

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


def path_of(receipt: Receipt) -> Path:
    return Path(settings.STAGING_DIR) / str(receipt.pk)


def receive(chunks: Iterable[bytes]) -> Arrived:
    """Write chunks to a temporary file while hashing. Stops reading past the limit of its kind.

    What is too large keeps `size` just over the limit; its receipt says so. Chunks that fail leave
    nothing.
    """
    folder = Path(settings.STAGING_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size, start = 0, b""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=ARRIVING, delete=False) as out:
        try:
            for chunk in chunks:
                start = start or chunk[:512]
                size += len(chunk)
                digest.update(chunk)
                if size > limit_for(looks_like_archive(start)):
                    break
                out.write(chunk)
            out.flush()
        except BaseException:
            os.unlink(out.name)
            raise
    return Arrived(Path(out.name), digest.hexdigest(), size, looks_like_archive(start))


def sweep() -> None:
    """Remove what killed processes were receiving."""
    remove_leftovers(Path(settings.STAGING_DIR), f"{ARRIVING}*")


def limit_for(archive: bool) -> int:
    """Bytes."""
    return int(settings.MAX_ARCHIVE_BYTES if archive else settings.MAX_IMAGE_BYTES)
