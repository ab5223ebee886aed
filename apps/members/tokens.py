"""API tokens: authentication."""

from datetime import UTC, datetime

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
