"""Samples over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from apps.datasets import seals
from apps.datasets.api.scope import (
    READ_ANY,
    DatasetScoped,
    allowed,
)
from apps.datasets.models import Sample
from apps.datasets.serializers.samples import SampleSerializer
from apps.errors import invalid


class Samples(DatasetScoped, generics.ListAPIView[Sample]):
    serializer_class = SampleSerializer
    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("status", enum=Sample.Status.values),
            OpenApiParameter("label", int, description="id of a class"),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        found = Sample.objects.filter(dataset=self.dataset).select_related(
            "label", "contributor", "contribution"
        )
        if wanted := allowed(self.request, "status", Sample.Status.values):
            found = found.filter(status=wanted)
        if label := self.request.query_params.get("label", ""):
            if not label.isdigit():
                raise invalid("invalid_filter", "label: an id", field="label")
            return seals.without_hidden(found.filter(label=int(label)), self.dataset)
        return found

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return None if page is None else seals.mask(page, self.dataset)
