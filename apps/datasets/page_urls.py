"""Addresses of the data side's pages."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []
