"""Sample, and the two append-only histories of it: annotations and reviews."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.datasets.models.dataset import Dataset, LabelClass


class Split(models.TextChoices):
    TRAIN = "train", _("train")
    VALIDATION = "validation", _("validation")
    TEST = "test", _("test")


class SampleQuerySet(models.QuerySet["Sample"]):
    def visible_to(self, user: Any) -> "SampleQuerySet":
        return self.filter(dataset__in=Dataset.objects.visible_to(user))

    def reviewable_by(self, user: Any) -> "SampleQuerySet":
        """Pending ones that this member may decide about: never one's own."""
        return self.filter(status=Sample.Status.PENDING).exclude(contributor=user)


class Sample(models.Model):
    """One decoded, cleaned image. Its bytes are in the blob store under `blob_sha256`."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.WITHDRAWN}),
        Status.APPROVED: frozenset({Status.PENDING, Status.WITHDRAWN}),
        Status.REJECTED: frozenset({Status.PENDING, Status.WITHDRAWN}),
        Status.WITHDRAWN: frozenset(),
    }

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="samples")
    contribution = models.ForeignKey(
        "datasets.Contribution", models.PROTECT, related_name="samples"
    )
    contributor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    # The class as it stands (claimed while pending, settled once approved), copied from the newest
    # annotation so that lists need no join; null while nobody named a known class.
    label = models.ForeignKey(LabelClass, models.PROTECT, null=True, related_name="samples")
    # A folder's name that is no class yet: a maintainer may make it one.
    claimed_class = models.CharField(max_length=80, blank=True)
    blob_sha256 = models.CharField(max_length=64)
    thumbnail_sha256 = models.CharField(max_length=64)
    pixel_sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    # What must stay on one side of the split: patient, device, scene; by default the sample itself.
    group = models.CharField(max_length=80)
    declared_split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    # Given once, when the group first enters a version; never changed after that.
    split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = SampleQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["approved", "pending", "rejected", "withdrawn"]),
                name="sample_status",
            ),
            # The same pixels twice in one dataset are a duplicate, whatever file they came in.
            models.UniqueConstraint(
                fields=["dataset", "pixel_sha256"],
                condition=~models.Q(status="withdrawn"),
                name="pixels_once",
            ),
            # Sending our own cleaned bytes back decodes to other pixels than the first source did.
            models.UniqueConstraint(
                fields=["dataset", "blob_sha256"],
                condition=~models.Q(status="withdrawn"),
                name="blob_once",
            ),
        )
        indexes = (
            models.Index(fields=["dataset", "status", "label", "id"], name="samples_by_class"),
            models.Index(fields=["dataset", "group"], name="samples_of_group"),
            models.Index(fields=["contribution", "status"], name="samples_of_contribution"),
        )

    def __str__(self) -> str:
        return f"sample {self.pk}"


class Annotation(models.Model):
    """Append-only: who said which class, when, in which role."""

    class As(models.TextChoices):
        UPLOADER = "uploader", _("uploader")
        LABELLER = "labeller", _("labeller")
        REVIEWER = "reviewer", _("reviewer")
        GOLD = "gold", pgettext_lazy("annotation", "gold")
        MODEL = "model", _("model")

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    label = models.ForeignKey(LabelClass, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=As.choices)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.sample_id}: {self.label_id}"


class Review(models.Model):
    """Append-only: one reviewer's decision about one sample. Undoing adds a row, too."""

    class Decision(models.TextChoices):
        ACCEPT = "accept", pgettext_lazy("review", "accepted")
        FIX = "fix", _("fixed and accepted")
        REJECT = "reject", _("rejected")
        SKIP = "skip", _("skipped")
        UNDO = "undo", _("undone")

    class Reason(models.TextChoices):
        """Why a sample is rejected; `other` needs a note."""

        UNUSABLE = "unusable", _("cannot be used (blurred, dark, cut off)")
        OFF_TOPIC = "off_topic", _("shows something else entirely")
        AMBIGUOUS = "ambiguous", _("fits several classes")
        PRIVACY = "privacy", _("shows a person or private details")
        RIGHTS = "rights", _("the contributor may not share it")
        OTHER = "other", _("other")

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="reviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    label = models.ForeignKey(LabelClass, models.PROTECT, null=True, related_name="+")
    # The class before a fix, so that an undo can restore it.
    label_before = models.ForeignKey(LabelClass, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=12, choices=Reason.choices, blank=True)
    note = models.CharField(max_length=500, blank=True)
    # Decisions sent together are undone together.
    batch = models.UUIDField(default=uuid.uuid4)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index(fields=["by", "-id"], name="reviews_of_member"),
            models.Index(fields=["batch"], name="reviews_of_batch"),
        )

    def __str__(self) -> str:
        return f"{self.sample_id}: {self.decision}"
