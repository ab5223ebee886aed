"""The history of a sample over HTTP."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import blind, seals
from apps.datasets.api.scope import READ_ANY
from apps.datasets.models import Sample
from apps.datasets.searching import moment
from apps.datasets.timeline import timeline


class HistoryEntrySerializer(serializers.Serializer[Any]):
    """One thing that happened; what it has nothing of is empty or null."""

    anchor = serializers.CharField(help_text="its permalink on the sample's page")
    folded = serializers.ListField(child=serializers.CharField(), help_text="rows it stands for")
    kind = serializers.CharField(help_text="arrived, label, decision, status or comment")
    at = serializers.DateTimeField()
    by = serializers.CharField()
    role = serializers.CharField()
    label = serializers.CharField(source="label.name", default=None)  # type: ignore[assignment]
    label_before = serializers.CharField(source="before.name", default=None)
    decision = serializers.CharField()
    reason = serializers.CharField()
    note = serializers.CharField(help_text="of a comment: its text")
    was = serializers.CharField()
    became = serializers.CharField()
    change = serializers.IntegerField(source="change.pk", default=None)


class HistorySerializer(serializers.Serializer[Any]):
    entries = HistoryEntrySerializer(many=True)
    earlier = serializers.DateTimeField(allow_null=True, help_text="send it as `before`")


class History(APIView):
    """Who did what with a sample, in which role, when: the newest 200, in the order of time.

    Of a sample in a sealed test split nothing here tells the class; of one that is labelled
    independently nothing tells what others said until your own answer stands.
    """

    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("before", description="a time: continue with what is earlier")
        ],
        responses=HistorySerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        visible = Sample.objects.visible_to(request.user).select_related("dataset", "contributor")
        sample = get_object_or_404(visible, pk=pk)
        before = moment(request.query_params.get("before", ""), "before")
        unanswered = blind.hides_answers(sample, sample.dataset, request.user)
        found = timeline(sample, hidden=seals.hides(sample), unanswered=unanswered, before=before)
        return Response(HistorySerializer(found).data)
