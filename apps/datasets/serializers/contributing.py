"""Contributions, files and receipts in JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.datasets import blind, seals
from apps.datasets.ingest.manifest import Problem
from apps.datasets.manifest_problems import sentence as said_of
from apps.datasets.models import Contribution, Dataset, Licence, Receipt, Split
from apps.datasets.reads import outcome_counts
from apps.datasets.receipts import sentence


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

    def to_representation(self, instance: Receipt) -> dict[str, Any]:
        """Its folders may name a class that is sealed, or that its reviewers must not be told."""
        if instance.sample and instance.sample.split == Split.TEST:
            if not hasattr(self, "_is_closed"):  # receipts of one answer are of one contribution
                self._is_closed = seals.closed(instance.sample.dataset)
            seals.cover(instance, self._is_closed)
        if instance.sample and "request" in self.context:  # else it is their own, just sent
            reader = self.context["request"].user
            if not hasattr(self, "_dataset"):
                self._dataset = instance.sample.dataset
            (instance,) = blind.covered([instance], self._dataset, reader)
        return told(instance)

    def get_reason(self, receipt: Receipt) -> str:
        return sentence(receipt)


def told(receipt: Receipt) -> dict[str, Any]:
    """The same by hand: building the serializer's fields costs ten times as much, for each file sent."""
    return {
        "id": receipt.pk,
        "name": receipt.name,
        "size": receipt.size,
        "source_sha256": receipt.source_sha256,
        "archive": receipt.archive,
        "outcome": receipt.outcome,
        "code": receipt.code,
        "reason": sentence(receipt),
        "sample": receipt.sample_id,
    }


class FileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, max_length=1000)
    name = serializers.CharField(
        max_length=4000, required=False, help_text="with its folders: train/cat/1.jpg"
    )


class AnnouncedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=4000)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    size = serializers.IntegerField(min_value=0)


class AnnounceSerializer(serializers.Serializer[Any]):
    files = AnnouncedSerializer(many=True)
    total_files = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, default=0
    )
    total_bytes = serializers.IntegerField(min_value=0, required=False, default=0)
    again = serializers.BooleanField(required=False, default=False)


class MissingSerializer(serializers.Serializer[Any]):
    missing = serializers.ListField(
        child=serializers.IntegerField(), help_text="places in the list that was sent"
    )


class ProblemSerializer(serializers.Serializer[Any]):
    """One line of a manifest that is wrong."""

    line = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.SerializerMethodField()

    def get_detail(self, problem: Problem) -> str:
        return said_of(problem)


class PartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="empty: these rows do not say it")
    rows = serializers.IntegerField()
    known = serializers.BooleanField(help_text="false: the dataset has no such class (yet)")


class ManifestReportSerializer(serializers.Serializer[Any]):
    """What a manifest would do or does; the lists hold at most the first hundred."""

    usable = serializers.BooleanField()
    rows = serializers.IntegerField()
    problem_count = serializers.IntegerField()
    problems = ProblemSerializer(many=True)
    note_count = serializers.IntegerField()
    notes = ProblemSerializer(many=True)
    columns = serializers.DictField(child=serializers.CharField())
    unused = serializers.ListField(child=serializers.CharField())
    classes = PartSerializer(many=True)
    class_count = serializers.IntegerField()
    new_class_count = serializers.IntegerField()
    splits = PartSerializer(many=True)
    licences = PartSerializer(many=True)
    sources = PartSerializer(many=True)
    groups = serializers.IntegerField()
    arrived = serializers.IntegerField(help_text="rows whose file has arrived")
    missing = serializers.IntegerField(help_text="rows whose file has not")
    missing_names = serializers.ListField(child=serializers.CharField())
    unnamed = serializers.IntegerField(help_text="files that arrived and have no row")
    unnamed_names = serializers.ListField(child=serializers.CharField())
    before = serializers.DictField(
        child=serializers.IntegerField(), help_text="what becomes of files that were read already"
    )
