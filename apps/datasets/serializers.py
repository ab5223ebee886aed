"""How the data side looks in JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.datasets.media import media_url
from apps.datasets.models import (
    Contribution,
    Dataset,
    LabelClass,
    Licence,
    Membership,
    Receipt,
    Review,
    Role,
    Sample,
    Version,
)
from apps.datasets.reads import outcome_counts
from apps.datasets.receipts import sentence


class LabelClassSerializer(serializers.ModelSerializer[LabelClass]):
    class Meta:
        model = LabelClass
        fields = ("id", "name", "colour", "key", "position")
        read_only_fields = ("id", "position")
        extra_kwargs = {"colour": {"required": False}, "key": {"required": False}}


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    classes = LabelClassSerializer(many=True, read_only=True)
    class_names = serializers.ListField(
        child=serializers.CharField(max_length=80), write_only=True, required=False, max_length=1000
    )
    slug = serializers.SlugField(max_length=60)

    class Meta:
        model = Dataset
        fields = (
            "slug",
            "title",
            "summary",
            "guidelines",
            "licence",
            "agreement",
            "task",
            "visibility",
            "flips_preserve_labels",
            "validation_percent",
            "test_percent",
            "classes",
            "class_names",
            "created_at",
        )
        read_only_fields = ("task", "created_at")


class DatasetUpdateSerializer(serializers.ModelSerializer[Dataset]):
    class Meta:
        model = Dataset
        fields = (
            "title",
            "summary",
            "guidelines",
            "licence",
            "agreement",
            "visibility",
            "flips_preserve_labels",
            "validation_percent",
            "test_percent",
        )


class NameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    member = serializers.CharField(source="member.username", read_only=True)

    class Meta:
        model = Membership
        fields = ("member", "role", "joined_at")


class InvitationSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)
    link = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)


class OpenContributionSerializer(serializers.Serializer[Any]):
    licence = serializers.ChoiceField(choices=Licence.choices)
    agreed = serializers.BooleanField()
    source = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)  # type: ignore[assignment]
    default_class = serializers.IntegerField(required=False, allow_null=True, default=None)


class ContributionSerializer(serializers.ModelSerializer[Contribution]):
    member = serializers.CharField(source="member.username", read_only=True)
    dataset = serializers.SlugRelatedField[Dataset](slug_field="slug", read_only=True)
    outcomes = serializers.SerializerMethodField()

    class Meta:
        model = Contribution
        fields = (
            "uuid",
            "dataset",
            "member",
            "status",
            "source",
            "licence",
            "created_at",
            "outcomes",
        )

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_outcomes(self, contribution: Contribution) -> dict[str, int]:
        return outcome_counts(contribution)


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Receipt
        fields = (
            "id",
            "name",
            "size",
            "source_sha256",
            "archive",
            "outcome",
            "code",
            "reason",
            "sample",
        )

    def get_reason(self, receipt: Receipt) -> str:
        return sentence(receipt)


class FileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, max_length=1000)
    name = serializers.CharField(
        max_length=4000, required=False, help_text="with its folders: train/cat/1.jpg"
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


class DecisionSerializer(serializers.Serializer[Any]):
    sample = serializers.IntegerField()
    decision = serializers.ChoiceField(choices=["accept", "fix", "reject"])
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


class FreezeSerializer(serializers.Serializer[Any]):
    notes = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class VersionSerializer(serializers.ModelSerializer[Version]):
    dataset = serializers.SlugRelatedField[Dataset](slug_field="slug", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)

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
            "checks",
            "size",
            "done",
            "digest",
            "manifest_sha256",
            "failure",
        )
