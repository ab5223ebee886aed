"""A contribution's manifest: what it would do, what is in force, and a table to begin with."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions, blind
from apps.datasets.actions.manifest_report import Report
from apps.datasets.actions.manifesting import manifest_in_force, read_bounded
from apps.datasets.ingest.manifest import COLUMNS
from apps.datasets.models import Contribution, Receipt
from apps.datasets.pages.scope import frame
from apps.datasets.permissions import contribution_for
from apps.datasets.tables import csv_lines
from apps.errors import invalid


@login_required
def contribution_manifest(request: HttpRequest, uuid: str) -> HttpResponse:
    """The report of what is in force, or of what was sent just now."""
    found = contribution_for(request.user, uuid)
    asked, report = "", None
    if request.method == "POST":
        asked = request.POST.get("do", "")
        report = _do(request, found, asked)
    elif found.manifest_rows.exists():
        report = manifest_in_force(found)
    context = {"contribution": found, "report": report, "asked": asked} | control(request, found)
    if getattr(request, "htmx", False):
        return render(request, "datasets/_manifest_result.html", context)
    context |= frame(request, found.dataset, "contribute")
    return render(request, "datasets/manifest.html", context)


def _do(request: HttpRequest, found: Contribution, asked: str) -> Report:
    """Use what was sent, add it to what is in force, or only look at it."""
    file = request.FILES.get("manifest")
    if file is None:
        raise invalid("no_files", _("Choose the file of the manifest first."))
    data = read_bounded(file.chunks())
    if asked == "use":
        return actions.set_manifest(found, request.user, data)
    if asked == "add":
        folder = request.POST.get("folder", "")
        return actions.add_to_manifest(found, request.user, data, folder=folder)
    return actions.check_manifest(found, request.user, data)


def control(request: HttpRequest, found: Contribution) -> dict[str, Any]:
    """What the control for a manifest shows: whether there is one, the limits, the rows in force."""
    images = not found.dataset.holds_texts
    receiving = found.status == Contribution.Status.RECEIVING
    return {
        "takes_manifest": images and receiving and found.member_id == request.user.pk,
        "manifest_rows": found.manifest_rows.count() if images else 0,
        "manifest_limits": {
            "bytes": settings.MAX_MANIFEST_BYTES,
            "rows": settings.MAX_MANIFEST_ROWS,
        },
    }


@require_POST
@login_required
def contribution_manifest_drop(request: HttpRequest, uuid: str) -> HttpResponse:
    gone = actions.drop_manifest(contribution_for(request.user, uuid), request.user)
    text = ngettext("%(n)s row is removed.", "%(n)s rows are removed.", gone) % {"n": gone}
    messages.success(request, f"{text} {_('Files that were read already keep what they have.')}")
    return redirect("contribution", uuid)


@require_safe
@login_required
def manifest_template(request: HttpRequest, uuid: str) -> StreamingHttpResponse:
    """A manifest of the files that have arrived, with what is known of each, to be filled in."""
    found = contribution_for(request.user, uuid)
    response = StreamingHttpResponse(
        csv_lines(list(COLUMNS), _known(found, request.user)),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = content_disposition_header(True, "manifest.csv")
    return response


def _known(found: Contribution, reader: Any) -> Iterator[list[str]]:
    """Without archives, and without what is in a version: a manifest changes nothing there."""
    outcomes = Receipt.Outcome
    taken = (outcomes.WAITING, outcomes.ACCEPTED, outcomes.FIXED)
    files = found.receipts.filter(archive=False, outcome__in=taken).select_related("sample__label")
    for receipt in blind.covered(files.iterator(1000), found.dataset, reader):
        sample = receipt.sample
        if sample is None:
            yield [receipt.name, "", "", found.source, found.licence, ""]
        elif not sample.split:
            label = sample.label.name if sample.label else sample.claimed_class
            declared = sample.declared_split
            yield [receipt.name, label, "", sample.source, sample.licence, declared]
