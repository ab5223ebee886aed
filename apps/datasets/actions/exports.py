"""Asking for an export of a version. What makes it (pyarrow) is exporting.py, in workers only."""

from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.models import Export, Version
from apps.errors import RuleError
from apps.state.actions import move
from apps.state.doorbell import ring

EXPORT = "apps.datasets.tasks.export"


def request_export(version: Version, by: Any) -> Export:
    """The export of this version: made now if it is not there, made again if it failed."""
    if not by.is_authenticated:
        raise RuleError("login_required", _("Sign in to have an export made."), status=401)
    if not version.digest:
        raise RuleError("not_frozen", _("Freeze it first: only a frozen version is exported."))
    export, made = Export.objects.get_or_create(version=version, kind=Export.Kind.PARQUET)
    if not made and (export.status == Export.Status.FAILED or stale(export)):
        fields: dict[str, Any] = {
            "done": 0,
            "failure": "",
            "claimed_until": None,
            "created_at": Now(),
        }
        move(export, Export.Status.BUILDING, by=by, **fields)
    ring(EXPORT)
    return export


def stale(export: Export) -> bool:
    """Does it hold samples that were withdrawn since?"""
    return export.status == Export.Status.READY and any(
        each.get("withdrawn", 0) != export.version.withdrawn for each in export.files
    )


def ready_export(version: Version) -> Export:
    export = Export.objects.filter(version=version, kind=Export.Kind.PARQUET).first()
    if export is None or export.status != Export.Status.READY or stale(export):
        text = _("There is no finished export of this version. Ask for one on its page.")
        raise RuleError("export_not_ready", text)
    return export
