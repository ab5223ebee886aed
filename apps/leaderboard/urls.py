"""Addresses of the leaderboard."""

from django.urls import path
from django.urls.resolvers import URLPattern, URLResolver

from apps.leaderboard import api, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("datasets/<slug:slug>/leaderboard/", pages.leaderboard, name="leaderboard"),
    path(
        "api/datasets/<slug:slug>/leaderboard/",
        api.Leaderboard.as_view(),
        name="api_leaderboard",
    ),
]
