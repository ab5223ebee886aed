"""Copies that a training machine keeps of a version's data, and their end after a withdrawal."""

from pathlib import Path

from django.conf import settings

from apps.datasets import blobs
from apps.datasets.models import Version
from apps.datasets.tombstones import tombstones
from training.data.store import discard_versions


def mirror() -> Path:
    """Where blobs of a remote store are kept for training."""
    return Path(settings.VAR_DIR) / "blob-mirror"


def erase_withdrawn_copies() -> int:
    """Packs of versions that lost samples, and those samples' mirrored blobs; how many were erased.

    Each training machine does this for itself, as often as it says that it is there.
    """
    touched = list(Version.objects.filter(withdrawn__gt=0).select_related("dataset"))
    if not touched:
        return 0
    erased = len(discard_versions(Path(settings.PACKS_DIR), {each.digest for each in touched}))
    if mirror().is_dir():
        for version in touched:
            for sha256 in tombstones(version).values_list("blob_sha256", flat=True).iterator():
                copy = mirror() / blobs.name_of(sha256)
                if copy.exists():
                    copy.unlink(missing_ok=True)
                    erased += 1
    return erased
