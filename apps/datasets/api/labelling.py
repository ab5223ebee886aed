"""Labels over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.actions.labelling import SKIP, UNSURE
from apps.datasets.api.scope import DatasetScoped, checked
from apps.datasets.serializers.reviewing import (
    MAX_ID,
    RefusedDecisionSerializer,
    UndoneSerializer,
    UndoSerializer,
)


class LabelSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField(min_value=0, max_value=MAX_ID)
    # `label` is a name of DRF's own fields, too.
    label = serializers.IntegerField(required=False, allow_null=True, default=None)  # type: ignore[assignment]
    say = serializers.ChoiceField(choices=[UNSURE, SKIP], required=False)


class LabelsSerializer(serializers.Serializer[Any]):
    labels = LabelSerializer(many=True)
    batch = serializers.UUIDField(
        required=False, help_text="your name for these: sent twice, they are written once"
    )


class LabelledSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField()
    labelled = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedDecisionSerializer(many=True)


class Labels(DatasetScoped, APIView):
    """Say which class pending samples are: `label` is a class id; or `say` is unsure or skip."""

    @extend_schema(request=LabelsSerializer, responses=LabelledSerializer)
    def post(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        sent = checked(LabelsSerializer, request)
        labels = {each["sample"]: each.get("say") or each["label"] or 0 for each in sent["labels"]}
        result = actions.label_samples(dataset, request.user, labels, batch=sent.get("batch"))
        return Response(LabelledSerializer(result).data)


class UndoLabels(DatasetScoped, APIView):
    @extend_schema(request=UndoSerializer, responses=UndoneSerializer)
    def post(self, request: Request, slug: str) -> Response:
        batch = checked(UndoSerializer, request)["batch"]
        return Response(UndoneSerializer.of(actions.undo_labels(self.dataset, request.user, batch)))
