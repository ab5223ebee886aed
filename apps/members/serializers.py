"""How members and their tokens look in the API."""

from typing import ClassVar

from rest_framework import serializers

from apps.members.models import ApiToken, User


class MeSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields: ClassVar = ("id", "username", "email", "date_joined")


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its secret: `key` is the secret's beginning, enough to tell it apart."""

    key = serializers.CharField(source="token_key", read_only=True)

    class Meta:
        model = ApiToken
        fields: ClassVar = ("key", "name", "created", "expiry", "last_used")
