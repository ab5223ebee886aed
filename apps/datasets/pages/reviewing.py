"""Reviewing: one class at a time, so that what does not belong stands out."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.datasets import actions
from apps.datasets.actions import Decision, ReviewResult
from apps.datasets.forms import DecisionsForm
from apps.datasets.guidelines import to_html
from apps.datasets.models import Dataset, LabelClass, Review, Role
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import require
from apps.datasets.reads import review_groups, to_review
from apps.errors import invalid

SHOWN = 200
# In the address, the group of samples that have no class yet.
NO_CLASS = "none"


@login_required
def review(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.REVIEWER)
    if request.method == "POST":
        return _decide(request, dataset)
    groups = review_groups(dataset, request.user)
    classes = list(dataset.classes.current())
    chosen = _chosen(groups, request.GET.get("label", ""), classes)
    shown: list[Any] = []
    if chosen:
        waiting = to_review(dataset, request.user).filter(label=chosen[0])
        shown = list(waiting.select_related("label")[:SHOWN])
    context = frame(request, dataset, "review") | {
        "groups": groups,
        "chosen": chosen,
        "samples": shown,
        "classes": classes,
        "reasons": Review.Reason.choices,
        "guidelines": to_html(dataset.guidelines),
        "own": dataset.samples.filter(status="pending", contributor_id=request.user.pk).count(),
    }
    return render(request, "datasets/review.html", context)


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
    return redirect(
        f"{reverse('review', args=[dataset.slug])}?label={request.POST.get('group', '')}"
    )


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
    reopened = actions.undo_review(dataset, request.user)
    text = ngettext(
        "%(n)s image waits for review again.", "%(n)s images wait for review again.", reopened
    )
    messages.success(request, text % {"n": reopened})
    return redirect("review", slug)
