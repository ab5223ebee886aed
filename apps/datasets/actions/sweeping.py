"""Nothing waits in silence: what a lost message or worker left behind is rung for again."""

from django.db.models import QuerySet

from apps.datasets import blobs, staging
from apps.datasets.actions.contributing import INGEST
from apps.datasets.actions.erasing import to_erase
from apps.datasets.actions.exports import EXPORT, stale_exports
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
    blobs.sweep()
    staging.sweep()
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
    """Exports that wait to be made, or to be forgotten."""
    building = Export.objects.filter(status=Export.Status.BUILDING)
    return building.exists() or bool(stale_exports())


def _unsettled() -> QuerySet[Contribution]:
    return Contribution.objects.filter(status=Contribution.Status.PROCESSING)
