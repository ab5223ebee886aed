"""Reviewing: one class at a time, so that what does not belong stands out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.datasets import actions
from apps.datasets.actions import Decision, ReviewResult
from apps.datasets.actions.leasing import Batch, holders
from apps.datasets.forms import DecisionsForm
from apps.datasets.guidelines import to_html
from apps.datasets.models import (
    Annotation,
    Dataset,
    Hold,
    LabelClass,
    Policy,
    Review,
    Role,
    Sample,
    Scale,
)
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import require
from apps.datasets.queues import held_queues, in_queue, own_waiting, review_groups, to_review
from apps.errors import invalid

SIZES = (24, 60, 120)
# In the address, the group of samples that have no class yet.
NO_CLASS = "none"
# Queues beside the ordinary one, by the hold of their samples.
QUEUES = (Hold.APPEAL, Hold.EXPERT)


@login_required
def review(request: HttpRequest, slug: str) -> HttpResponse:
    """A leased batch of one class, or of one of the other queues."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    if request.method == "POST":
        return _decide(request, dataset)
    queue = request.GET.get("queue", "")
    if queue and queue not in QUEUES:
        raise invalid("invalid_filter", _("There is no such filter."), field="queue")
    wanted = _filters(request)
    classes = list(dataset.classes.current())
    groups = [] if dataset.policy == Policy.CONSENSUS else review_groups(dataset, request.user)
    chosen = None if queue else _chosen(groups, request.GET.get("label", ""), classes)
    batch, elsewhere = _hand_out(request, dataset, queue, chosen, wanted)
    context = frame(request, dataset, "review") | {
        "groups": groups,
        "queue": queue,
        "queues": held_queues(dataset, request.user),
        "chosen": chosen,
        "batch": batch,
        "samples": batch.samples,
        "elsewhere": elsewhere,
        "history": _history(batch.samples) if queue else {},
        "wanted": wanted,
        "scales": Scale.choices,
        "size": _size(request),
        "sizes": SIZES,
        "classes": classes,
        "reasons": Review.Reason.choices,
        "guidelines": to_html(dataset.guidelines),
        "own": own_waiting(dataset, request.user),
        "by_votes": dataset.policy == Policy.CONSENSUS,
    }
    response = render(request, "datasets/review.html", context)
    response.set_cookie("batch", str(_size(request)), max_age=365 * 86400, samesite="Lax")
    return response


def _size(request: HttpRequest) -> int:
    sent = request.GET.get("size") or request.COOKIES.get("batch", "")
    return int(sent) if sent in map(str, SIZES) else SIZES[1]


def _filters(request: HttpRequest) -> dict[str, str]:
    wanted = {name: request.GET.get(name, "") for name in ("source", "contributor", "scale")}
    if wanted["scale"] and wanted["scale"] not in map(str, Scale.values):
        raise invalid("invalid_filter", _("There is no such filter."), field="scale")
    return {name: value for name, value in wanted.items() if value}


def _hand_out(
    request: HttpRequest,
    dataset: Dataset,
    queue: str,
    chosen: "Group | None",
    wanted: dict[str, str],
) -> tuple[Batch, list[dict[str, Any]]]:
    """The batch of this reviewer, and where there is none for them now, who has the rest."""
    if queue:
        waiting = in_queue(dataset, request.user, queue)
    elif chosen:
        waiting = to_review(dataset, request.user).filter(label=chosen[0])
        names = {"contributor": "contributor__username"}
        waiting = waiting.filter(**{names.get(key, key): each for key, each in wanted.items()})
    else:
        return Batch([]), []
    waiting = waiting.select_related("label").order_by("pk")
    first = Q(disputed=True)
    batch = actions.lease_samples(waiting, request.user, size=_size(request), first=first)
    return batch, [] if batch.samples else holders(waiting)


def _history(samples: Sequence[Sample]) -> dict[int, list[str]]:
    """What was said about each sample of a queue where that matters, as lines."""
    lines: dict[int, list[str]] = {sample.pk: [] for sample in samples}
    said = Annotation.objects.filter(sample__in=lines).select_related("label", "by")
    for each in said:
        label = each.label.name if each.label else _("unsure")
        lines[each.sample_id].append(f"{each.by}: {label}")
    reviews = Review.objects.filter(sample__in=lines, decision__in=["reject", "appeal"])
    for review in reviews.select_related("by"):
        why = " ".join(filter(None, (review.get_reason_display(), review.note)))
        lines[review.sample_id].append(f"{review.by}: {review.get_decision_display()} – {why}")
    return lines


Group = tuple[LabelClass | None, int]


def _chosen(groups: list[Group], wanted: str, classes: list[LabelClass]) -> Group | None:
    """The group asked for; once it is done the next one in the order of the classes."""
    if not groups:
        return None
    order = [str(label.pk) for label in classes] + [NO_CLASS]
    start = order.index(wanted) if wanted in order else 0
    waiting = {str(label.pk) if label else NO_CLASS: (label, number) for label, number in groups}
    return next(waiting[key] for key in order[start:] + order[:start] if key in waiting)


def _decide(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """One decision about all ticked samples, for a browser without JavaScript."""
    form = DecisionsForm(request.POST, dataset=dataset)
    if not form.is_valid():
        raise invalid(
            "nothing_chosen", _("Tick at least one image, then press what to do with it.")
        )
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
        text = ngettext("%(n)s image is decided.", "%(n)s images are decided.", decided)
        messages.success(request, text % {"n": decided})
    for refusal in {each["detail"] for each in result.refused}:
        messages.error(request, refusal)


@require_POST
@login_required
def review_undo(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    reopened = len(actions.undo_review(dataset, request.user))
    text = ngettext(
        "%(n)s image waits for review again.", "%(n)s images wait for review again.", reopened
    )
    messages.success(request, text % {"n": reopened})
    return redirect("review", slug)


@require_POST
@login_required
def review_return(request: HttpRequest, slug: str) -> HttpResponse:
    """Give the rest of a batch back; also sent by the page as it is left."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    try:
        returned = actions.end_lease(UUID(request.POST.get("lease", "")), request.user)
    except ValueError:
        raise invalid("invalid_filter", _("There is no such batch."), field="lease") from None
    text = ngettext("%(n)s image is given back.", "%(n)s images are given back.", returned)
    messages.success(request, text % {"n": returned})
    return redirect("dataset", slug)


@require_POST
@login_required
def sample_appeal(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Sample.objects.visible_to(request.user), pk=pk)
    actions.appeal_rejection(found, request.user, request.POST.get("note", ""))
    messages.success(request, _("Another reviewer looks at it again."))
    return redirect("sample", pk)
