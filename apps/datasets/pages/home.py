"""The start page, and the list of datasets."""

from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
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
        context = {
            "waiting": waiting_for(user),
            "mine": listed(visible.filter(memberships__member=user)[:SHOWN], user),
            "others": listed(visible.exclude(memberships__member=user)[:SHOWN_AT_HOME], user),
        }
    else:
        context = {"others": listed(visible[:SHOWN_AT_HOME], user)}
    return render(request, "datasets/home.html", context)


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """All that this reader may see, by title."""
    found = Dataset.objects.visible_to(request.user)
    words = request.GET.get("q", "").strip()
    if words:
        found = found.filter(title__icontains=words) | found.filter(summary__icontains=words)
    if after := request.GET.get("after", ""):
        last = get_object_or_404(Dataset.objects.visible_to(request.user), slug=after)
        found = found.filter(Q(title__gt=last.title) | Q(title=last.title, pk__gt=last.pk))
    rows = list(found.order_by("title", "pk")[: SHOWN + 1])
    more, rows = len(rows) > SHOWN, rows[:SHOWN]
    query = urlencode({"q": words} if words else {})
    context = {
        "datasets": listed(rows, request.user),
        "words": words,
        "first_url": f"?{query}" if after else "",
        "next_url": f"?{query}&after={rows[-1].slug}" if more else "",
    }
    return render(request, "datasets/datasets.html", context)
