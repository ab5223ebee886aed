"""Look-alikes side by side: those that ingest held back, and the groups of near-duplicates."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.datasets import actions, blind, seals
from apps.datasets.actions.holding import HELD, Verdict
from apps.datasets.clusters import MANY, clusters
from apps.datasets.lookalikes import resembles
from apps.datasets.models import Dataset, Hold, Review, Role, Sample
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import require
from apps.datasets.queues import held_queues
from apps.datasets.searching import number

SHOWN = 12
DOUBLES = 3


@login_required
def lookalikes(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    if request.method == "POST":
        return _decide(request, dataset)
    held = dataset.samples.filter(status=Sample.Status.PENDING, hold__in=HELD)
    page = paged(request, held.select_related("label", "contributor"), SHOWN, name="after")
    shown = seals.mask(page["rows"], dataset, _("sealed"))
    shown = blind.mask(shown, dataset, request.user, _("hidden"))
    pairs = [_pair(request, each) for each in shown]
    context = frame(request, dataset, "review") | page | {"pairs": pairs}
    return render(request, "datasets/lookalikes.html", context)


@require_safe
def lookalike_groups(request: HttpRequest, slug: str) -> HttpResponse:
    """Groups of look-alikes side by side, for whoever sees the dataset."""
    dataset = dataset_of(request, slug)
    before = request.GET.get("before", "")
    found, more = clusters(dataset, number(before) if before else None)
    members = [each.sample for one in found for each in one.members]
    blind.mask(seals.mask(members, dataset, _("sealed")), dataset, request.user, _("hidden"))
    context = frame(request, dataset, "samples")
    context |= {
        "clusters": found,
        "many": MANY,
        "held": held_queues(dataset, request.user).get("alike", 0)
        if context["can"]["review"]
        else 0,
        "first_url": "?" if before else "",
        "next_url": f"?before={found[-1].newest}" if more else "",
    }
    return render(request, "datasets/lookalike_groups.html", context)


def _pair(request: HttpRequest, sample: Sample) -> dict[str, Any]:
    """A held sample, its nearest doubles, and what may be said about it."""
    alike = resembles(sample)[:DOUBLES]
    doubles = Sample.objects.select_related("label", "contributor").in_bulk(
        [each.sample for each in alike]
    )
    shown = seals.mask(doubles.values(), sample.dataset, _("sealed"))
    blind.mask(shown, sample.dataset, request.user, _("hidden"))
    verdicts = [
        (value, label)
        for value, label in Verdict.choices
        if value != Verdict.TOGETHER or sample.hold == Hold.LOOKALIKE
    ]
    return {
        "sample": sample,
        "doubles": [(doubles[each.sample], each) for each in alike],
        "verdicts": verdicts,
        "appeal": _appeal(request, sample),
        "own": sample.contributor_id == request.user.pk,
    }


def _appeal(request: HttpRequest, sample: Sample) -> str:
    """Why its contributor wants it compared again, for those who may read it; empty: nobody asked."""
    if blind.hides_answers(sample, sample.dataset, request.user):
        return ""
    asked = sample.reviews.filter(decision=Review.Decision.APPEAL)
    return asked.values_list("note", flat=True).last() or ""


def _decide(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    sample = get_object_or_404(dataset.samples, pk=number(request.POST.get("sample", "")))
    actions.release_lookalike(sample, request.user, request.POST.get("verdict", ""))
    messages.success(request, _("Decided. It is in its history."))
    return redirect("lookalikes", dataset.slug)
