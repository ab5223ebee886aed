"""API tokens: authentication."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.errors import RuleError
from apps.members.models import ApiToken, User


class TokenAuthentication(KnoxTokenAuthentication):
    """`Authorization: Token …`. Notes the day of the last use, so that dead tokens can be found."""

    def validate_user(self, auth_token: ApiToken) -> tuple[User, ApiToken]:
        user, token = super().validate_user(auth_token)
        today = datetime.now(UTC).date()
        if token.last_used != today:
            # A write a day, not one for every request.
            ApiToken.objects.filter(pk=token.pk).update(last_used=today)
        return user, token


def also_by_token(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """A safe view outside the API that a program may fetch with its token, too (files, images)."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "Authorization" in request.headers:
            try:
                found = TokenAuthentication().authenticate(Request(request))
            except AuthenticationFailed as error:
                raise RuleError("authentication_failed", str(error.detail), status=401) from None
            if found:
                request.user = found[0]
        return view(request, *args, **kwargs)

    return wrapped
