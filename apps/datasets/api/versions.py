"""Versions over HTTP."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import (
    READ_ANY,
    DatasetScoped,
    checked,
    version_of,
)
from apps.datasets.models import Version
from apps.datasets.serializers.versions import FreezeSerializer, VersionSerializer


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
