"""API tokens: authentication, and how the API's description names it."""

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from knox.auth import TokenAuthentication as KnoxTokenAuthentication

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


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return build_bearer_security_scheme_object(
            header_name="Authorization", token_prefix=self.target.authenticate_header("")
        )
