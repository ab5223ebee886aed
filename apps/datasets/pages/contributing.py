"""Contributing: open a batch, send its files, see what became of each."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.http import ConditionalGetMiddleware
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import decorator_from_middleware
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions, blind, seals
from apps.datasets.contributors import rejected_number
from apps.datasets.forms import ContributeForm, FilesForm
from apps.datasets.models import Contribution, Receipt, Role
from apps.datasets.pages.manifests import control
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.permissions import contribution_for, require
from apps.datasets.reads import claimed_classes, outcome_counts
from apps.datasets.receipts import RECEIPT_COLUMNS, receipt_rows, sentence
from apps.datasets.storage import room_of
from apps.datasets.tables import csv_lines
from apps.errors import RuleError, invalid
from apps.members.tokens import also_by_token

RECEIPTS_SHOWN = 100
# Answers 304 to whoever already has this very fragment.
only_if_changed = decorator_from_middleware(ConditionalGetMiddleware)


@login_required
def contribute(request: HttpRequest, slug: str) -> HttpResponse:
    """Before any file is sent: licence, agreement, where they come from."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.CONTRIBUTOR)
    form = ContributeForm(request.POST or None, dataset=dataset)
    if request.method == "POST" and form.is_valid():
        try:
            opened = actions.open_contribution(dataset, request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
        else:
            return redirect("contribution", opened.uuid)
    context = frame(request, dataset, "contribute") | {
        "form": form,
        "mine": dataset.contributions.filter(member_id=request.user.pk)[:10],
        "classes": dataset.classes.current(),
        "rejected": rejected_number(dataset, request.user),
        "room": room_of(request.user),
    }
    return render(request, "datasets/contribute.html", context)


@require_safe
@login_required
def contribution(request: HttpRequest, uuid: str) -> HttpResponse:
    """The batch: where to drop files while it is open, and a receipt for each that came."""
    found = contribution_for(request.user, uuid)
    context = frame(request, found.dataset, "contribute")
    context |= _progress(found) | _receipts(request, found) | _sent(found)
    context |= control(request, found)
    context |= {
        "form": FilesForm(),
        "mine": found.member_id == request.user.pk,
        "room": room_of(found.member),
        "claimed": claimed_classes(found.samples.all()),
        "limits": {
            "image": settings.MAX_IMAGE_BYTES,
            "pixels": settings.MAX_IMAGE_PIXELS // 1_000_000,
            "archive": settings.MAX_ARCHIVE_BYTES,
            "unpacked": settings.MAX_ARCHIVE_UNPACKED_BYTES,
            "files": settings.MAX_ARCHIVE_FILES,
            "rows": settings.MAX_TEXT_ROWS,
            "chars": settings.MAX_TEXT_CHARS,
        },
    }
    return render(request, "datasets/contribution.html", context)


def _progress(found: Contribution) -> dict[str, Any]:
    """How far ingest is. Nothing here may differ between two readers or two moments of rest."""
    counts = outcome_counts(found)
    total = sum(counts.values())
    return {
        "contribution": found,
        "counts": counts,
        "total": total,
        "outcomes": [(value, name, counts[value]) for value, name in Receipt.Outcome.choices],
        "processed": total - counts["waiting"],
        "arrived": counts["accepted"] + counts["fixed"],
        "finished": found.status in {Contribution.Status.READY, Contribution.Status.DISCARDED},
    }


def _sent(found: Contribution) -> dict[str, Any]:
    """How many of the announced files are here. What an archive or a table held is not counted."""
    here = 0
    if found.status == Contribution.Status.RECEIVING and found.expected_files:
        here = found.receipts.filter(parent=None).count()
    return {"here": here, "missing": here < found.expected_files}


def _receipts(request: HttpRequest, found: Contribution) -> dict[str, Any]:
    """One page of receipts, in the order of their arrival, from `after` on."""
    outcome = request.GET.get("outcome", "")
    if outcome and outcome not in Receipt.Outcome.values:
        raise invalid("invalid_filter", _("There is no such filter."))
    rows = found.receipts.select_related("sample__label")
    if outcome:
        rows = rows.filter(outcome=outcome)
    query = f"?outcome={outcome}"
    page = paged(request, rows, RECEIPTS_SHOWN, name="after", query=query, anchor="#receipts-title")
    shown = page["rows"]
    is_closed = seals.closed(found.dataset)
    for each in blind.covered(shown, found.dataset, request.user, _("hidden")):
        seals.cover(each, is_closed, _("sealed"))
    receipts = [(each, sentence(each)) for each in shown]
    return page | {"receipts": receipts, "outcome": outcome}


@require_safe
@login_required
@only_if_changed
def contribution_live(request: HttpRequest, uuid: str) -> HttpResponse:
    context = _progress(contribution_for(request.user, uuid))
    return render(request, "datasets/_progress.html", context)


@require_POST
@login_required
def contribution_files(request: HttpRequest, uuid: str) -> HttpResponse:
    """Files from the plain form, for a browser without JavaScript."""
    found = contribution_for(request.user, uuid)
    form = FilesForm(request.POST, request.FILES)
    if not form.is_valid():
        raise invalid("no_files", _("Choose at least one file."))
    files = form.cleaned_data["sent"]
    for file in files:
        actions.receive_file(
            found, request.user, name=file.name, chunks=file.chunks(), size=file.size
        )
    text = ngettext("%(n)s file has arrived.", "%(n)s files have arrived.", len(files))
    messages.success(request, text % {"n": len(files)})
    return redirect("contribution", uuid)


@require_POST
@login_required
def contribution_finish(request: HttpRequest, uuid: str) -> HttpResponse:
    actions.finish_contribution(contribution_for(request.user, uuid), request.user)
    messages.success(
        request, _("Thank you. Each file gets its receipt below as soon as it is checked.")
    )
    return redirect("contribution", uuid)


@require_POST
@login_required
def contribution_discard(request: HttpRequest, uuid: str) -> HttpResponse:
    found = contribution_for(request.user, uuid)
    actions.discard_contribution(found, request.user)
    messages.success(request, _("The contribution is discarded; nothing of it will be used."))
    return redirect("contribute", found.dataset.slug)


@require_POST
@login_required
def contribution_reopen(request: HttpRequest, uuid: str) -> HttpResponse:
    found = contribution_for(request.user, uuid)
    actions.reopen_contribution(found, request.user)
    messages.success(request, _("It is open again: choose the files to send."))
    return redirect(f"{reverse('contribution', args=[uuid])}?outcome=refused")


@require_safe
@also_by_token
def receipts_csv(request: HttpRequest, uuid: str) -> StreamingHttpResponse:
    """Every receipt (of one outcome, if asked for) as a table, streamed."""
    found = contribution_for(request.user, uuid)
    outcome = request.GET.get("outcome", "")
    if outcome and outcome not in Receipt.Outcome.values:
        raise invalid("invalid_filter", _("There is no such filter."))
    rows = found.receipts.select_related("sample__label")
    rows = rows.filter(outcome=outcome) if outcome else rows
    shown = blind.covered(rows.iterator(1000), found.dataset, request.user)
    response = StreamingHttpResponse(
        csv_lines(RECEIPT_COLUMNS, receipt_rows(shown, seals.closed(found.dataset))),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = content_disposition_header(True, f"receipts-{uuid}.csv")
    return response
