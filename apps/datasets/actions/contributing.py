"""A contribution's way in: opened, filled file by file, finished or discarded."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import staging
from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.classing import require_current
from apps.datasets.actions.withdrawing import ERASE
from apps.datasets.ingest.folders import clean_name
from apps.datasets.models import Contribution, Dataset, LabelClass, Licence, Receipt, Role, Sample
from apps.datasets.permissions import contribution_for, own_receiving, require
from apps.datasets.portions import insert_once, portions
from apps.datasets.storage import require_room, require_room_for_one
from apps.errors import RuleError, forbidden, invalid
from apps.state.actions import move
from apps.state.doorbell import ring

MAX_ANNOUNCED = 1000
MAX_SENT_NAME = 4000
SHA256 = re.compile("[0-9a-f]{64}")
INGEST = "apps.datasets.tasks.ingest"


def open_contribution(
    dataset: Dataset,
    by: Any,
    *,
    licence: str,
    agreed: bool,
    source: str = "",
    default_class: LabelClass | None = None,
) -> Contribution:
    """Begin a batch. The licence is the contributor's; the agreement is kept as it was shown."""
    require(by, dataset, Role.CONTRIBUTOR)
    if licence not in Licence.values:
        raise invalid("unknown_licence", _("Choose a licence from the list."), field="licence")
    if not agreed:
        text = _("Tick that you may share these files under the licence and the agreement.")
        raise invalid("agreement_required", text, field="agreed")
    if default_class:
        require_current(default_class)
    return Contribution.objects.create(
        dataset=dataset,
        member=by,
        licence=licence,
        source=source,
        agreement=dataset.agreement,
        default_class=default_class,
    )


class Announced(NamedTuple):
    """A file that a browser is about to send."""

    name: str
    sha256: str
    size: int  # bytes


def announce_files(
    contribution: Contribution,
    by: Any,
    files: Sequence[Announced],
    *,
    total_files: int = 0,
    total_bytes: int = 0,
    again: bool = False,
) -> list[int]:
    """Which of these files have not arrived: their places in the list.

    The totals are kept, so that the page can say what is missing after a reload. `again`: files
    that were refused count as missing, too. Refuses beforehand what will not fit: of these files,
    and of all that are to come.
    """
    require_receiving(contribution, by)
    if len(files) > MAX_ANNOUNCED:
        text = _("Announce at most %(limit)s files at once.") % {"limit": MAX_ANNOUNCED}
        raise invalid("too_many_files", text)
    known = contribution.receipts.filter(source_sha256__in={each.sha256 for each in files})
    if again:
        known = known.exclude(outcome=Receipt.Outcome.REFUSED)
    arrived = set(known.values_list("name", "source_sha256"))
    missing = [
        place
        for place, each in enumerate(files)
        if (clean_name(each.name), each.sha256) not in arrived
    ]
    grows = total_files > contribution.expected_files or total_bytes > contribution.expected_bytes
    wanted = [files[place] for place in missing]
    require_room(by, _bytes_to_come(contribution, wanted, total_bytes if grows else 0))
    if grows:
        Contribution.objects.filter(pk=contribution.pk).update(
            expected_files=max(total_files, contribution.expected_files),
            expected_bytes=max(total_bytes, contribution.expected_bytes),
        )
    return missing


def _bytes_to_come(contribution: Contribution, wanted: list[Announced], total: int) -> int:
    """What these files need, or all `total` bytes that will be announced, where that is more.

    An upload that was begun has its room already, and what arrived is counted where it lies.
    """
    begun = list(contribution.uploads.open().values_list("name", "size"))
    need = sum(each.size for each in wanted if (clean_name(each.name), each.size) not in begun)
    if not total:
        return need
    sizes = contribution.receipts.filter(parent=None).aggregate(arrived=Sum("size"))
    return max(need, total - (sizes["arrived"] or 0) - sum(size for _name, size in begun))


def receive_file(
    contribution: Contribution,
    by: Any,
    *,
    name: str,
    chunks: Iterable[bytes],
    size: int = 0,
    sha256: str = "",
) -> Receipt:
    """Take one file (image or archive) in. Sending it again gives the same receipt, not a second.

    size: its bytes as announced, to refuse before reading; sha256: what it must hash to, if given.
    A file over the limit is not read to its end: its receipt has what was announced.
    """
    require_receiving(contribution, by)
    return _receive(contribution.pk, by, name, chunks, size, sha256)


def receive_next(
    uuid: str,
    by: Any,
    *,
    name: str,
    chunks: Iterable[bytes],
    size: int = 0,
    sha256: str = "",
) -> Receipt:
    """`receive_file` for one of thousands: the contribution is only looked at in full to refuse."""
    key = own_receiving(by, uuid)
    if key is None:
        contribution = contribution_for(by, uuid)
        require_receiving(contribution, by)
        key = contribution.pk
    if not name or len(name) > MAX_SENT_NAME:
        text = _("A file needs a name of at most %(limit)s characters.")
        raise invalid("file_name", text % {"limit": MAX_SENT_NAME}, field="name")
    return _receive(key, by, name, chunks, size, sha256)


