"""Who am I, and which tokens do I have. A new token needs the password again: only pages make one."""

from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.members import actions
from apps.members.models import ApiToken, User
from apps.members.serializers import MeSerializer, TokenSerializer


class Me(generics.RetrieveAPIView[User]):
    """The member that this request is made for."""

    serializer_class = MeSerializer

    def get_object(self) -> User:
        return cast(User, self.request.user)


class Tokens(generics.ListAPIView[ApiToken]):
    """Your API tokens, without their secrets."""

    serializer_class = TokenSerializer
    pagination_class = None
    # For the description of the API, which is made without a member.
    queryset = ApiToken.objects.none()

    def get_queryset(self) -> QuerySet[ApiToken]:
        user = cast(User, self.request.user)
        mine: QuerySet[ApiToken] = ApiToken.objects.filter(user=user).order_by("-created")
        return mine


class Token(APIView):
    @extend_schema(responses={204: None}, operation_id="tokens_revoke")
    def delete(self, request: Request, token_key: str) -> Response:
        """Revoke a token; it may be the one that this request was made with."""
        actions.revoke_token(cast(User, request.user), token_key)
        return Response(status=status.HTTP_204_NO_CONTENT)
