"""Samples over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from apps.datasets import blind
from apps.datasets.api.scope import (
    READ_ANY,
    DatasetScoped,
)
from apps.datasets.models import Sample
from apps.datasets.searching import CHOICES, find_samples, read_filters
from apps.datasets.serializers.samples import SampleSerializer


class Samples(DatasetScoped, generics.ListAPIView[Sample]):
    serializer_class = SampleSerializer
    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("label", description="id of a class, or none"),
            OpenApiParameter("status", enum=CHOICES["status"]),
            OpenApiParameter("split", enum=CHOICES["split"]),
            OpenApiParameter("hold", enum=CHOICES["hold"]),
            OpenApiParameter("scale", enum=CHOICES["scale"], description="0 tiny to 3 large"),
            OpenApiParameter("disputed", enum=CHOICES["disputed"]),
            OpenApiParameter("source"),
            OpenApiParameter("contributor", description="a username"),
            OpenApiParameter("group", description="what stays in one split: a group's name"),
            OpenApiParameter("q", description="words inside a text"),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        found = find_samples(self.dataset, read_filters(self.request.query_params))
        found = blind.with_answered(found, self.dataset, self.request.user)
        return found.select_related("label", "contributor", "contribution")