def _receive(
    contribution_id: int, by: Any, name: str, chunks: Iterable[bytes], size: int, sha256: str
) -> Receipt:
    require_room_for_one(by, size)
    arrived = staging.receive(chunks)
    try:
        if arrived.too_large:
            arrived.size = max(size, arrived.size)
            arrived.sha256 = sha256 if SHA256.fullmatch(sha256) else arrived.sha256
        elif arrived.size < size:
            text = _("The connection was lost before the whole file was here. Send it again.")
            raise invalid("cut_short", text, found=arrived.size)
        elif sha256 and sha256 != arrived.sha256:
            text = _("The file was changed on its way here. Send it again.")
            raise invalid("hash_mismatch", text, found=arrived.sha256)
        return take_arrived(contribution_id, name, arrived)
    finally:
        arrived.drop()


def take_arrived(contribution_id: int, name: str, arrived: staging.Arrived) -> Receipt:
    """The receipt of bytes that lie in staging; the file is its from then on."""
    name = clean_name(name)
    key = {"contribution_id": contribution_id, "name": name, "source_sha256": arrived.sha256}
    receipt = Receipt(**key, size=arrived.size, archive=arrived.archive)
    with transaction.atomic():
        if is_new := insert_once(receipt):
            _stage_or_refuse(receipt, arrived)
    if not is_new:
        known = Receipt.objects.get(**key)
        return _try_again(known, arrived) if known.outcome == Receipt.Outcome.REFUSED else known
    ring(INGEST)
    return receipt


def _try_again(receipt: Receipt, arrived: staging.Arrived) -> Receipt:
    """A refused file that is sent again is read again: a limit or the site may have changed."""
    with transaction.atomic():
        refused = Receipt.objects.filter(pk=receipt.pk, outcome=Receipt.Outcome.REFUSED)
        if refused.update(
            outcome=Receipt.Outcome.WAITING,
            code="",
            facts={},
            tries=0,
            claimed_by="",
            claimed_until=None,
        ):
            receipt.refresh_from_db()
            _stage_or_refuse(receipt, arrived)
    ring(INGEST)
    return receipt


def _stage_or_refuse(receipt: Receipt, arrived: staging.Arrived) -> None:
    if not arrived.too_large:
        arrived.keep_for(receipt)
        return
    receipt.outcome = Receipt.Outcome.REFUSED
    receipt.code = "file_too_large"
    receipt.facts = {"limit": staging.limit_for(arrived.archive)}
    receipt.save(update_fields=["outcome", "code", "facts"])


def finish_contribution(contribution: Contribution, by: Any) -> None:
    """All files are sent. Ingest makes it ready once each of them has its outcome."""
    require_receiving(contribution, by)
    if not contribution.receipts.exists():
        text = _("Nothing has arrived yet. Choose files first, or discard the contribution.")
        raise RuleError("nothing_received", text)
    move(contribution, Contribution.Status.PROCESSING, by=by)
    ring(INGEST)


def reopen_contribution(contribution: Contribution, by: Any) -> None:
    """More files, or a second try for refused ones, in a batch that was complete."""
    if contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can add to a contribution."))
    require(by, contribution.dataset, Role.CONTRIBUTOR)
    move(contribution, Contribution.Status.RECEIVING, by=by, why="reopened")


def discard_contribution(contribution: Contribution, by: Any) -> None:
    """Take a whole batch back, as long as nobody has decided about any of it."""
    if contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can discard a contribution."))
    with transaction.atomic():
        # Ingest writes under the same lock, and looks under it whether the batch is discarded.
        Dataset.objects.select_for_update().get(pk=contribution.dataset_id)
        _require_undecided(contribution)
        move(contribution, Contribution.Status.DISCARDED, by=by)
        contribution.manifest_rows.all().delete()
        to = Sample.Status.WITHDRAWN
        pending = contribution.samples.filter(status=Sample.Status.PENDING)
        for keys in portions(pending):
            these = pending.filter(pk__in=keys)
            change_samples(these, to=to, by=by, why="contribution discarded", withdrawn_at=Now())
        _require_undecided(contribution)  # nor has anybody since the first look
        ring(ERASE)


def _require_undecided(contribution: Contribution) -> None:
    decided = contribution.samples.filter(
        status__in=[Sample.Status.APPROVED, Sample.Status.REJECTED]
    )
    if decided.exists():
        text = _("Some of it has been reviewed already, so it stays.")
        raise RuleError("already_reviewed", text, reviewed=decided.count())


def require_receiving(contribution: Contribution, by: Any) -> None:
    """Refuse unless it is this member's and takes files."""
    if contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can add to a contribution."))
    require(by, contribution.dataset, Role.CONTRIBUTOR)
    if contribution.status != Contribution.Status.RECEIVING:
        raise RuleError(
            "not_receiving",
            _("This contribution is %(status)s and takes no more files. Open a new one.")
            % {"status": contribution.get_status_display()},
            status_found=contribution.status,
        )
