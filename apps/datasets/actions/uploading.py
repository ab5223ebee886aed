"""Large files on their way in, resumable by tus: https://tus.io/protocols/resumable-upload (1.0.0).

The length of the part file is the offset; the row only says whose it is and how long it will be.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.datasets import staging
from apps.datasets.actions.contributing import require_receiving, take_arrived
from apps.datasets.ingest.archive import looks_like_archive
from apps.datasets.models import Contribution, Receipt, Upload
from apps.datasets.storage import require_room
from apps.errors import RuleError, forbidden, invalid

KEPT_DAYS = 7
CHUNK = 2**20


def part_of(upload: Upload) -> Path:
    return Path(settings.STAGING_DIR) / f"upload-{upload.uuid}"


def offset_of(upload: Upload) -> int:
    """Bytes that have arrived. Raises RuleError("upload_gone", 410) when the part is not there."""
    if upload.receipt_id:
        return upload.size
    try:
        return part_of(upload).stat().st_size
    except FileNotFoundError:
        text = _("This upload has expired or was cancelled. Begin it again.")
        raise RuleError("upload_gone", text, status=410) from None


def begin_upload(contribution: Contribution, by: Any, *, name: str, size: int) -> Upload:
    """Make room for a file of `size` bytes."""
    require_receiving(contribution, by)
    if size > settings.MAX_ARCHIVE_BYTES:
        text = _("The file is larger than this site takes.")
        raise RuleError("upload_too_large", text, status=413, limit=settings.MAX_ARCHIVE_BYTES)
    require_room(by, size)
    upload = Upload.objects.create(
        contribution=contribution,
        name=name[-1000:] or "unnamed",
        size=size,
        expires_at=timezone.now() + timedelta(days=KEPT_DAYS),
    )
    part_of(upload).touch(mode=0o600)
    return upload


def append_to(upload: Upload, by: Any, *, offset: int, chunks: Iterable[bytes]) -> int:
    """Write on where the part ends; returns the new offset. The last byte makes it a receipt.

    What arrived before a connection broke is kept: the next request asks for the offset and goes on.
    """
    require_receiving(upload.contribution, by)
    if upload.receipt_id:
        return upload.size
    offset_of(upload)
    with part_of(upload).open("ab") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = _("Another request is writing to this upload.")
            raise RuleError("upload_locked", text, status=423) from None
        found = os.fstat(part.fileno()).st_size
        if found != offset:
            text = _("The upload goes on at byte %(offset)s.") % {"offset": found}
            raise RuleError("wrong_offset", text, offset=found)
        for chunk in chunks:
            if found + len(chunk) > upload.size:
                raise invalid("upload_too_long", _("More bytes came than were announced."))
            part.write(chunk)
            found += len(chunk)
        part.flush()
        if found == upload.size:
            _finish(upload)
    return found


def _finish(upload: Upload) -> None:
    path = part_of(upload)
    digest, start = hashlib.sha256(), b""
    with path.open("rb") as part:
        while chunk := part.read(CHUNK):
            start = start or chunk[:512]
            digest.update(chunk)
    archive = looks_like_archive(start)
    arrived = staging.Arrived(path, digest.hexdigest(), upload.size, archive)
    receipt: Receipt = take_arrived(upload.contribution, upload.name, arrived)
    arrived.drop()
    upload.receipt = receipt
    upload.save(update_fields=["receipt"])


def cancel_upload(upload: Upload, by: Any) -> None:
    if upload.contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can cancel an upload."))
    _forget(upload)


def sweep_uploads() -> int:
    """Forget uploads that nobody went on with; returns how many."""
    old = list(Upload.objects.filter(expires_at__lt=Now())[:1000])
    for upload in old:
        _forget(upload)
    return len(old)


def _forget(upload: Upload) -> None:
    part_of(upload).unlink(missing_ok=True)
    upload.delete()
