"""Large files on their way in, resumable by tus: https://tus.io/protocols/resumable-upload (1.0.0).

The length of the part file is the offset; the row only says whose it is and how long it will be.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.datasets import staging
from apps.datasets.actions.contributing import require_receiving, take_arrived
from apps.datasets.ingest.archive import looks_like_archive
from apps.datasets.ingest.folders import clean_name
from apps.datasets.models import Contribution, Upload
from apps.datasets.storage import require_disk, require_room
from apps.errors import RuleError, forbidden, invalid

KEPT_DAYS = 7
CHUNK = 2**20


def part_of(upload: Upload) -> Path:
    return Path(settings.STAGING_DIR) / f"upload-{upload.uuid}"


def begin_upload(contribution: Contribution, by: Any, *, name: str, size: int) -> Upload:
    """Make room for a file of `size` bytes."""
    require_receiving(contribution, by)
    if size > settings.MAX_ARCHIVE_BYTES:
        text = _("The file is larger than this site takes.")
        raise RuleError("upload_too_large", text, status=413, limit=settings.MAX_ARCHIVE_BYTES)
    require_room(by, size)
    upload: Upload = Upload.objects.create(
        contribution=contribution,
        name=clean_name(name),
        size=size,
        expires_at=timezone.now() + timedelta(days=KEPT_DAYS),
    )
    part_of(upload).touch(mode=0o600)
    if not size:  # no piece will come that could complete it
        _finish(upload)
    return upload


def offset_of(upload: Upload, by: Any) -> int:
    """Bytes that have arrived. Raises RuleError("upload_gone", 410) when the part is not there.

    A server that died after the last byte left no receipt. A client that reads the full length here
    sends nothing more, so the receipt is made now.
    """
    if upload.receipt_id:
        return upload.size
    try:
        found = part_of(upload).stat().st_size
    except FileNotFoundError:
        raise _gone() from None
    if found == upload.size:
        require_receiving(upload.contribution, by)
        with _held(upload):
            _finish(upload)
    return found


def append_to(upload: Upload, by: Any, *, offset: int, chunks: Iterable[bytes]) -> int:
    """Write on where the part ends; returns the new offset. The last byte makes it a receipt.

    What arrived before a connection broke is kept: the next request asks for the offset and goes on.
    """
    require_receiving(upload.contribution, by)
    if upload.receipt_id:
        return upload.size
    require_disk()
    with _held(upload) as part:
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


@contextmanager
def _held(upload: Upload) -> Iterator[IO[bytes]]:
    """The part, open for appending, and nobody else's meanwhile. It is never made anew here: a
    request that comes late must not bring back a part that became a receipt or was cancelled."""
    try:
        handle = os.open(part_of(upload), os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        raise _gone() from None
    with os.fdopen(handle, "ab") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = _("Another request is writing to this upload.")
            raise RuleError("upload_locked", text, status=423) from None
        yield part


def _gone() -> RuleError:
    text = _("This upload has expired or was cancelled. Begin it again.")
    return RuleError("upload_gone", text, status=410)


def _finish(upload: Upload) -> None:
    path = part_of(upload)
    digest, start = hashlib.sha256(), b""
    try:
        with path.open("rb") as part:
            while chunk := part.read(CHUNK):
                start = start or chunk[:512]
                digest.update(chunk)
    except FileNotFoundError:  # another request finished or cancelled it just before
        return
    archive = looks_like_archive(start)
    arrived = staging.Arrived(path, digest.hexdigest(), upload.size, archive)
    receipt = take_arrived(upload.contribution_id, upload.name, arrived)
    arrived.drop()
    Upload.objects.filter(pk=upload.pk).update(receipt=receipt)
    upload.receipt = receipt


def cancel_upload(upload: Upload, by: Any) -> None:
    if upload.contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can cancel an upload."))
    _forget(upload)


def sweep_uploads() -> int:
    """Forget uploads that nobody went on with, or whose contribution was discarded; how many."""
    discarded = Q(contribution__status=Contribution.Status.DISCARDED)
    old = list(Upload.objects.filter(Q(expires_at__lt=Now()) | discarded)[:1000])
    for upload in old:
        _forget(upload)
    return len(old)


def _forget(upload: Upload) -> None:
    part_of(upload).unlink(missing_ok=True)
    upload.delete()
