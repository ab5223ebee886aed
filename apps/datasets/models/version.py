"""Version: an immutable, content-hashed set of samples; VersionSpan: who is in which."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.datasets.models.dataset import Dataset, LabelClass
from apps.datasets.models.sample import Sample, Split


class VersionQuerySet(models.QuerySet["Version"]):
    def brief(self) -> "VersionQuerySet":
        """Without the tables that only a version's own page shows: for lists to choose from."""
        return self.defer("classes", "counts", "checks", "credits", "changes", "notes")

    def visible_to(self, user: Any) -> "VersionQuerySet":
        return self.filter(dataset__in=Dataset.objects.visible_to(user))


class Version(models.Model):
    class Status(models.TextChoices):
        BUILDING = "building", _("being frozen")
        DRAFT = "draft", _("draft")
        APPROVED = "approved", pgettext_lazy("version", "approved")
        RETIRED = "retired", _("retired")
        FAILED = "failed", _("failed")
        DISCARDED = "discarded", _("discarded")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.BUILDING: frozenset({Status.DRAFT, Status.FAILED}),
        Status.DRAFT: frozenset({Status.APPROVED, Status.DISCARDED}),
        Status.APPROVED: frozenset({Status.RETIRED}),
        Status.RETIRED: frozenset(),
        Status.FAILED: frozenset(),
        Status.DISCARDED: frozenset(),
    }

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    notes = models.CharField(_("what changed and why"), max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)
    # [{"id", "name", "colour"}] in their order when frozen: a model's outputs are in this order,
    # and a class renamed later keeps its old name here.
    classes = models.JSONField(default=list)
    # {class: {split: count}}, frozen with the version.
    counts = models.JSONField(default=dict)
    # [{"check": code, "passed": bool, "facts": {...}}]: what the release checks found.
    checks = models.JSONField(default=list)
    # [{"member", "samples", "corrected"}]: who brought how much of it, frozen with it.
    credits = models.JSONField(default=list)
    # {"number": "2.1.0", "since", "level", kind of change: count}: against the version before it.
    changes = models.JSONField(default=dict)
    # Its test labels are sealed: only their salted hashes are in the manifest.
    sealed = models.BooleanField(default=False)
    # How many of its samples were withdrawn after it was frozen.
    withdrawn = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    # Freezing happens in a worker: how far it is, and who holds it until when.
    done = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True)

    objects: ClassVar[Any] = VersionQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=["dataset", "number"], name="version_number_once"),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["approved", "building", "discarded", "draft", "failed", "retired"]
                ),
                name="version_status",
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(status="building"),
                name="one_build_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dataset.slug}@{self.number}"

    @property
    def class_names(self) -> list[str]:
        return [str(item["name"]) for item in self.classes]

    @property
    def split_totals(self) -> list[int]:
        """Samples in each split, in their order."""
        return [
            sum(per_split.get(split, 0) for per_split in self.counts.values())
            for split in Split.values
        ]


class VersionSpanQuerySet(models.QuerySet["VersionSpan"]):
    def of(self, version: Version) -> "VersionSpanQuerySet":
        """Who is in a version: one span for each of its samples."""
        later = models.Q(last=None) | models.Q(last__gte=version.number)
        return self.filter(later, dataset=version.dataset_id, first__lte=version.number)


class VersionSpan(models.Model):
    """A sample with one label belongs to the versions `first ≤ number ≤ last` (null: and on).

    A version that changes nothing for a sample adds no row, so a thousand versions of a million
    samples stay near a million rows.
    """

    # The indexes below begin with it; nobody looks spans up by class alone.
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="+", db_index=False)
    sample = models.ForeignKey(Sample, models.PROTECT, related_name="spans")
    label = models.ForeignKey(LabelClass, models.PROTECT, related_name="+", db_index=False)
    split = models.CharField(max_length=10, choices=Split.choices)
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField(null=True)

    objects: ClassVar[Any] = VersionSpanQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["sample"], condition=models.Q(last=None), name="one_open_span"
            ),
        )
        indexes = (
            models.Index(fields=["dataset", "first", "last"], name="spans_of_version"),
            models.Index(fields=["dataset", "last", "first"], name="spans_ended"),
        )

    def __str__(self) -> str:
        return f"sample {self.sample_id} in {self.first}…{self.last or ''}"


class GroupSplit(models.Model):
    """The split of a group: given once, when it first enters a version, and never changed.

    Samples carry a copy, so that lists and filters need no join.
    """

    # The constraint's index begins with it.
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="+", db_index=False)
    group = models.CharField(max_length=80)
    split = models.CharField(max_length=10, choices=Split.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["dataset", "group"], name="one_split_of_a_group"),
        )

    def __str__(self) -> str:
        return f"{self.group}: {self.split}"


class Export(models.Model):
    """A file made of a version by a worker, once, on demand."""

    class Kind(models.TextChoices):
        PARQUET = "parquet", _("Parquet, as Hugging Face datasets loads it")

    class Status(models.TextChoices):
        BUILDING = "building", _("being made")
        READY = "ready", pgettext_lazy("export", "ready")
        FAILED = "failed", _("failed")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.BUILDING: frozenset({Status.READY, Status.FAILED}),
        # Made again after a withdrawal or an unsealing.
        Status.READY: frozenset({Status.BUILDING}),
        Status.FAILED: frozenset({Status.BUILDING}),
    }

    version = models.ForeignKey(Version, models.CASCADE, related_name="exports")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    # [{"name", "sha256", "size", "withdrawn", "sealed"}]: its files, each a blob, and how the version
    # stood then. While it is made, {"sha256", "size"} of those that were begun.
    files = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "kind"], name="one_export_of_a_kind"),
            models.CheckConstraint(
                condition=models.Q(status__in=["building", "failed", "ready"]),
                name="export_status",
            ),
        )

    def __str__(self) -> str:
        return f"{self.version}: {self.kind}"
