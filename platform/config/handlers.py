"""The one place where refusals and failures become HTTP."""

import logging
from typing import Any

from django.contrib import messages
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from apps.errors import RuleError

PROBLEM = "application/problem+json"
log = logging.getLogger(__name__)


def problem(error: RuleError) -> dict[str, Any]:
    """RFC 9457 members for a refusal: the code is stable, the detail is for people."""
    return {
        "type": f"urn:potluck:{error.code}",
        "title": error.code,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        **error.facts,
    }


def api_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal is problem+json with a code."""
    if isinstance(error, RuleError):
        set_rollback()
        return Response(problem(error), status=error.status, content_type=PROBLEM)
    response = exception_handler(error, context)
    if response is None:
        return None
    refusal = _as_refusal(error, response)
    headers = {
        name: response[name] for name in ("WWW-Authenticate", "Retry-After") if name in response
    }
    return Response(problem(refusal), response.status_code, headers=headers, content_type=PROBLEM)


def _as_refusal(error: Exception, response: Response) -> RuleError:
    if isinstance(error, exceptions.ValidationError):
        text = _("Some values are not right: see “errors” for each.")
        return RuleError("invalid", text, status=400, errors=response.data)
    if isinstance(error, Http404):
        return RuleError("not_found", _("There is nothing here, or it is not for you."), status=404)
    if isinstance(error, PermissionDenied):
        return RuleError("forbidden", str(error) or _("You may not do this."), status=403)
    code = getattr(error, "default_code", "error")
    detail = getattr(error, "detail", "")
    return RuleError(str(code), str(detail), status=response.status_code)


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or "application/json" in request.headers.get(
        "Accept", ""
    )


def rule_error_page(request: HttpRequest, error: RuleError) -> HttpResponse:
    """JSON for a script, a message on the page it came from for a form, else a page of its own."""
    if _wants_json(request):
        return JsonResponse(problem(error), status=error.status, content_type=PROBLEM)
    if getattr(request, "htmx", False):
        return render(request, "_refusal.html", {"error": error}, status=error.status)
    back = request.headers.get("Referer", "")
    if request.method == "POST" and url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        messages.error(request, error.message)
        return redirect(back)
    return render(request, "error.html", {"error": error}, status=error.status)


def _error(request: HttpRequest, code: str, text: str, number: int) -> HttpResponse:
    error = RuleError(code, text, status=number)
    if _wants_json(request):
        return JsonResponse(problem(error), status=number, content_type=PROBLEM)
    return render(request, "error.html", {"error": error}, status=number)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        text = _("This is more than the site takes at once. Send it in several parts.")
        return _error(request, "too_much_at_once", text, 413)
    return _error(request, "bad_request", _("The request could not be understood."), 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = str(exception) or _("You may not do this. Ask an owner of the dataset for the role.")
    return _error(request, "forbidden", text, status.HTTP_403_FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(
        request, "not_found", _("There is nothing at this address, or it is not for you."), 404
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(
        request,
        "server_error",
        _("Something broke on our side. Nothing you sent was half saved; try again in a moment."),
        500,
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.info("csrf refused: %s", reason)
    return _error(
        request,
        "csrf_failed",
        _(
            "This form was opened too long ago, or in another session. Go back, reload the page and "
            "send it again; nothing was changed."
        ),
        403,
    )
