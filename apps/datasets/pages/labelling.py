"""The labelling page: one picture at a time from a leased batch, answered with the keyboard."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.datasets import actions, tallies
from apps.datasets.actions.labelling import SKIP, UNSURE, needed_role, to_label
from apps.datasets.actions.leasing import holders
from apps.datasets.guidelines import to_html
from apps.datasets.models import Dataset, Policy
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
    blind = dataset.policy == Policy.CONSENSUS
    queue = to_label(dataset, request.user).order_by("pk")
    batch = actions.lease_samples(queue, request.user, size=SIZE)
    context = frame(request, dataset, "label") | {
        "batch": batch,
        "blind": blind,
        "elsewhere": [] if batch.samples else holders(queue),
        "left": _left(dataset, blind),
        "classes": dataset.classes.current(),
        "guidelines": to_html(dataset.guidelines),
    }
    return render(request, "datasets/label.html", context)


def _left(dataset: Dataset, blind: bool) -> int:
    """What waits, from the counts that are kept: under consensus all that is pending."""
    counts = tallies.by_class(dataset)
    kinds = list(counts.values()) if blind else [counts.get(0, Counter())]
    return sum(each["pending"] for each in kinds)


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
