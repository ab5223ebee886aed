"""Review in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets.models import (
    Review,
)
from apps.datasets.serializers.samples import SampleSerializer


class DecisionSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField()
    decision = serializers.ChoiceField(choices=["accept", "fix", "reject", "skip"])
    label = serializers.IntegerField(required=False, allow_null=True, default=None)  # type: ignore[assignment]
    reason = serializers.ChoiceField(
        choices=Review.Reason.choices, required=False, allow_blank=True, default=""
    )
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DecisionsSerializer(serializers.Serializer[Any]):
    decisions = DecisionSerializer(many=True)


class RefusedDecisionSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ReviewResultSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField()
    decided = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedDecisionSerializer(many=True)


class UndoneSerializer(serializers.Serializer[Any]):
    reopened = serializers.IntegerField()


class LeaseSerializer(serializers.Serializer[Any]):
    lease = serializers.UUIDField()


class AppealSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=500)


class BatchSerializer(serializers.Serializer[Any]):
    lease = serializers.UUIDField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    samples = SampleSerializer(many=True)
