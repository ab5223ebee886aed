"""A contribution's manifest over HTTP: the file is the body itself."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.actions.manifesting import manifest_in_force, not_used, read_bounded
from apps.datasets.api.contributing import CHUNK, RawParser
from apps.datasets.api.scope import allowed
from apps.datasets.permissions import contribution_for
from apps.datasets.serializers.contributing import ManifestReportSerializer

BODY: dict[Any, Any] = {"text/csv": OpenApiTypes.BINARY, "application/jsonl": OpenApiTypes.BINARY}


class Manifest(APIView):
    """What the files are: CSV or JSON lines with filename, label, group, source, licence, split."""

    parser_classes = [RawParser]

    @extend_schema(responses=ManifestReportSerializer)
    def get(self, request: Request, uuid: str) -> Response:
        report = manifest_in_force(contribution_for(request.user, uuid))
        return Response(ManifestReportSerializer(report).data)

    @extend_schema(
        parameters=[OpenApiParameter("dry_run", enum=["yes"], description="only look")],
        request=BODY,
        responses=ManifestReportSerializer,
    )
    def put(self, request: Request, uuid: str) -> Response:
        """Use it in place of the one in force; with dry_run only say what it would do."""
        contribution = contribution_for(request.user, uuid)
        look = allowed(request, "dry_run", ["yes"])
        verb = actions.check_manifest if look else actions.set_manifest
        report = verb(contribution, request.user, _body(request))
        if not report.usable and not look:
            raise not_used(report)
        return Response(ManifestReportSerializer(report).data)

    @extend_schema(
        parameters=[OpenApiParameter("folder", description="the folder that it lay in")],
        request=BODY,
        responses=ManifestReportSerializer,
    )
    def post(self, request: Request, uuid: str) -> Response:
        """Add its rows to those in force."""
        contribution = contribution_for(request.user, uuid)
        folder = request.query_params.get("folder", "")
        report = actions.add_to_manifest(contribution, request.user, _body(request), folder=folder)
        if not report.usable:
            raise not_used(report)
        return Response(ManifestReportSerializer(report).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uuid: str) -> Response:
        actions.drop_manifest(contribution_for(request.user, uuid), request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _body(request: Request) -> bytes:
    stream = request._request  # the body unread
    return read_bounded(iter(lambda: stream.read(CHUNK), b""))
