"""Changes of the classes over HTTP: propose, look, approve, decline, take back."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import READ_ANY, DatasetScoped, checked
from apps.datasets.changes import preview_revert
from apps.datasets.models import Role, SchemaChange
from apps.datasets.permissions import require
from apps.datasets.serializers.changes import (
    ChangeSerializer,
    OneChangeSerializer,
    ProposalSerializer,
    WayBackSerializer,
    WhySerializer,
)

PEOPLE = ("by", "decided_by", "reverted_by")


class Changes(DatasetScoped, generics.ListAPIView[SchemaChange]):
    serializer_class = ChangeSerializer
    permission_classes = READ_ANY

    def get_queryset(self) -> QuerySet[SchemaChange]:
        if getattr(self, "swagger_fake_view", False):
            return SchemaChange.objects.none()
        found: QuerySet[SchemaChange] = self.dataset.changes.select_related(*PEOPLE)
        return found

    @extend_schema(request=ProposalSerializer, responses={201: OneChangeSerializer})
    def post(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        require(request.user, dataset, Role.MAINTAINER)
        data = checked(ProposalSerializer, request)
        data["label"] = get_object_or_404(dataset.classes, pk=data["label"])
        if data["into"] is not None:
            data["into"] = get_object_or_404(dataset.classes, pk=data["into"])
        change = actions.propose_change(dataset, request.user, **data)
        return Response(OneChangeSerializer(change).data, status.HTTP_201_CREATED)


class _OfOneChange(DatasetScoped, APIView):
    def change(self, key: int) -> SchemaChange:
        found = self.dataset.changes.select_related("dataset", "label", "into", *PEOPLE)
        return get_object_or_404(found, pk=key)


class OneChange(_OfOneChange):
    permission_classes = READ_ANY

    @extend_schema(responses=OneChangeSerializer)
    def get(self, request: Request, slug: str, change: int) -> Response:
        return Response(OneChangeSerializer(self.change(change)).data)


class ApproveChange(_OfOneChange):
    @extend_schema(request=None, responses=OneChangeSerializer)
    def post(self, request: Request, slug: str, change: int) -> Response:
        found = self.change(change)
        actions.approve_change(found, request.user)
        return Response(OneChangeSerializer(found).data)


class DeclineChange(_OfOneChange):
    @extend_schema(request=WhySerializer, responses=OneChangeSerializer)
    def post(self, request: Request, slug: str, change: int) -> Response:
        found = self.change(change)
        actions.decline_change(found, request.user, **checked(WhySerializer, request))
        return Response(OneChangeSerializer(found).data)


class RevertChange(_OfOneChange):
    @extend_schema(responses=WayBackSerializer)
    def get(self, request: Request, slug: str, change: int) -> Response:
        """How many samples would go back, and how many would stay. Changes nothing."""
        found = self.change(change)
        require(request.user, found.dataset, Role.MAINTAINER)
        return Response(WayBackSerializer(preview_revert(found)).data)

    @extend_schema(request=WhySerializer, responses=OneChangeSerializer)
    def post(self, request: Request, slug: str, change: int) -> Response:
        found = self.change(change)
        actions.revert_change(found, request.user, **checked(WhySerializer, request))
        return Response(OneChangeSerializer(found).data)
