"""Nothing waits in silence: what a lost message or worker left behind is rung for again."""

from django.db.models import QuerySet

from apps.datasets.actions.contributing import INGEST
from apps.datasets.actions.erasing import to_erase
from apps.datasets.actions.exports import EXPORT, stale
from apps.datasets.actions.freezing import FREEZE
from apps.datasets.actions.judging import JUDGE, unjudged
from apps.datasets.actions.proposing import CHANGE
from apps.datasets.actions.relabelling import waiting_changes
from apps.datasets.actions.uploading import sweep_uploads
from apps.datasets.actions.withdrawing import ERASE
from apps.datasets.models import Contribution, Export, Receipt, SchemaChange, Version
from apps.state.doorbell import ring


def ring_for_waiting() -> None:
    sweep_uploads()
    if Receipt.objects.waiting().exists() or _unsettled().exists():
        ring(INGEST)
    if to_erase().exists():
        ring(ERASE)
    if Version.objects.filter(status=Version.Status.BUILDING).exists():
        ring(FREEZE)
    if SchemaChange.objects.filter(waiting_changes()).exists():
        ring(CHANGE)
    if unjudged().exists():
        ring(JUDGE)
    if _to_export():
        ring(EXPORT)


def _to_export() -> bool:
    """Exports that wait to be made, or that hold what was withdrawn since."""
    if Export.objects.filter(status=Export.Status.BUILDING).exists():
        return True
    touched = Export.objects.filter(status=Export.Status.READY, version__withdrawn__gt=0)
    return any(map(stale, touched.select_related("version")))


def _unsettled() -> QuerySet[Contribution]:
    return Contribution.objects.filter(status=Contribution.Status.PROCESSING)
