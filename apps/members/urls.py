"""Addresses of this app."""

from django.urls import path
from django.urls.resolvers import URLPattern, URLResolver

from apps.members import api, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", pages.account, name="account"),
    path("account/tokens/", pages.tokens, name="tokens"),
    path("account/tokens/new/", pages.token_new, name="token_new"),
    path("account/tokens/<str:token_key>/revoke/", pages.token_revoke, name="token_revoke"),
    path("api/me/", api.Me.as_view(), name="api_me"),
    path("api/tokens/", api.Tokens.as_view(), name="api_tokens"),
    path("api/tokens/<str:token_key>/", api.Token.as_view(), name="api_token"),
]
