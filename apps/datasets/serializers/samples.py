"""Samples in JSON."""

from rest_framework import serializers

from apps.datasets.media import media_url
from apps.datasets.models import (
    Sample,
)


class SampleSerializer(serializers.ModelSerializer[Sample]):
    # `label` is a name of DRF's own fields, too; the stubs take ours for an override of it.
    label = serializers.CharField(source="label.name", read_only=True, default=None)  # type: ignore[assignment]
    contributor = serializers.CharField(source="contributor.username", read_only=True)
    contribution = serializers.UUIDField(source="contribution.uuid", read_only=True)
    image = serializers.SerializerMethodField()

    class Meta:
        model = Sample
        fields = (
            "id",
            "status",
            "label",
            "claimed_class",
            "contributor",
            "contribution",
            "blob_sha256",
            "media_type",
            "width",
            "height",
            "split",
            "declared_split",
            "image",
        )

    def get_image(self, sample: Sample) -> str:
        return media_url(sample, "image", self.context["request"].user)
