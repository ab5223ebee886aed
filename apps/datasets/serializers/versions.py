"""Versions in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets import seals
from apps.datasets.models import Dataset, Version


class FreezeSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class VersionSerializer(serializers.ModelSerializer[Version]):
    dataset = serializers.SlugRelatedField[Dataset](slug_field="slug", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Version
        fields = (
            "dataset",
            "number",
            "status",
            "notes",
            "created_by",
            "created_at",
            "approved_at",
            "classes",
            "counts",
            "changes",
            "credits",
            "sealed",
            "withdrawn",
            "checks",
            "size",
            "done",
            "digest",
            "manifest_sha256",
            "failure",
        )

    def get_counts(self, version: Version) -> dict[str, dict[str, int | None]]:
        """By class and split; null for what is sealed."""
        return seals.counts_of(version)
