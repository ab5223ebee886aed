"""Asking for an export of a version. What makes it (pyarrow) is exporting.py, in workers only."""

from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import blobs
from apps.datasets.actions.naming import one_at_a_time
from apps.datasets.models import Export, Sample, Version
from apps.datasets.seals import is_sealed
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
    with transaction.atomic():
        one_at_a_time(version.dataset)
        export, made = Export.objects.get_or_create(version=version, kind=Export.Kind.PARQUET)
        if not made and (export.status == Export.Status.FAILED or stale(export)):
            _make_again(export, by)
    ring(EXPORT)
    return export


def _make_again(export: Export, by: Any) -> None:
    fields: dict[str, Any] = {
        "files": [],
        "done": 0,
        "failure": "",
        "claimed_until": None,
        "created_at": Now(),
    }
    old = export.files
    move(export, Export.Status.BUILDING, by=by, **fields)
    erase_files(old)


def erase_files(files: Iterable[dict[str, Any]]) -> None:
    """Erase the files that an export's row names no more, but for those that another one names.

    Equal splits of two versions give equal shards, and so one blob. Names are added and taken away
    while the dataset's row is held: nobody begins to use what is being erased.
    """
    names = {each["sha256"] for each in files}
    for sha256 in names - _named(names):
        blobs.erase(sha256)


def _named(names: Collection[str]) -> set[str]:
    """Those of these blobs that a live sample, a manifest or an export of any dataset names."""
    found = {each["sha256"] for other in Export.objects.all() for each in other.files}
    manifests = Version.objects.filter(manifest_sha256__in=names)
    found |= set(manifests.values_list("manifest_sha256", flat=True))
    live = Sample.objects.exclude(status=Sample.Status.WITHDRAWN)
    for field in ("blob_sha256", "thumbnail_sha256"):
        found |= set(live.filter(**{f"{field}__in": names}).values_list(field, flat=True))
    return found


def stale(export: Export) -> bool:
    """Does it hold samples that were withdrawn since, or not the labels that were unsealed since?"""
    version = export.version
    now = (version.withdrawn, is_sealed(version))
    return export.status == Export.Status.READY and any(
        (each.get("withdrawn", 0), each.get("sealed", version.sealed)) != now
        for each in export.files
    )


def stale_exports() -> list[Export]:
    withdrawn = Q(version__withdrawn__gt=0)
    unsealed = Q(version__sealed=True, version__dataset__unsealed_at__isnull=False)
    ready = Export.objects.filter(withdrawn | unsealed, status=Export.Status.READY)
    return [each for each in ready.select_related("version__dataset") if stale(each)]


def ready_export(version: Version) -> Export:
    export = Export.objects.filter(version=version, kind=Export.Kind.PARQUET).first()
    if export is None or export.status != Export.Status.READY or stale(export):
        text = _("There is no finished export of this version. Ask for one on its page.")
        raise RuleError("export_not_ready", text)
    return export
