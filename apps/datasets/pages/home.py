"""The start page, and the list of datasets."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.datasets.models import Dataset
from apps.datasets.queues import waiting_for
from apps.datasets.reads import listed

SHOWN = 50
SHOWN_AT_HOME = 6


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this member, and the datasets they are in; a welcome for a visitor."""
    user = request.user
    visible = Dataset.objects.visible_to(user)
    if user.is_authenticated:
        mine = visible.filter(memberships__member=user)
        context = by_title(mine, user, f"{reverse('datasets')}?mine=yes") | {
            "waiting": waiting_for(user),
            "others": listed(visible.exclude(memberships__member=user)[:SHOWN_AT_HOME], user),
        }
    else:
        context = {"others": listed(visible[:SHOWN_AT_HOME], user)}
    return render(request, "datasets/home.html", context)


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """All that this reader may see, by title; with `mine` those that they are in."""
    user = request.user
    visible = found = Dataset.objects.visible_to(user)
    mine = user.is_authenticated and request.GET.get("mine") == "yes"
    if mine:
        found = found.filter(memberships__member=user.pk)
    words = request.GET.get("q", "").strip()
    if words:
        found = found.filter(Q(title__icontains=words) | Q(summary__icontains=words))
    after = request.GET.get("after", "")
    if after:
        last = get_object_or_404(visible, slug=after)
        found = found.filter(Q(title__gt=last.title) | Q(title=last.title, pk__gt=last.pk))
    kept = {"mine": "yes" if mine else "", "q": words}
    query = f"?{urlencode({name: value for name, value in kept.items() if value})}"
    context = by_title(found, user, query)
    context |= {"words": words, "mine": mine, "first_url": query if after else ""}
    return render(request, "datasets/datasets.html", context)


def by_title(found: QuerySet[Dataset], user: Any, query: str) -> dict[str, Any]:
    """One page of datasets, and the address that leads on."""
    rows = list(found.order_by("title", "pk")[: SHOWN + 1])
    more, rows = len(rows) > SHOWN, rows[:SHOWN]
    return {
        "datasets": listed(rows, user),
        "next_url": f"{query}&after={rows[-1].slug}" if more else "",
    }
