"""The leaderboard's page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.datasets.models import Version
from apps.datasets.pages.scope import dataset_of, frame
from apps.jobs.api import whole
from apps.leaderboard.reads import WIDTH, Board, board_of


@require_safe
def leaderboard(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is where on one version, and which differences are real."""
    dataset = dataset_of(request, slug)
    number = request.GET.get("version", "")
    board = board_of(dataset, whole(number, "version") if number else None)
    trainable = board.version is not None and board.version.status == Version.Status.APPROVED
    context = frame(request, dataset, "leaderboard") | {
        "board": board,
        "width": WIDTH,
        "chain": _chain(board),
        "trainable": trainable,
    }
    return render(request, "leaderboard/leaderboard.html", context)


def _chain(board: Board) -> list[dict[str, Any]]:
    slug, version = board.dataset.slug, board.version
    address = reverse("version", args=[slug, version.number]) if version else ""
    jobs = f"{reverse('jobs', args=[slug])}?version={version.number}" if version else ""
    return [
        {
            "kind": _("Version"),
            "name": str(version.number) if version else _("none yet"),
            "url": address,
        },
        {"kind": _("Training jobs"), "name": _("all"), "url": jobs},
        {"kind": _("Leaderboard"), "name": board.dataset.title, "here": True},
    ]
