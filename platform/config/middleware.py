"""Small rules for every request and response."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from allauth.usersessions.models import UserSession
from django.core.cache import caches
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_cache_control

from apps.errors import RuleError
from config.handlers import rule_error_page

View = Callable[[HttpRequest], HttpResponse]


class PrivateResponses:
    """What a member sees is theirs: no shared cache keeps it, and a browser asks again."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response


class NoNulls:
    """No text column takes a NUL character, and no person types one: refused before a view reads it.

    Looks at address, query and forms of either kind, which the check for CSRF has read by now. The
    API's views are exempt from that check and read their bodies themselves, which may be files: JSON
    fields and file names look for themselves.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if "\0" in request.path or "\0" in unquote(request.META.get("QUERY_STRING", "")):
            raise BadRequest("a NUL character in the address")
        is_form = request.method == "POST" and not getattr(view, "csrf_exempt", False)
        form = request.POST if is_form else QueryDict()
        if any("\0" in value for _name, values in form.lists() for value in values):
            raise BadRequest("a NUL character in the form")
        return None


class RuleErrorPages:
    """A refused action becomes a page (or a fragment, for htmx) that says why."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RuleError):
            return rule_error_page(request, error)
        return None


class SessionActivity:
    """When and from where a member was last here, for the list of their sessions.

    As allauth's own middleware, but once a minute for each session and process: that one writes a row
    for every request, ten thousand for ten thousand photos.
    """

    SECONDS = 60

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated:
            sent_by = (request.META.get("REMOTE_ADDR"), request.META.get("HTTP_USER_AGENT"))
            known = hash((request.session.session_key, request.user.pk, *sent_by))
            if caches["here"].add(f"seen:{known}", 1, self.SECONDS):
                UserSession.objects.create_from_request(request)
        return self.get_response(request)
