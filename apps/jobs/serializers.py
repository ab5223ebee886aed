"""How jobs look in JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.jobs.actions import why_waiting
from apps.jobs.models import Artifact, Attempt, MetricPoint, TrainingJob
from apps.jobs.reads import reason


class ProposeSerializer(serializers.Serializer[Any]):
    """`config` is a training.config.JobConfig; an empty object is a sensible job."""

    version = serializers.IntegerField(min_value=1)
    title = serializers.CharField(max_length=120)
    config = serializers.DictField()


class RejectSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    worker = serializers.CharField(source="worker.name", read_only=True)

    class Meta:
        model = Attempt
        fields = (
            "number",
            "worker",
            "status",
            "code",
            "exit_code",
            "progress",
            "created_at",
            "first_step_at",
            "ended_at",
        )


class JobSerializer(serializers.ModelSerializer[TrainingJob]):
    dataset = serializers.CharField(source="version.dataset.slug", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    member = serializers.CharField(source="member.username", read_only=True)
    reason = serializers.SerializerMethodField()

    class Meta:
        model = TrainingJob
        fields = (
            "uuid",
            "dataset",
            "version",
            "member",
            "title",
            "status",
            "config",
            "config_sha256",
            "plan",
            "attempt_number",
            "code",
            "reason",
            "detail",
            "result",
            "created_at",
            "queued_at",
            "started_at",
            "ended_at",
        )

    def get_reason(self, job: TrainingJob) -> str:
        return reason(job)


class WaitingSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()


class OneJobSerializer(JobSerializer):
    """With what it waits for and its attempts."""

    waiting = serializers.SerializerMethodField()
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta(JobSerializer.Meta):
        fields = (*JobSerializer.Meta.fields, "waiting", "attempts")  # type: ignore[assignment]

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, job: TrainingJob) -> dict[str, str] | None:
        found = why_waiting(job)
        return found._asdict() if found else None


class PointSerializer(serializers.ModelSerializer[MetricPoint]):
    attempt = serializers.IntegerField(source="attempt.number", read_only=True)

    class Meta:
        model = MetricPoint
        fields = ("attempt", "seq", "kind", "epoch", "step", "data")


class PointsSerializer(serializers.Serializer[Any]):
    points = PointSerializer(many=True)
    next = serializers.IntegerField(help_text="Send this as `after` to get what comes later.")
    done = serializers.BooleanField(help_text="Nothing comes later.")


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    class Meta:
        model = Artifact
        fields = ("role", "name", "sha256", "size", "created_at")
