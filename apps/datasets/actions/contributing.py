"""A contribution's way in: opened, filled file by file, finished or discarded."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import staging
from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.withdrawing import ERASE
from apps.datasets.ingest.folders import clean_name
from apps.datasets.models import Contribution, Dataset, LabelClass, Licence, Receipt, Role, Sample
from apps.datasets.permissions import require
from apps.errors import RuleError, forbidden, invalid
from apps.state.actions import move
from apps.state.doorbell import ring

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
    return Contribution.objects.create(
        dataset=dataset,
        member=by,
        licence=licence,
        source=source,
        agreement=dataset.agreement,
        default_class=default_class,
    )


def receive_file(
    contribution: Contribution, by: Any, *, name: str, chunks: Iterable[bytes]
) -> Receipt:
    """Take one file (image or zip) in. Sending it again gives the same receipt, not a second one."""
    _own_and_receiving(contribution, by)
    arrived = staging.receive(chunks)
    try:
        return _receipt_for(contribution, clean_name(name), arrived)
    finally:
        arrived.drop()


def _receipt_for(contribution: Contribution, name: str, arrived: staging.Arrived) -> Receipt:
    key = {"contribution": contribution, "name": name, "source_sha256": arrived.sha256}
    known = Receipt.objects.filter(**key).first()
    if known:
        return known
    try:
        with transaction.atomic():
            receipt = Receipt.objects.create(**key, size=arrived.size, archive=arrived.archive)
            _stage_or_refuse(receipt, arrived)
    except IntegrityError:  # the same file, sent twice at the same moment
        return Receipt.objects.get(**key)
    ring(INGEST)
    return receipt


def _stage_or_refuse(receipt: Receipt, arrived: staging.Arrived) -> None:
    limit = staging.limit_for(arrived.archive)
    if arrived.size <= limit:
        arrived.keep_for(receipt)
        return
    receipt.outcome = Receipt.Outcome.REFUSED
    receipt.code = "file_too_large"
    receipt.facts = {"limit": limit}
    receipt.save(update_fields=["outcome", "code", "facts"])


def finish_contribution(contribution: Contribution, by: Any) -> None:
    """All files are sent. Ingest makes it ready once each of them has its outcome."""
    _own_and_receiving(contribution, by)
    if not contribution.receipts.exists():
        text = _("Nothing has arrived yet. Choose files first, or discard the contribution.")
        raise RuleError("nothing_received", text)
    move(contribution, Contribution.Status.PROCESSING, by=by)
    ring(INGEST)


def discard_contribution(contribution: Contribution, by: Any) -> None:
    """Take a whole batch back, as long as nobody has decided about any of it."""
    if contribution.member_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can discard a contribution."))
    decided = contribution.samples.filter(
        status__in=[Sample.Status.APPROVED, Sample.Status.REJECTED]
    )
    if decided.exists():
        text = _("Some of it has been reviewed already, so it stays.")
        raise RuleError("already_reviewed", text, reviewed=decided.count())
    with transaction.atomic():
        move(contribution, Contribution.Status.DISCARDED, by=by)
        waiting = contribution.samples.filter(status=Sample.Status.PENDING)
        to = Sample.Status.WITHDRAWN
        change_samples(waiting, to=to, by=by, why="contribution discarded", withdrawn_at=Now())
        ring(ERASE)


def _own_and_receiving(contribution: Contribution, by: Any) -> None:
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
