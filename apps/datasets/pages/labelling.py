"""The labelling page: a leased batch, one by one or as a grid, answered with the keyboard."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.datasets import actions, tallies
from apps.datasets.actions.labelling import SKIP, UNSURE, needed_role, to_label
from apps.datasets.actions.leasing import Batch, holders
from apps.datasets.guidelines import to_html
from apps.datasets.models import Annotation, Dataset, Policy, Sample
from apps.datasets.pages.batches import held, may_go_ahead
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import require
from apps.datasets.searching import number

SIZE = 24


@login_required
def label(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    require(request.user, dataset, needed_role(dataset))
    if request.method == "POST":
        return _say(request, dataset)
    shown, waiting = _batch(request, dataset)
    classes = list(dataset.classes.current())
    context = frame(request, dataset, "label") | shown
    context |= {
        "elsewhere": [] if shown["samples"] else holders(waiting),
        "oldest_there": _oldest(shown, waiting),
        "classes": classes,
        "searchable": not all(each.key for each in classes),
        "guidelines": to_html(dataset.guidelines),
    }
    return render(request, "datasets/label.html", context)


def _oldest(shown: dict[str, Any], waiting: QuerySet[Sample]) -> datetime | None:
    """Since when the oldest waits: of the whole queue, or where it holds what they answered, of the batch."""
    if shown["blind"]:
        return min((each.created_at for each in shown["samples"]), default=None)
    return waiting.values_list("created_at", flat=True).first()


@require_POST
@login_required
def label_next(request: HttpRequest, slug: str) -> HttpResponse:
    """The batch after those on the page (`held`), as a fragment; 204 where there is none."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, needed_role(dataset))
    shown, _waiting = _batch(request, dataset, held(request))
    if not shown["samples"]:
        return HttpResponse(status=204)
    return render(request, "datasets/_label_batch.html", shown | {"dataset": dataset})


def _batch(
    request: HttpRequest, dataset: Dataset, besides: Collection[UUID] = ()
) -> tuple[dict[str, Any], QuerySet[Sample]]:
    """What is shown of a batch for this member, and the queue that it is from."""
    waiting = to_label(dataset, request.user).order_by("pk")
    blind = dataset.policy == Policy.CONSENSUS
    left = _left(dataset, blind)
    if may_go_ahead(left, besides, SIZE):
        onward = Q(pk__gt=last_labelled(request.user)) if blind else None
        batch = actions.lease_samples(waiting, request.user, size=SIZE, first=onward, held=besides)
    else:
        batch = Batch([])
    return {"batch": batch, "samples": batch.samples, "blind": blind, "left": left}, waiting


def last_labelled(user: Any) -> int:
    """Where this member is in the queue: under consensus what they answered stays in it, and looking
    for the rest from the beginning would pass all of that."""
    said = Annotation.objects.filter(by=user).order_by("-pk").values_list("sample", flat=True)
    return said.first() or 0


def _left(dataset: Dataset, blind: bool) -> int:
    """What waits, from the counts that are kept: under consensus all that is open for labels."""
    rows = tallies.waiting(dataset)
    rows = rows if blind else rows.filter(label=0)
    return rows.aggregate(n=Sum("number"))["n"] or 0


def _say(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """One label from the plain form, for a browser without JavaScript."""
    said: Any = request.POST.get("label", "")
    said = said if said in {SKIP, UNSURE} else number(said or "0")
    sample = number(request.POST.get("sample", ""))
    result = actions.label_samples(dataset, request.user, {sample: said})
    for refusal in result.refused:
        messages.error(request, refusal["detail"])
    return redirect("label", dataset.slug)


@require_POST
@login_required
def label_undo(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    actions.undo_labels(dataset, request.user)
    messages.success(request, _("Your last labels are taken back."))
    return redirect("label", slug)
