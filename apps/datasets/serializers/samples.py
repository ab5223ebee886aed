"""Samples in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets import blind, seals
from apps.datasets.media import media_url
from apps.datasets.models import Dataset, Sample, Split


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
            "group",
            "lookalike_of",
            "split",
            "declared_split",
            "group",
            "source",
            "licence",
            "image",
        )

    def to_representation(self, instance: Sample) -> dict[str, Any]:
        """Without the class where it is sealed or the reader has to be blind, whichever view answers."""
        found = super().to_representation(instance)
        reader = self.context["request"].user
        if self.hides(instance) or blind.hides(instance, self._dataset(instance), reader):
            found |= {"label": None, "claimed_class": ""}
        return found

    def _dataset(self, sample: Sample) -> Dataset:
        """Read once for all of an answer: they are of one dataset."""
        if not hasattr(self, "_read"):
            self._read = sample.dataset
        return self._read

    def hides(self, sample: Sample) -> bool:
        """Whether its class is sealed; asked once for all of an answer: they are of one dataset."""
        if sample.split != Split.TEST:
            return False
        if not hasattr(self, "_is_closed"):
            self._is_closed = seals.closed(self._dataset(sample))
        return self._is_closed

    def get_image(self, sample: Sample) -> str:
        return media_url(sample, "image", self.context["request"].user)
