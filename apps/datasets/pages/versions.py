"""Versions: freeze one, watch it being built, check it, release it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions, seals
from apps.datasets.forms import FreezeForm, RetireForm
from apps.datasets.models import Dataset, Split, Version
from apps.datasets.pages.contributing import only_if_changed
from apps.datasets.pages.paging import paged
from apps.datasets.pages.samples import address, beyond
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.queues import wanting_successor
from apps.datasets.reads import next_freeze
from apps.datasets.release import TITLES, finding
from apps.errors import RuleError, invalid

SHOWN = 50


def version_of(request: HttpRequest, slug: str, number: int) -> Version:
    found: Version = get_object_or_404(
        Version.objects.visible_to(request.user).select_related(
            "dataset", "created_by", "approved_by"
        ),
        dataset__slug=slug,
        number=number,
    )
    return found


def versions(request: HttpRequest, slug: str) -> HttpResponse:
    """All versions, and for maintainers what a freeze would take in now."""
    dataset = dataset_of(request, slug)
    form = FreezeForm(request.POST or None, initial={"notes": _proposed(dataset)})
    if request.method == "POST" and form.is_valid():
        try:
            frozen = actions.freeze_version(dataset, request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
        else:
            return redirect("version", slug, frozen.number)
    context = frame(request, dataset, "versions")
    context |= {
        "form": form,
        "next": next_freeze(dataset) if context["can"]["maintain"] else None,
    }
    found = dataset.versions.select_related("created_by")
    context |= paged(request, found, SHOWN, key="number")
    return render(request, "datasets/versions.html", context)


def _proposed(dataset: Dataset) -> str:
    """What a freeze now would be for, where that is known: a successor after a withdrawal."""
    lacking = wanting_successor(dataset.versions.all()).first()
    if lacking is None:
        return ""
    text = ngettext(
        "Version %(number)s without the %(n)s sample that was withdrawn",
        "Version %(number)s without the %(n)s samples that were withdrawn",
        lacking.withdrawn,
    )
    return text % {"number": lacking.number, "n": lacking.withdrawn}


@require_safe
def version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    found = version_of(request, slug, number)
    context = frame(request, found.dataset, "versions") | {
        "version": found,
        "splits": Split.choices,
        "table": class_by_split(found),
        "totals": found.split_totals,
        "checks": [
            check | {"title": TITLES.get(check["check"], check["check"]), "finding": finding(check)}
            for check in found.checks
        ],
        "failed_checks": [check for check in found.checks if not check["passed"]],
        "retire_form": RetireForm(),
        "export": found.exports.first(),
        "chain": _chain(found),
        "jobs_url": address("jobs", slug),
        "leaderboard_url": address("leaderboard", slug),
        "job_new_url": job_new_url(found),
    }
    return render(request, "datasets/version.html", context)


def class_by_split(found: Version) -> list[dict[str, Any]]:
    """A row for each class: its counts in the order of the splits (None: sealed), what is known of its
    total, and that as a share."""
    looks = {item["name"]: item for item in found.classes}
    rows, shown = [], seals.counts_of(found)
    for name in found.class_names:
        counts = list(shown[name].values())
        rows.append(
            {
                "name": name,
                "colour": looks[name].get("colour"),
                "counts": counts,
                "total": sum(number or 0 for number in counts),
            }
        )
    most = max((row["total"] for row in rows), default=0) or 1
    return [row | {"percent": round(100 * row["total"] / most, 2)} for row in rows]


def job_new_url(found: Version) -> str:
    if found.status != Version.Status.APPROVED or found.dataset.holds_texts:
        return ""
    return address("job_new", found.dataset.slug, found.number)


def _chain(found: Version) -> list[dict[str, Any]]:
    images = reverse("samples", args=[found.dataset.slug])
    link = {"kind": _("Version"), "name": str(found.number), "here": True}
    first = {
        "kind": _("Reviewed samples"),
        "name": str(found.size),
        "url": f"{images}?status=approved",
    }
    trainable = found.status in {Version.Status.APPROVED, Version.Status.RETIRED}
    return [first, link, *beyond(found.dataset, found if trainable else None)]


@require_safe
@only_if_changed
def version_live(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    context = {"version": version_of(request, slug, number)}
    return render(request, "datasets/_building.html", context)


@require_POST
@login_required
def version_approve(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    found = version_of(request, slug, number)
    actions.approve_version(found, request.user)
    messages.success(
        request, _("Version %(n)s is approved: models can be trained on it now.") % {"n": number}
    )
    return redirect("version", slug, number)


@require_POST
@login_required
def version_discard(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    actions.discard_version(version_of(request, slug, number), request.user)
    messages.success(request, _("Version %(n)s is set aside.") % {"n": number})
    return redirect("version", slug, number)


@require_POST
@login_required
def version_retire(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    form = RetireForm(request.POST)
    if not form.is_valid():
        raise invalid("invalid", " ".join(map(str, form.errors["why"])), field="why")
    why = form.cleaned_data["why"]
    actions.retire_version(version_of(request, slug, number), request.user, why)
    messages.success(request, _("Version %(n)s is retired: it takes no new jobs.") % {"n": number})
    return redirect("version", slug, number)


@require_POST
@login_required
def dataset_unseal(request: HttpRequest, slug: str) -> HttpResponse:
    actions.unseal(dataset_of(request, slug), request.user)
    messages.success(request, _("The test labels are open now, with the salts that prove them."))
    return redirect("versions", slug)
