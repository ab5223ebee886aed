"""Two small rules for every response."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
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
