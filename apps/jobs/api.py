"""Jobs over HTTP: parse, call an action, render."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import blobs
from apps.datasets.api.scope import READ_ANY, DatasetScoped, allowed, checked, version_of
from apps.errors import invalid
from apps.jobs import actions
from apps.jobs.models import Artifact, MetricPoint, TrainingJob
from apps.jobs.serializers import (
    ArtifactSerializer,
    JobSerializer,
    OneJobSerializer,
    PointSerializer,
    PointsSerializer,
    ProposeSerializer,
    RejectSerializer,
)

POINTS = 2000
SANDBOX = "default-src 'none'; sandbox"
MEDIA_TYPES = {".json": "application/json", ".csv": "text/csv", ".txt": "text/plain"}


def job_of(user: Any, uuid: Any) -> TrainingJob:
    """A job that this user may see."""
    visible = TrainingJob.objects.visible_to(user)
    found: TrainingJob = get_object_or_404(
        visible.select_related("version__dataset", "member", "approved_by"), uuid=uuid
    )
    return found


class Jobs(DatasetScoped, generics.ListAPIView[TrainingJob]):
    serializer_class = JobSerializer
    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("status", enum=TrainingJob.Status.values),
            OpenApiParameter("version", int, description="number of a version"),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[TrainingJob]:
        if getattr(self, "swagger_fake_view", False):
            return TrainingJob.objects.none()
        found = TrainingJob.objects.filter(version__dataset=self.dataset)
        if wanted := allowed(self.request, "status", TrainingJob.Status.values):
            found = found.filter(status=wanted)
        if number := self.request.query_params.get("version", ""):
            found = found.filter(version__number=whole(number, "version"))
        return found.select_related("version__dataset", "member")

    @extend_schema(request=ProposeSerializer, responses={201: OneJobSerializer})
    def post(self, request: Request, slug: str) -> Response:
        if not request.user.is_authenticated:
            self.permission_denied(request)
        data = checked(ProposeSerializer, request)
        version = version_of(request, slug, data["version"])
        job = actions.propose_job(version, request.user, data["title"], data["config"])
        return Response(OneJobSerializer(job).data, status.HTTP_201_CREATED)


def whole(text: str, field: str) -> int:
    """A query parameter that has to be a number."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise invalid("invalid_filter", f"{field}: 0, 1, 2, …", field=field)
    return int(text)


class OneJob(APIView):
    permission_classes = READ_ANY

    @extend_schema(responses=OneJobSerializer)
    def get(self, request: Request, uuid: str) -> Response:
        return Response(OneJobSerializer(job_of(request.user, uuid)).data)


class Approve(APIView):
    @extend_schema(request=None, responses=OneJobSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        job = job_of(request.user, uuid)
        actions.approve_job(job, request.user)
        return Response(OneJobSerializer(job).data)


class Reject(APIView):
    @extend_schema(request=RejectSerializer, responses=OneJobSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        job = job_of(request.user, uuid)
        actions.reject_job(job, request.user, checked(RejectSerializer, request)["reason"])
        return Response(OneJobSerializer(job).data)


class Cancel(APIView):
    """Cancelled at once where no worker has it; else the worker ends the run and says so."""

    @extend_schema(request=None, responses=OneJobSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        job = job_of(request.user, uuid)
        actions.cancel_job(job, request.user)
        return Response(OneJobSerializer(job).data)


class Events(APIView):
    """Measurements in the order in which they were written, from `after` on."""

    permission_classes = READ_ANY

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="`next` of the answer before")],
        responses=PointsSerializer,
    )
    def get(self, request: Request, uuid: str) -> Response:
        job = job_of(request.user, uuid)
        after = whole(request.query_params.get("after", "0"), "after")
        # A job has one writer at a time (the fence), so its keys grow in the order of writing.
        found = MetricPoint.objects.filter(attempt__job=job, pk__gt=after)
        points = list(found.select_related("attempt").order_by("pk")[:POINTS])
        return Response(
            {
                "points": PointSerializer(points, many=True).data,
                "next": points[-1].pk if points else after,
                "done": job.over and len(points) < POINTS,
            }
        )


def artifacts_of(job: TrainingJob) -> QuerySet[Artifact]:
    """The files of the attempt that ended the job."""
    return Artifact.objects.filter(attempt__job=job, attempt__number=job.attempt_number)


class Artifacts(APIView):
    permission_classes = READ_ANY

    @extend_schema(responses=ArtifactSerializer(many=True))
    def get(self, request: Request, uuid: str) -> Response:
        found = artifacts_of(job_of(request.user, uuid))
        return Response(ArtifactSerializer(found, many=True).data)


class OneArtifact(APIView):
    """The file itself."""

    permission_classes = READ_ANY

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)}
    )
    def get(self, request: Request, uuid: str, role: str) -> FileResponse:
        job = job_of(request.user, uuid)
        artifact = get_object_or_404(artifacts_of(job), role=role)
        suffix = "." + artifact.name.rpartition(".")[2]
        response = FileResponse(
            blobs.open_blob(artifact.sha256),
            as_attachment=True,
            filename=f"{str(job.uuid)[:8]}-{artifact.name}",
            content_type=MEDIA_TYPES.get(suffix, "application/octet-stream"),
        )
        response["Content-Security-Policy"] = SANDBOX
        return response
