"""Contributions, files and receipts over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import (
    DatasetScoped,
    allowed,
    checked,
    contribution_of,
)
from apps.datasets.models import Contribution, Receipt, Role
from apps.datasets.permissions import require
from apps.datasets.serializers.contributing import (
    ContributionSerializer,
    FileSerializer,
    OpenContributionSerializer,
    ReceiptSerializer,
)


class Contributions(DatasetScoped, generics.ListAPIView[Contribution]):
    serializer_class = ContributionSerializer

    def get_queryset(self) -> QuerySet[Contribution]:
        dataset = self.dataset
        require(self.request.user, dataset, Role.CONTRIBUTOR)
        return dataset.contributions.select_related("member", "dataset")

    @extend_schema(request=OpenContributionSerializer, responses={201: ContributionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        data = checked(OpenContributionSerializer, request)
        if data["default_class"] is not None:
            data["default_class"] = get_object_or_404(dataset.classes, pk=data["default_class"])
        contribution = actions.open_contribution(dataset, request.user, **data)
        return Response(ContributionSerializer(contribution).data, status.HTTP_201_CREATED)


class OneContribution(APIView):
    @extend_schema(responses=ContributionSerializer)
    def get(self, request: Request, uuid: str) -> Response:
        return Response(ContributionSerializer(contribution_of(request, uuid)).data)


class Files(APIView):
    """Send one file: an image, or a zip with class folders."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": FileSerializer}, responses={201: ReceiptSerializer}
    )
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        data = checked(FileSerializer, request)
        file = data["file"]
        name = data.get("name") or file.name or ""
        receipt = actions.receive_file(contribution, request.user, name=name, chunks=file.chunks())
        return Response(ReceiptSerializer(receipt).data, status.HTTP_201_CREATED)


class Finish(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        actions.finish_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Discard(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        actions.discard_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Receipts(generics.ListAPIView[Receipt]):
    serializer_class = ReceiptSerializer

    @extend_schema(parameters=[OpenApiParameter("outcome", enum=Receipt.Outcome.values)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Receipt]:
        if getattr(self, "swagger_fake_view", False):
            return Receipt.objects.none()
        found = contribution_of(self.request, self.kwargs["uuid"]).receipts.all()
        outcome = allowed(self.request, "outcome", Receipt.Outcome.values)
        return found.filter(outcome=outcome) if outcome else found
