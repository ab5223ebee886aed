"""Leased batches and appeals over HTTP."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions, blind
from apps.datasets.api.scope import DatasetScoped, checked
from apps.datasets.models import Role, Sample
from apps.datasets.permissions import require
from apps.datasets.queues import to_review
from apps.datasets.searching import number
from apps.datasets.serializers.reviewing import (
    AppealSerializer,
    BatchSerializer,
    LeaseSerializer,
    ReturnSerializer,
)
from apps.datasets.serializers.samples import SampleSerializer
from apps.errors import RuleError, invalid

MOST = 120


class Batches(DatasetScoped, APIView):
    """A batch of pending samples that nobody else is given while you decide about them."""

    @extend_schema(
        request=None,
        parameters=[OpenApiParameter("size", int, description="1 to 120")],
        responses=BatchSerializer,
    )
    def post(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        require(request.user, dataset, Role.REVIEWER)
        size = number(request.query_params.get("size", "60"), "size")
        if not 1 <= size <= MOST:
            raise invalid("invalid_filter", f"size: 1 to {MOST}", field="size")
        queue = blind.with_answered(to_review(dataset, request.user), dataset, request.user)
        queue = queue.select_related("label", "contributor", "contribution")
        batch = actions.lease_samples(queue, request.user, size=size)
        return Response(BatchSerializer(batch, context={"request": request}).data)

    @extend_schema(request=LeaseSerializer, responses={200: None})
    def patch(self, request: Request, slug: str) -> Response:
        """Prolong the lease."""
        until = actions.renew_lease(checked(LeaseSerializer, request)["lease"], request.user)
        if until is None:
            raise RuleError("lease_ended", "The lease has ended: ask for a new batch.", status=410)
        return Response({"until": until})

    @extend_schema(request=ReturnSerializer, responses={200: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Give what is left of the batch back; with `until` only if it was not prolonged since."""
        sent = checked(ReturnSerializer, request)
        returned = actions.end_lease(sent["lease"], request.user, sent["until"])
        return Response({"returned": returned})


class Appeal(APIView):
    """Ask for a second look at the rejection of a sample of yours."""

    @extend_schema(request=AppealSerializer, responses=SampleSerializer)
    def post(self, request: Request, pk: int) -> Response:
        visible = Sample.objects.visible_to(request.user).select_related(
            "dataset", "label", "contributor", "contribution"
        )
        sample = get_object_or_404(visible, pk=pk)
        actions.appeal_rejection(sample, request.user, checked(AppealSerializer, request)["note"])
        return Response(SampleSerializer(sample, context={"request": request}).data)
