"""Reviewing: one class at a time, so that what does not belong stands out."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.datasets import actions, seals
from apps.datasets.actions import Decision, ReviewResult
from apps.datasets.actions.leasing import holders
from apps.datasets.forms import DecisionsForm
from apps.datasets.guidelines import to_html
from apps.datasets.models import Dataset, Policy, Review, Role, Sample, Scale
from apps.datasets.pages.batches import SIZES, Asked, asked, held, lease_of, may_go_ahead
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import require
from apps.datasets.queues import held_queues, in_queue, own_waiting, to_review, to_review_own
from apps.datasets.review_groups import Group, in_turn, part, review_groups
from apps.datasets.waits import Said, said_about
from apps.errors import invalid


@login_required
def review(request: HttpRequest, slug: str) -> HttpResponse:
    """A leased batch of one class, or of one of the other queues."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    if request.method == "POST":
        return _decide(request, dataset)
    wanted = asked(request, dataset)
    shown, waiting = _batch(request, dataset, wanted)
    if not shown["samples"]:
        shown |= _why_none(request, dataset, waiting)
    context = frame(request, dataset, "review") | shown
    context |= {
        "queues": held_queues(dataset, request.user),
        "wanted": wanted.filters,
        "scales": Scale.choices,
        "size": wanted.size,
        "sizes": SIZES,
        "searchable": not all(each.key for each in shown["classes"]),
        "reasons": Review.Reason.choices,
        "guidelines": to_html(dataset.guidelines),
        "by_votes": dataset.policy == Policy.CONSENSUS,
    }
    response = render(request, "datasets/review.html", context)
    response.set_cookie("batch", str(wanted.size), max_age=365 * 86400, samesite="Lax")
    return response


def _why_none(request: HttpRequest, dataset: Dataset, waiting: QuerySet[Sample]) -> dict[str, Any]:
    """Who has what waits here, or whose it is, and how long it has waited."""
    elsewhere = holders(waiting)
    own = to_review_own(dataset, request.user)
    oldest = (waiting if elsewhere else own).values_list("created_at", flat=True).first()
    return {
        "elsewhere": elsewhere,
        "own": own_waiting(dataset, request.user),
        "oldest_there": oldest,
    }


@require_POST
@login_required
def review_next(request: HttpRequest, slug: str) -> HttpResponse:
    """The batch after those on the page (`held`), as a fragment; 204 where there is none."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    shown, _waiting = _batch(request, dataset, asked(request, dataset), held(request))
    if not shown["samples"]:
        return HttpResponse(status=204)
    context = shown | {"dataset": dataset}
    return render(request, "datasets/_review_batch.html", context)


def _batch(
    request: HttpRequest, dataset: Dataset, wanted: Asked, besides: Collection[UUID] = ()
) -> tuple[dict[str, Any], QuerySet[Sample]]:
    """What is shown of a batch for this reviewer, and the queue that it is from."""
    classes = list(dataset.classes.current())
    is_closed = seals.closed(dataset)
    groups: list[Group] = []
    chosen, number = None, 0
    if wanted.queue:
        waiting = in_queue(dataset, request.user, wanted.queue).order_by("pk")
        number = held_queues(dataset, request.user).get(wanted.queue, 0) if besides else 0
    elif dataset.policy == Policy.CONSENSUS:
        waiting = Sample.objects.none()
    else:
        waiting = _filtered(to_review(dataset, request.user).order_by("pk"), wanted)
        groups = review_groups(dataset, request.user, waiting, besides)
        number = sum(group.number for group in groups)
        chosen = _chosen(in_turn(groups, classes, wanted.label), wanted.label, besides)
        waiting = part(waiting, chosen.label, is_closed) if chosen else waiting.none()
    if not may_go_ahead(number, besides, wanted.size):
        waiting = waiting.none()
    batch = actions.lease_samples(
        waiting.select_related("label"),
        request.user,
        size=wanted.size,
        first=Q(disputed=True),
        held=besides,
    )
    if is_closed:
        seals.mask(batch.samples, dataset, _("sealed"))
    shown = {
        "batch": batch,
        "samples": batch.samples,
        "cells": _cells(batch.samples, wanted.queue),
        "classes": classes,
        "groups": groups,
        "chosen": chosen,
        "oldest": min((each.oldest for each in groups if each.oldest), default=None),
        "queue": wanted.queue,
    }
    return shown, waiting


def _cells(samples: Sequence[Sample], queue: str) -> list[tuple[Sample, Said]]:
    """Each with what people said about it, in the queues where that is the question."""
    said = said_about(samples) if queue else {}
    return [(sample, said.get(sample.pk, Said())) for sample in samples]


def _filtered(waiting: QuerySet[Sample], wanted: Asked) -> QuerySet[Sample]:
    names = {"contributor": "contributor__username"}
    return waiting.filter(**{names.get(key, key): each for key, each in wanted.filters.items()})


def _chosen(turn: Sequence[Group], wanted: str, besides: Collection[UUID]) -> Group | None:
    """The class that was asked for; else, and once a page goes on by itself, the next free one.

    A page that has a batch of the class already is not told that the rest of it is handed out.
    """
    free = next((group for group in turn if group.free), None)
    if besides:
        return free
    named = next((group for group in turn[:1] if group.key == wanted), None)
    return named or free or next(iter(turn), None)


def _decide(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """One decision about all ticked samples, for a browser without JavaScript."""
    form = DecisionsForm(request.POST, dataset=dataset)
    if "note" in form.errors:
        raise invalid("note_too_long", str(form.errors["note"][0]), field="note")
    if not form.is_valid():
        raise invalid("nothing_chosen", _("Tick at least one, then press what to do with it."))
    said = form.cleaned_data
    decisions = [
        Decision(
            sample,
            said["decision"],
            said["label"].pk if said["label"] else None,
            said["reason"],
            said["note"],
        )
        for sample in said["sample"]
    ]
    _tell(request, actions.review_samples(dataset, request.user, decisions))
    back = {"label": request.POST.get("group", ""), "queue": request.POST.get("queue", "")}
    query = urlencode({name: value for name, value in back.items() if value})
    return redirect(f"{reverse('review', args=[dataset.slug])}?{query}")


def _tell(request: HttpRequest, result: ReviewResult) -> None:
    decided = len(result.decided)
    if decided:
        messages.success(request, _("Decided: %(n)s.") % {"n": decided})
    for refusal in {each["detail"] for each in result.refused}:
        messages.error(request, refusal)


@require_POST
@login_required
def review_undo(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    reopened = actions.undo_review(dataset, request.user)
    messages.success(request, _("Undone: %(n)s.") % {"n": len(reopened)})
    query = f"?sample={reopened[0]}" if reopened else ""
    return redirect(f"{reverse('review', args=[slug])}{query}")


@require_POST
@login_required
def review_return(request: HttpRequest, slug: str) -> HttpResponse:
    """Give the rest of a batch back."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    returned = actions.end_lease(lease_of(request.POST.get("lease", "")), request.user)
    messages.success(request, _("Given back: %(n)s.") % {"n": returned})
    return redirect("dataset", slug)


@require_POST
@login_required
def sample_appeal(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Sample.objects.visible_to(request.user), pk=pk)
    actions.appeal_rejection(found, request.user, request.POST.get("note", ""))
    messages.success(request, _("Another reviewer looks at it again."))
    return redirect("sample", pk)
