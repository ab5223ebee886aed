"""Changes of the classes: proposed on a page of the class, decided about on a page of their own."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions
from apps.datasets.changes import MOVING, describe, preview_change, preview_revert, touched
from apps.datasets.forms import CHANGE_FORMS
from apps.datasets.models import Dataset, LabelClass, Role, SchemaChange
from apps.datasets.pages.contributing import only_if_changed
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.permissions import another_maintainer, require
from apps.errors import RuleError
from apps.state.models import Event

SHOWN = 50
PEOPLE = ("by", "decided_by", "reverted_by")


def change_of(request: HttpRequest, slug: str, key: int) -> SchemaChange:
    changes = SchemaChange.objects.filter(dataset__in=Dataset.objects.visible_to(request.user))
    found = changes.select_related("dataset", "label", "into", *PEOPLE)
    return get_object_or_404(found, dataset__slug=slug, pk=key)


@login_required
def change_new(request: HttpRequest, slug: str, label: int) -> HttpResponse:
    """The three things that can be done with a class, each with what it would come to."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.MAINTAINER)
    found: LabelClass = get_object_or_404(dataset.classes.current(), pk=label)
    kind = request.POST.get("kind", "")
    forms = {
        name: form(request.POST if name == kind else None, prefix=name, label=found)
        for name, form in CHANGE_FORMS.items()
    }
    sent = forms.get(kind)
    if sent is not None and sent.is_valid():
        try:
            what = sent.cleaned_data
            change = actions.propose_change(dataset, request.user, kind=kind, label=found, **what)
        except RuleError as error:
            refuse(sent, error)
        else:
            return redirect("change", slug, change.pk)
    context = frame(request, dataset, "overview") | {
        "label": found,
        "forms": forms,
        "touched": touched(dataset, found.pk),
    }
    return render(request, "datasets/change_new.html", context)


@require_safe
def changes(request: HttpRequest, slug: str) -> HttpResponse:
    """Every change there ever was, the newest first."""
    dataset = dataset_of(request, slug)
    found = dataset.changes.select_related("into", *PEOPLE)
    page = paged(request, found, SHOWN)
    changes = [(each, describe(each)) for each in page["rows"]]
    context = frame(request, dataset, "overview") | page | {"changes": changes}
    return render(request, "datasets/changes.html", context)


@require_safe
def change(request: HttpRequest, slug: str, change: int) -> HttpResponse:
    """What it says, what it comes to, where it stands, and what can be done about it now."""
    found = change_of(request, slug, change)
    dataset = found.dataset
    context = frame(request, dataset, "overview")
    maintains = context["can"]["maintain"]
    asked_back = "back" in request.GET and maintains
    applied = found.status == SchemaChange.Status.APPLIED
    context |= {
        "change": found,
        "what": describe(found),
        "preview": preview_change(found),
        "way_back": preview_revert(found) if asked_back and applied else None,
        "needs_another": maintains
        and found.by_id == request.user.pk
        and another_maintainer(dataset, request.user),
        "events": Event.objects.about(found).select_related("by"),
        "statuses": dict(SchemaChange.Status.choices),
        **progress(found),
    }
    return render(request, "datasets/change.html", context)


def progress(change: SchemaChange) -> dict[str, Any]:
    """How far it is. Nothing here may differ between two moments of rest."""
    total = change.facts.get("touched", {}).values()
    return {"change": change, "total": sum(total), "moving": change.status in MOVING}


@require_safe
@only_if_changed
def change_live(request: HttpRequest, slug: str, change: int) -> HttpResponse:
    context = progress(change_of(request, slug, change))
    return render(request, "datasets/_change_progress.html", context)


@require_POST
@login_required
def change_approve(request: HttpRequest, slug: str, change: int) -> HttpResponse:
    actions.approve_change(change_of(request, slug, change), request.user)
    messages.success(request, _("The change holds from now on."))
    return redirect("change", slug, change)


@require_POST
@login_required
def change_decline(request: HttpRequest, slug: str, change: int) -> HttpResponse:
    why = request.POST.get("why", "")
    actions.decline_change(change_of(request, slug, change), request.user, why)
    messages.success(request, _("The proposal is declined; nothing has changed."))
    return redirect("change", slug, change)


@require_POST
@login_required
def change_revert(request: HttpRequest, slug: str, change: int) -> HttpResponse:
    why = request.POST.get("why", "")
    actions.revert_change(change_of(request, slug, change), request.user, why)
    messages.success(request, _("The change is taken back."))
    return redirect("change", slug, change)
