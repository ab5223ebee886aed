"""Review over HTTP."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions, blind
from apps.datasets.api.scope import (
    DatasetScoped,
    checked,
)
from apps.datasets.models import Role, Sample
from apps.datasets.permissions import require
from apps.datasets.queues import to_review
from apps.datasets.serializers.reviewing import (
    DecisionsSerializer,
    ReviewResultSerializer,
    UndoneSerializer,
    UndoSerializer,
)
from apps.datasets.serializers.samples import SampleSerializer


class Reviewable(DatasetScoped, generics.ListAPIView[Sample]):
    """Pending samples that you may decide about (never your own)."""

    serializer_class = SampleSerializer
    permission_classes = [IsAuthenticated]

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        dataset = self.dataset
        require(self.request.user, dataset, Role.REVIEWER)
        found = to_review(dataset, self.request.user)
        found = blind.with_answered(found, dataset, self.request.user)
        return found.select_related("label", "contributor", "contribution")

    @extend_schema(request=DecisionsSerializer, responses=ReviewResultSerializer)
    def post(self, request: Request, slug: str) -> Response:
        sent = checked(DecisionsSerializer, request)
        decisions = [
            actions.Decision(
                each["sample"], each["decision"], each["label"], each["reason"], each["note"]
            )
            for each in sent["decisions"]
        ]
        result = actions.review_samples(
            self.dataset, request.user, decisions, batch=sent.get("batch")
        )
        return Response(ReviewResultSerializer(result).data)


class Undo(DatasetScoped, APIView):
    @extend_schema(request=UndoSerializer, responses=UndoneSerializer)
    def post(self, request: Request, slug: str) -> Response:
        batch = checked(UndoSerializer, request)["batch"]
        return Response(UndoneSerializer.of(actions.undo_review(self.dataset, request.user, batch)))
