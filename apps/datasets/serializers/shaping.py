"""Datasets, classes and people in JSON."""

from typing import Any

from rest_framework import serializers

from apps.datasets.models import (
    Dataset,
    LabelClass,
    Membership,
    Role,
)


class LabelClassSerializer(serializers.ModelSerializer[LabelClass]):
    class Meta:
        model = LabelClass
        fields = ("id", "name", "colour", "key", "position", "aliases")
        read_only_fields = ("id", "position", "aliases")
        extra_kwargs = {"colour": {"required": False}, "key": {"required": False}}


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    classes = LabelClassSerializer(source="current_classes", many=True, read_only=True)
    class_names = serializers.ListField(
        child=serializers.CharField(max_length=80), write_only=True, required=False
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
        read_only_fields = ("created_at",)


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
