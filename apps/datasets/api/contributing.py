"""Contributions, files and receipts over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import (
    DatasetScoped,
    allowed,
    checked,
)
from apps.datasets.models import Contribution, Receipt, Role
from apps.datasets.permissions import contribution_for, require
from apps.datasets.serializers.contributing import (
    AnnounceSerializer,
    ContributionSerializer,
    FileSerializer,
    MissingSerializer,
    OpenContributionSerializer,
    ReceiptSerializer,
)

CHUNK = 2**16


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
        return Response(ContributionSerializer(contribution_for(request.user, uuid)).data)


class Files(APIView):
    """Send one file: an image, or a zip with class folders."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": FileSerializer}, responses={201: ReceiptSerializer}
    )
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_for(request.user, uuid)
        data = checked(FileSerializer, request)
        file = data["file"]
        name = data.get("name") or file.name or ""
        receipt = actions.receive_file(
            contribution, request.user, name=name, chunks=file.chunks(), size=file.size
        )
        return Response(ReceiptSerializer(receipt).data, status.HTTP_201_CREATED)


class Missing(APIView):
    """Announce files before sending them, and learn which have not arrived."""

    @extend_schema(request=AnnounceSerializer, responses=MissingSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_for(request.user, uuid)
        data = checked(AnnounceSerializer, request)
        files = [actions.Announced(**each) for each in data.pop("files")]
        missing = actions.announce_files(contribution, request.user, files, **data)
        return Response({"missing": missing})


class RawParser(BaseParser):
    """The body as it comes, read by the view."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


def content_length(request: Request) -> int:
    """Bytes of the body as its sender announced them; 0 where that is no number."""
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) <= 15 else 0


class RawFile(APIView):
    """Send one file as the body itself; its name and hash are in the address."""

    parser_classes = [RawParser]
    throttle_classes = ()  # files are bounded by their sender's room, not by requests a minute

    @extend_schema(
        parameters=[
            OpenApiParameter("name", required=True, description="with its folders"),
            OpenApiParameter("sha256", description="what the body must hash to"),
        ],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={201: ReceiptSerializer},
    )
    def put(self, request: Request, uuid: str) -> Response:
        stream = request._request  # the body unread: its own iterator reads line by line
        receipt = actions.receive_next(
            uuid,
            request.user,
            name=request.query_params.get("name", ""),
            chunks=iter(lambda: stream.read(CHUNK), b""),
            size=content_length(request),
            sha256=request.query_params.get("sha256", ""),
        )
        return Response(ReceiptSerializer(receipt).data, status.HTTP_201_CREATED)


class Reopen(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_for(request.user, uuid)
        actions.reopen_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Finish(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_for(request.user, uuid)
        actions.finish_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Discard(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_for(request.user, uuid)
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
        found = contribution_for(self.request.user, self.kwargs["uuid"]).receipts.select_related(
            "sample"
        )
        outcome = allowed(self.request, "outcome", Receipt.Outcome.values)
        return found.filter(outcome=outcome) if outcome else found
