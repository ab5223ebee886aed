"""Ingest: claims waiting receipts, reads each file once, and writes down what became of it.

Claims are leases by the database's clock, so a killed worker's files are taken up by the next one;
a file that breaks its worker three times is given up. An outage (of the disk, the blob store or the
database) is no fault of a file: it costs no try, and ends the work until the clock rings again.
"""

import logging
import math
import time
import uuid
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.datasets import staging
from apps.datasets.actions.taking import Taken, read_image, take_images
from apps.datasets.actions.texting import take_texts
from apps.datasets.actions.unpacking import unpack
from apps.datasets.ingest.refusal import Refused
from apps.datasets.models import Contribution, Receipt, TaskKind
from apps.datasets.models.contribution import CLAIM_SECONDS
from apps.errors import RuleError
from apps.state.actions import move

CLAIM_SIZE = 32
MAX_TRIES = 3
# What met an outage waits for so long, while others are tried: it may be this file's place on the disk.
REST_SECONDS = 60
OUTAGES = (OSError, OperationalError, InterfaceError)
Outcome = Receipt.Outcome
log = logging.getLogger(__name__)


def drain_ingest(seconds: float = math.inf) -> bool:
    """Process waiting receipts, for about `seconds`, then settle finished contributions.

    True when nothing waited any more, or an outage made it useless to go on at once.
    """
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        batch = claim_receipts()
        try:
            process_receipts(batch)
        except OUTAGES:
            log.exception("ingest stops until the clock rings again")
            if not connection.is_usable():
                connection.close()  # the next query opens another
            _give_back(batch)
            return True
        if not batch:
            settle_contributions()
            return True
    settle_contributions()
    return False


def claim_receipts() -> list[Receipt]:
    """Lease a few waiting receipts to this caller; nobody else gets the same ones.

    A receipt that was tried before is leased alone: if it breaks the worker again, no other file
    is counted as broken with it.
    """
    free = Q(outcome=Outcome.WAITING) & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    waiting = Receipt.objects.filter(free).order_by("pk")
    first = waiting.values_list("pk", "tries", "archive").first()
    if first is None:
        return []
    alone = first[1] > 0 or first[2]
    others = waiting.filter(tries=0, archive=False).values_list("pk", flat=True)
    keys = [first[0]] if alone else list(others[:CLAIM_SIZE])
    claim = uuid.uuid4().hex
    Receipt.objects.filter(free, pk__in=keys).update(
        claimed_by=claim,
        claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS),
        tries=F("tries") + 1,
    )
    ours = Receipt.objects.filter(pk__in=keys, claimed_by=claim)
    # A race that took all of them away is no reason to stop: there may be more behind them.
    return list(ours.select_related("contribution__dataset").order_by("pk")) or claim_receipts()


def process_receipts(batch: list[Receipt]) -> None:
    """Give claimed receipts their outcome. A bad file never reaches past its own receipt.

    Raises one of OUTAGES where they stay claimed and waiting.
    """
    taken: list[Taken] = []
    for receipt in batch:
        try:
            _check(receipt)
            if receipt.archive:
                unpack(receipt)
            elif receipt.contribution.dataset.task == TaskKind.TEXT_CLASSIFICATION:
                take_texts(receipt)
            else:
                taken.append(read_image(receipt))
        except Refused as refusal:
            receipt.refuse(refusal.code, refusal.facts)
        except FileNotFoundError:
            receipt.refuse("lost_upload", {})
        except OUTAGES:
            _give_back([receipt], REST_SECONDS)
            raise
    take_images(taken)
    # Whose claim ran out is still waiting: another worker needs the file.
    waiting = Receipt.objects.waiting().filter(pk__in=[receipt.pk for receipt in batch])
    kept = set(waiting.values_list("pk", flat=True))
    for receipt in batch:
        if receipt.pk not in kept:
            staging.path_of(receipt).unlink(missing_ok=True)


def _give_back(batch: list[Receipt], rest: int = 0) -> None:
    """What is still claimed by this worker waits again, as if it had not been tried."""
    keys = [receipt.pk for receipt in batch]
    claimed = Receipt.objects.waiting().filter(pk__in=keys, claimed_by=batch[0].claimed_by)
    until = Now() + timedelta(seconds=rest) if rest else None
    claimed.update(claimed_by="", claimed_until=until, tries=F("tries") - 1)


def _check(receipt: Receipt) -> None:
    if receipt.contribution.status == Contribution.Status.DISCARDED:
        raise Refused("discarded")
    if receipt.tries > MAX_TRIES:
        raise Refused("crashed_ingest")


def settle_contributions() -> None:
    """Every finished contribution whose receipts all have an outcome becomes ready."""
    processing = Contribution.objects.filter(status=Contribution.Status.PROCESSING)
    for contribution in processing.exclude(receipts__outcome=Outcome.WAITING):
        try:
            move(contribution, Contribution.Status.READY)
        except RuleError:  # another worker was first
            continue
