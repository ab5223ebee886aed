"""The start page, and the list of datasets."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.datasets.models import Dataset
from apps.datasets.queues import waiting_for
from apps.datasets.reads import listed

SHOWN_AT_HOME = 6


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this member, and the datasets they are in; a welcome for a visitor."""
    user = request.user
    visible = Dataset.objects.visible_to(user)
    if user.is_authenticated:
        context = {
            "waiting": waiting_for(user),
            "mine": listed(visible.filter(memberships__member=user), user),
            "others": listed(visible.exclude(memberships__member=user)[:SHOWN_AT_HOME], user),
        }
    else:
        context = {"others": listed(visible[:SHOWN_AT_HOME], user)}
    return render(request, "datasets/home.html", context)


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    found = Dataset.objects.visible_to(request.user)
    words = request.GET.get("q", "").strip()
    if words:
        found = found.filter(title__icontains=words) | found.filter(summary__icontains=words)
    context = {"datasets": listed(found, request.user), "words": words}
    return render(request, "datasets/datasets.html", context)
