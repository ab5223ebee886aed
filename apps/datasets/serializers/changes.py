"""Changes of the classes in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets.changes import Preview, WayBack, describe, preview_change
from apps.datasets.models import SchemaChange


class ProposalSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SchemaChange.Kind.choices)
    label = serializers.IntegerField(help_text="id of the class")  # type: ignore[assignment]
    new_name = serializers.CharField(max_length=80, required=False, default="")
    into = serializers.IntegerField(required=False, allow_null=True, default=None)
    parts = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=50, default=list
    )
    why = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class WhySerializer(serializers.Serializer[Any]):
    why = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class TouchedSerializer(serializers.Serializer[Any]):
    approved = serializers.IntegerField()
    pending = serializers.IntegerField()
    rejected = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Preview]):
    touched = TouchedSerializer()
    versions = serializers.IntegerField(help_text="frozen versions, which stay as they are")
    told_as = serializers.CharField(help_text="what the next comparison calls it")


class WayBackSerializer(serializers.Serializer[WayBack]):
    back = serializers.IntegerField(help_text="samples that would go back")
    kept = serializers.IntegerField(help_text="samples that it moved and that would stay")


class ChangeSerializer(serializers.ModelSerializer[SchemaChange]):
    what = serializers.SerializerMethodField()
    # `label` is a name of DRF's own fields, too.
    label = serializers.PrimaryKeyRelatedField(read_only=True)  # type: ignore[assignment,var-annotated]
    by = serializers.CharField(source="by.username", read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, read_only=True)
    reverted_by = serializers.CharField(source="reverted_by.username", default=None, read_only=True)

    class Meta:
        model = SchemaChange
        fields = (
            "id",
            "kind",
            "status",
            "what",
            "label",
            "into",
            "old_name",
            "new_name",
            "parts",
            "why",
            "by",
            "at",
            "decided_by",
            "decided_at",
            "reverted_by",
            "reverted_at",
            "done",
        )

    def get_what(self, change: SchemaChange) -> str:
        return describe(change)


class OneChangeSerializer(ChangeSerializer):
    preview = serializers.SerializerMethodField()

    class Meta(ChangeSerializer.Meta):
        fields = (*ChangeSerializer.Meta.fields, "preview")  # type: ignore[assignment]

    def get_preview(self, change: SchemaChange) -> dict[str, Any]:
        return dict(PreviewSerializer(preview_change(change)).data)
