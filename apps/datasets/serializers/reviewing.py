"""Review in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets.models import (
    Review,
)
from apps.datasets.serializers.samples import SampleSerializer

# The largest id that a database holds: a larger one is no row's, and cannot even be looked for.
MAX_ID = 2**63 - 1


class DecisionSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField(min_value=0, max_value=MAX_ID)
    decision = serializers.ChoiceField(choices=["accept", "fix", "reject", "skip"])
    label = serializers.IntegerField(required=False, allow_null=True, default=None)  # type: ignore[assignment]
    reason = serializers.ChoiceField(
        choices=Review.Reason.choices, required=False, allow_blank=True, default=""
    )
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DecisionsSerializer(serializers.Serializer[Any]):
    decisions = DecisionSerializer(many=True)
    batch = serializers.UUIDField(
        required=False, help_text="your name for these: sent twice, they are decided once"
    )


class RefusedDecisionSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ReviewResultSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField()
    decided = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedDecisionSerializer(many=True)


class UndoSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField(
        required=False, default=None, help_text="which to undo; your newest one without it"
    )


class UndoneSerializer(serializers.Serializer[Any]):
    reopened = serializers.IntegerField()
    samples = serializers.ListField(child=serializers.IntegerField())

    @classmethod
    def of(cls, samples: list[int]) -> dict[str, Any]:
        return dict(cls({"reopened": len(samples), "samples": samples}).data)


class LeaseSerializer(serializers.Serializer[Any]):
    lease = serializers.UUIDField()


class ReturnSerializer(LeaseSerializer):
    until = serializers.DateTimeField(
        required=False, default=None, help_text="only if it was not prolonged beyond this"
    )


class AppealSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=500)


class BatchSerializer(serializers.Serializer[Any]):
    lease = serializers.UUIDField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    samples = SampleSerializer(many=True)
