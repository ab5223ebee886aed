"""Looking at samples: a grid to browse, and one with its whole history."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions, blind, blobs, seals
from apps.datasets.clusters import group_size
from apps.datasets.models import (
    Dataset,
    Hold,
    Role,
    Sample,
    Scale,
    Split,
    Version,
)
from apps.datasets.pages.chips import chips, query_of, with_chosen
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.permissions import may
from apps.datasets.reads import contributors_of, sources_of, versions_with
from apps.datasets.searching import find_samples, moment, neighbours, read_filters
from apps.datasets.timeline import timeline
from apps.datasets.waits import wait_of

SHOWN = 96


@require_safe
def samples(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    wanted = read_filters(request.GET)
    found = find_samples(dataset, wanted)
    carried = query_of(wanted)
    address = f"{reverse('samples', args=[slug])}{carried or '?'}"
    page = paged(request, found.select_related("label"), SHOWN, query=address)
    shown = seals.mask(page["rows"], dataset, _("sealed"))
    shown = blind.mask(shown, dataset, request.user, _("hidden"))
    classes = list(dataset.classes.all())
    context = (
        frame(request, dataset, "samples")
        | page
        | {
            "samples": shown,
            "wanted": wanted,
            "carried": carried,
            "chips": chips(dataset, wanted, classes),
            "classes": [label for label in classes if label.retired_at is None],
            "statuses": Sample.Status.choices,
            "splits": Split.choices,
            "holds": [choice for choice in Hold.choices if choice[0]],
            "scales": [] if dataset.holds_texts else Scale.choices,
            "sources": with_chosen(sources_of(dataset), wanted["source"]),
            "contributors": with_chosen(contributors_of(dataset), wanted["contributor"]),
        }
    )
    only_grid = getattr(request, "htmx", False)
    return render(
        request, "datasets/_samples.html" if only_grid else "datasets/samples.html", context
    )


@require_safe
def sample(request: HttpRequest, pk: int) -> HttpResponse:
    """One sample and its chain, both ways: what it came from and what it went into."""
    visible = Sample.objects.visible_to(request.user)
    found = get_object_or_404(
        visible.select_related("dataset", "label", "contribution", "contributor"), pk=pk
    )
    dataset = found.dataset
    context = frame(request, dataset, "samples")
    inside = versions_with(found)
    own = found.contributor_id == request.user.pk
    # Its file name may hold the class, too.
    hidden = seals.hides(found)
    unanswered = blind.hides_answers(found, dataset, request.user)
    told = own or (may(request.user, dataset, Role.REVIEWER) and not unanswered)
    traceable = told and not hidden
    wait = wait_of(found, dataset)
    blind.mask(seals.mask([found], dataset, _("sealed")), dataset, request.user, _("hidden"))
    context |= {
        "sample": found,
        "hidden": hidden,
        "unanswered": unanswered,
        "wait": wait,
        "inside": inside,
        "traceable": traceable,
        "receipt": found.receipts.order_by("pk").first() if traceable else None,
        "group_size": group_size(found),
        "history": _history(request, found, hidden, unanswered),
        "statuses": dict(Sample.Status.choices),
        "withdrawn": found.status == Sample.Status.WITHDRAWN,
        "text": _text(found),
    }
    context["chain"] = _chain(found, inside, context["receipt"])
    context |= _trail(request, found)
    return render(request, "datasets/sample.html", context)


def _history(request: HttpRequest, found: Sample, hidden: bool, unanswered: bool) -> dict[str, Any]:
    before = moment(request.GET.get("earlier", ""), "earlier")
    lines = timeline(found, hidden=hidden, unanswered=unanswered, before=before)
    earlier = (
        f"?{urlencode({'earlier': lines.earlier.isoformat()})}#history" if lines.earlier else ""
    )
    return {
        "entries": lines.entries,
        "earlier_url": earlier,
        "all_url": "?#history" if before else "",
    }


def _trail(request: HttpRequest, found: Sample) -> dict[str, str]:
    """Where one came from: the list with its filters, and the samples beside this one in it."""
    wanted = read_filters(request.GET)
    carried = query_of(wanted)
    before, after = neighbours(find_samples(found.dataset, wanted), found.pk)

    def at(pk: int | None) -> str:
        return f"{reverse('sample', args=[pk])}{carried}" if pk else ""

    back = reverse("samples", args=[found.dataset.slug]) + carried
    return {"previous_url": at(before), "next_url": at(after), "back_url": back, "carried": carried}


def _text(found: Sample) -> str:
    """The whole of a text; empty for an image or what was withdrawn."""
    if found.media_type != "text/plain" or found.status == Sample.Status.WITHDRAWN:
        return ""
    return blobs.read(found.blob_sha256).decode()


def _chain(found: Sample, inside: list[Version], receipt: Any) -> list[dict[str, Any]]:
    """From the file to the leaderboard; what a reader may not follow has no address."""
    dataset = found.dataset
    batch = reverse("contribution", args=[found.contribution.uuid]) if receipt else ""
    newest = inside[-1] if inside else None
    version = reverse("version", args=[dataset.slug, newest.number]) if newest else ""
    return [
        {
            "kind": _("File"),
            "name": receipt.name.rpartition("/")[2] if receipt else "…",
            "url": batch,
        },
        {"kind": _("Contribution"), "name": found.contributor.username, "url": batch},
        {"kind": _("Sample"), "name": str(found.pk), "here": True},
        {
            "kind": _("Version"),
            "name": str(newest.number) if newest else _("none yet"),
            "url": version,
        },
        *beyond(dataset, newest),
    ]


def beyond(dataset: Dataset, version: Version | None) -> list[dict[str, Any]]:
    """The links above this app, by the names of their addresses."""
    jobs = leaderboard = ""
    if version:
        jobs = address("jobs", dataset.slug)
        leaderboard = address("leaderboard", dataset.slug)
    return [
        {
            "kind": _("Training jobs"),
            "name": _("all"),
            "url": f"{jobs}?version={version.number}" if jobs and version else "",
        },
        {"kind": _("Leaderboard"), "name": dataset.title, "url": leaderboard},
    ]


def address(name: str, *args: Any) -> str:
    """An address of an app above this one; empty in a site without that app."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@require_POST
@login_required
def sample_comment(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Sample.objects.visible_to(request.user), pk=pk)
    comment = actions.comment_on(found, request.user, request.POST.get("text", ""))
    return redirect(f"{reverse('sample', args=[pk])}#comment-{comment.pk}")
