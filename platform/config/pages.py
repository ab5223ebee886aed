"""Pages that belong to no app."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def api_docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI from our own static files (no outside host)."""
    return render(request, "api_docs.html")
