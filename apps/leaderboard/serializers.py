"""How the leaderboard looks in JSON."""

from typing import Any

from rest_framework import serializers

from apps.leaderboard.models import Entry


class EntrySerializer(serializers.ModelSerializer[Entry]):
    job = serializers.UUIDField(source="job.uuid", read_only=True)
    title = serializers.CharField(source="job.title", read_only=True)
    member = serializers.CharField(source="job.member.username", read_only=True)
    model = serializers.CharField(source="job.model_kind", read_only=True)
    optimizer = serializers.CharField(source="job.optimizer_kind", read_only=True)

    class Meta:
        model = Entry
        fields = (
            "rank",
            "member",
            "job",
            "title",
            "model",
            "optimizer",
            "accuracy",
            "ci_low",
            "ci_high",
            "macro_f1",
            "parameters",
            "train_seconds",
            "problem",
        )


class BoardSerializer(serializers.Serializer[Any]):
    dataset = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    metric = serializers.CharField()
    higher_is_better = serializers.BooleanField()
    samples = serializers.IntegerField(help_text="samples in the test split")
    tied = serializers.IntegerField(help_text="entries that share the first place")
    entries = EntrySerializer(many=True)
