"""Nothing waits in silence: what a lost message or worker left behind is rung for again."""

from django.db.models import QuerySet

from apps.datasets.actions.contributing import INGEST
from apps.datasets.actions.erasing import to_erase
from apps.datasets.actions.freezing import FREEZE
from apps.datasets.actions.withdrawing import ERASE
from apps.datasets.models import Contribution, Receipt, Version
from apps.state.doorbell import ring


def ring_for_waiting() -> None:
    if Receipt.objects.waiting().exists() or _unsettled().exists():
        ring(INGEST)
    if to_erase().exists():
        ring(ERASE)
    if Version.objects.filter(status=Version.Status.BUILDING).exists():
        ring(FREEZE)


def _unsettled() -> QuerySet[Contribution]:
    return Contribution.objects.filter(status=Contribution.Status.PROCESSING)
