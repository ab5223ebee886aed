"""Versions over HTTP."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions, diffs
from apps.datasets.api.scope import (
    READ_ANY,
    DatasetScoped,
    checked,
    version_of,
)
from apps.datasets.models import Dataset, Version
from apps.datasets.pages.diff import found_between, page_of
from apps.datasets.serializers.versions import FreezeSerializer, VersionSerializer
from apps.errors import invalid


class Versions(DatasetScoped, generics.ListAPIView[Version]):
    serializer_class = VersionSerializer
    permission_classes = READ_ANY

    def get_queryset(self) -> QuerySet[Version]:
        if getattr(self, "swagger_fake_view", False):
            return Version.objects.none()
        return self.dataset.versions.select_related("dataset", "created_by")

    @extend_schema(request=FreezeSerializer, responses={201: VersionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        version = actions.freeze_version(
            self.dataset, request.user, **checked(FreezeSerializer, request)
        )
        return Response(VersionSerializer(version).data, status.HTTP_201_CREATED)


class OneVersion(APIView):
    permission_classes = READ_ANY

    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(VersionSerializer(version_of(request, slug, number)).data)


class ApproveVersion(APIView):
    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        version = version_of(request, slug, number)
        actions.approve_version(version, request.user)
        return Response(VersionSerializer(version).data)


class DiscardVersion(APIView):
    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        version = version_of(request, slug, number)
        actions.discard_version(version, request.user)
        return Response(VersionSerializer(version).data)


class Diff(DatasetScoped, APIView):
    """What changed from one version to another; with `kind`, the samples that changed so."""

    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("from", int, required=True),
            OpenApiParameter("to", int, required=True),
            OpenApiParameter("kind", enum=diffs.KINDS),
            OpenApiParameter("after", int, description="the last sample of the page before"),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, slug: str) -> Response:
        dataset = self.dataset  # before anything is said about what was asked
        start, end = (self._version(dataset, name) for name in ("from", "to"))
        found = found_between(start, end)["found"]
        if kind := request.query_params.get("kind", ""):
            rows, more = page_of(start, end, kind, request.query_params.get("after", ""))
            page = [{"id": row.sample_id, "sample": row.sample.blob_sha256} for row in rows]
            found = found | {"samples": page, "more": more}
        return Response(found)

    def _version(self, dataset: Dataset, name: str) -> Version:
        text = self.request.query_params.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) < 9):
            raise invalid("invalid_filter", f"{name}: the number of a version", field=name)
        found: Version = get_object_or_404(dataset.versions.exclude(digest=""), number=int(text))
        return found
