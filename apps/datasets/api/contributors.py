"""One member in one dataset, over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets.api.scope import READ_ANY, DatasetScoped
from apps.datasets.contributors import (
    brought_by,
    credited_versions,
    credits_in,
    may_see_inside,
    people_shown,
    rejected_samples,
)
from apps.datasets.models import Dataset, Role, Sample
from apps.datasets.pages.card import address_of
from apps.datasets.permissions import require
from apps.datasets.proportions import Share
from apps.datasets.records import Record, record_of, work_of
from apps.datasets.searching import number
from apps.datasets.serializers.samples import SampleSerializer

VERSIONS = 20


class OneContributor(DatasetScoped, APIView):
    """What a member brought, how much of it stood, and their lines of credit, the newest 20 versions'.

    Why something was rejected, agreement by class and their own decisions: for themselves and for
    reviewers.
    """

    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("before", int, description="a version: continue with earlier credits")
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, slug: str, username: str) -> Response:
        dataset = self.dataset
        member = get_object_or_404(people_shown(dataset, request.user), username=username)
        brought, record = brought_by(dataset, member), record_of(dataset, member)
        found = {
            "username": member.username,
            "brought": brought.total,
            "accepted": brought.approved,
            "corrected": record.agreement.tried - record.agreement.right,
            "pending": brought.pending,
            "rejected": brought.rejected,
            "withdrawn": brought.withdrawn,
            "agreement": _share(record.agreement),
            "counted_at": record.at,
        } | _credits(request, dataset, member)
        if may_see_inside(request.user, dataset, member):
            found |= _inside(dataset, member, record)
        return Response(found)


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    interval = [round(low / 100, 4), round(high / 100, 4)]
    return {"right": share.right, "of": share.tried, "interval_95": interval}


def _credits(request: Request, dataset: Dataset, member: Any) -> dict[str, Any]:
    """`credits_before`: what continues with the versions before these, or null."""
    found = credited_versions(dataset)
    if before := request.query_params.get("before", ""):
        found = found.filter(number__lt=number(before, "before"))
    versions = list(found[: VERSIONS + 1])
    more, versions = len(versions) > VERSIONS, versions[:VERSIONS]
    lines = [
        {
            "version": each.version.number,
            "samples": each.samples,
            "corrected": each.corrected,
            "line": each.line(member.username, address_of(request, each.version)),
        }
        for each in credits_in(versions, member.username)
    ]
    return {"credits": lines, "credits_before": versions[-1].number if more else None}


def _inside(dataset: Dataset, member: Any, record: Record) -> dict[str, Any]:
    work = work_of(dataset, member)
    names = dict(dataset.classes.values_list("pk", "name"))
    shares = record.enough.items()
    return {
        "counted_at": min(record.at, work.at),
        "agreement_by_class": {names[label]: _share(share) for label, share in shares},
        "rejected_by_reason": record.reasons,
        "decisions": work.decisions,
        "decided_again": _share(work.second),
    }


class RejectedSerializer(SampleSerializer):
    reason = serializers.CharField(source="why")
    note = serializers.CharField()
    decided_at = serializers.DateTimeField()
    appealed = serializers.BooleanField()

    class Meta(SampleSerializer.Meta):
        fields = (*SampleSerializer.Meta.fields, "reason", "note", "decided_at", "appealed")  # type: ignore[assignment]

    def to_representation(self, instance: Sample) -> dict[str, Any]:
        """A note is free text: of a sealed sample it might name the class."""
        found = super().to_representation(instance)
        return found | {"note": ""} if self.hides(instance) else found


class Rejected(DatasetScoped, generics.ListAPIView[Sample]):
    """What of a member's was rejected, and why: for themselves and for reviewers."""

    serializer_class = RejectedSerializer
    permission_classes = READ_ANY

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        dataset, viewer = self.dataset, self.request.user
        shown = people_shown(dataset, viewer)
        member = get_object_or_404(shown, username=self.kwargs["username"])
        if not may_see_inside(viewer, dataset, member):
            require(viewer, dataset, Role.REVIEWER)
        found = rejected_samples(dataset, member)
        return found.select_related("label", "contributor", "contribution")
