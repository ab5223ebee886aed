"""Sample, and the two append-only histories of it: annotations and reviews."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.datasets.models.dataset import Dataset, LabelClass, Licence


class Split(models.TextChoices):
    TRAIN = "train", _("train")
    VALIDATION = "validation", _("validation")
    TEST = "test", _("test")


class Hold(models.TextChoices):
    """Why a pending sample is kept out of the ordinary queue; the empty value: it is not."""

    NONE = "", _("none")
    EXPERT = "expert", _("people disagree: an expert decides")
    APPEAL = "appeal", _("its rejection is appealed")
    LOOKALIKE = "lookalike", _("looks like an image of the test split")
    BRIDGE = "bridge", _("looks like images of two different splits")


class Scale(models.IntegerChoices):
    """The longer side of an image, coarsely, for filters."""

    TINY = 0, _("under 64 pixels")
    SMALL = 1, _("64 to 255 pixels")
    MEDIUM = 2, _("256 to 1023 pixels")
    LARGE = 3, _("1024 pixels and more")

    @classmethod
    def of(cls, width: int, height: int) -> "Scale":
        longer = max(width, height)
        return cls((longer >= 64) + (longer >= 256) + (longer >= 1024))


# A sample that came in resembling another, and is not withdrawn.
_LOOKALIKE = models.Q(lookalike_of__isnull=False) & ~models.Q(status="withdrawn")


class SampleQuerySet(models.QuerySet["Sample"]):
    def visible_to(self, user: Any) -> "SampleQuerySet":
        return self.filter(dataset__in=Dataset.objects.visible_to(user))

    def reviewable_by(self, user: Any) -> "SampleQuerySet":
        """Pending ones in the ordinary queue that this member may decide about: never one's own."""
        waiting = self.filter(status=Sample.Status.PENDING, hold=Hold.NONE)
        return waiting.exclude(contributor=user)


class Sample(models.Model):
    """One decoded, cleaned image, or one text. Its bytes are in the blob store as `blob_sha256`."""

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

    # Keys without an index of their own: the indexes below begin with them. Each index that could be
    # left out is a tenth of what it costs to freeze a million samples.
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="samples", db_index=False)
    contribution = models.ForeignKey(
        "datasets.Contribution", models.PROTECT, related_name="samples", db_index=False
    )
    contributor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    # The class as it stands (claimed while pending, settled once approved), copied from the newest
    # annotation so that lists need no join; null while nobody named a known class.
    label = models.ForeignKey(
        LabelClass, models.PROTECT, null=True, related_name="samples", db_index=False
    )
    # A folder's name that is no class yet: a maintainer may make it one.
    claimed_class = models.CharField(max_length=80, blank=True)
    # Why it is kept out of the ordinary queue; only a pending sample has one.
    hold = models.CharField(max_length=10, choices=Hold.choices, blank=True, default=Hold.NONE)
    # Its annotations name different classes.
    disputed = models.BooleanField(default=False)
    blob_sha256 = models.CharField(max_length=64)
    # Empty for a text.
    thumbnail_sha256 = models.CharField(max_length=64, blank=True)
    # Of the decoded pixels, or of the normalised text: the same content in other bytes.
    content_sha256 = models.CharField(max_length=64)
    # PDQ, 64 hex digits: pictures that look alike have few differing bits. Empty: not computed.
    pdq = models.CharField(max_length=64, blank=True)
    media_type = models.CharField(max_length=20)
    # Pixels after orientation; null for a text.
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    scale = models.PositiveSmallIntegerField(choices=Scale.choices, null=True)
    size = models.PositiveIntegerField()
    # The beginning of a text, for lists; empty for an image.
    excerpt = models.CharField(max_length=200, blank=True)
    # Copied from the manifest's row or the contribution, so that lists need no join.
    source = models.CharField(max_length=120, blank=True)
    licence = models.CharField(max_length=40, choices=Licence.choices)
    # What must stay on one side of the split: patient, device, scene; by default the cluster of
    # near-duplicates, which for most samples is the sample itself.
    group = models.CharField(max_length=80)
    # What was there and looked most like it when it came in. Lists of look-alikes have the index.
    lookalike_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    declared_split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    # Given once, when the group first enters a version; never changed after that.
    split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    # Handed out to one member at a time, by the database's clock; `lease` names the batch.
    leased_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    leased_until = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # When its bytes were erased after a withdrawal.
    erased_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = SampleQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["approved", "pending", "rejected", "withdrawn"]),
                name="sample_status",
            ),
            models.CheckConstraint(
                condition=models.Q(hold="") | models.Q(status="pending", hold__in=Hold.values),
                name="only_pending_is_held",
            ),
            # The same pixels twice in one dataset are a duplicate, whatever file they came in.
            models.UniqueConstraint(
                fields=["dataset", "content_sha256"],
                condition=~models.Q(status="withdrawn"),
                name="content_once",
            ),
            # Sending our own cleaned bytes back decodes to other pixels than the first source did.
            models.UniqueConstraint(
                fields=["dataset", "blob_sha256"],
                condition=~models.Q(status="withdrawn"),
                name="blob_once",
            ),
        )
        indexes = (
            # The review queue, and lists by status: one class at a time in the order of arrival.
            models.Index(fields=["dataset", "status", "hold", "label", "id"], name="samples_queue"),
            models.Index(fields=["dataset", "status", "id"], name="samples_by_status"),
            models.Index(fields=["dataset", "label", "id"], name="samples_by_class"),
            models.Index(fields=["dataset", "split", "id"], name="samples_by_split"),
            models.Index(fields=["dataset", "source", "id"], name="samples_by_source"),
            models.Index(fields=["dataset", "contributor", "id"], name="samples_by_contributor"),
            models.Index(fields=["dataset", "scale", "id"], name="samples_by_scale"),
            models.Index(fields=["dataset", "id"], name="samples_of_dataset"),
            models.Index(
                fields=["dataset", "id"], condition=models.Q(disputed=True), name="samples_disputed"
            ),
            # What people disagree about is handed out first. Its status is a column here, not part of the
            # condition: SQLite cannot tell that a parameter is the value which a condition names.
            models.Index(
                fields=["dataset", "status", "hold", "label", "id"],
                condition=models.Q(disputed=True),
                name="samples_disputed_queue",
            ),
            models.Index(fields=["dataset", "group", "id"], name="samples_of_group"),
            # Look-alikes, newest first; and by group, so that each group is listed once.
            models.Index(fields=["dataset", "id"], condition=_LOOKALIKE, name="samples_alike"),
            models.Index(
                fields=["dataset", "group", "id"],
                condition=_LOOKALIKE,
                name="samples_alike_by_group",
            ),
            # A contributor reads why theirs were rejected: a few among many.
            models.Index(
                fields=["dataset", "contributor", "id"],
                condition=models.Q(status="rejected"),
                name="samples_rejected",
            ),
            models.Index(fields=["contribution", "status"], name="samples_of_contribution"),
            models.Index(
                fields=["leased_to"],
                condition=models.Q(leased_to__isnull=False),
                name="samples_leased",
            ),
            # Erasing asks whether anybody else still uses a blob.
            models.Index(fields=["blob_sha256"], name="samples_by_blob"),
            models.Index(fields=["thumbnail_sha256"], name="samples_by_thumbnail"),
            models.Index(
                fields=["id"],
                condition=models.Q(status="withdrawn", erased_at=None),
                name="samples_to_erase",
            ),
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
        SCHEMA = "schema", _("change of the classes")

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    # Null: looked at it and could not tell.
    label = models.ForeignKey(
        LabelClass, models.PROTECT, null=True, related_name="+", db_index=False
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    role = models.CharField(max_length=10, choices=As.choices)
    # The change of the classes that wrote it, where one did.
    change = models.ForeignKey(
        "datasets.SchemaChange",
        models.PROTECT,
        null=True,
        related_name="annotations",
        db_index=False,  # the partial one below: few annotations have a change
    )
    # Annotations sent together are undone together; an undo writes the earlier label again.
    batch = models.UUIDField(default=uuid.uuid4)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)
        indexes = (
            models.Index(fields=["by", "-id"], name="annotations_of_member"),
            # Who was ever called so, sample by sample.
            models.Index(fields=["label", "sample"], name="annotations_of_class"),
            # What a change of the classes wrote: taking it back walks along, and asks for each.
            models.Index(
                fields=["change", "sample"],
                condition=models.Q(change__isnull=False),
                name="annotations_of_change",
            ),
        )

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
        APPEAL = "appeal", _("appealed")
        RELEASE = "release", _("released from its hold")

    class Reason(models.TextChoices):
        """Why a sample is rejected; `other` needs a note."""

        UNUSABLE = "unusable", _("cannot be used (blurred, dark, cut off)")
        OFF_TOPIC = "off_topic", _("shows something else entirely")
        AMBIGUOUS = "ambiguous", _("fits several classes")
        PRIVACY = "privacy", _("shows a person or private details")
        RIGHTS = "rights", _("the contributor may not share it")
        DUPLICATE = "duplicate", _("nearly the same as another one")
        OTHER = "other", _("other")

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="reviews")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    decision = models.CharField(max_length=8, choices=Decision.choices)
    label = models.ForeignKey(
        LabelClass, models.PROTECT, null=True, related_name="+", db_index=False
    )
    # The class before a fix, so that an undo can restore it.
    label_before = models.ForeignKey(
        LabelClass, models.PROTECT, null=True, related_name="+", db_index=False
    )
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


class Comment(models.Model):
    """What a member says about a sample: append-only, shown with its history."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="comments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField(_("comment"), max_length=2000)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.sample_id}: {self.text[:40]}"


class Skip(models.Model):
    """A member passed a sample over: it is not handed to them again for a while."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="skips")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["sample", "member"], name="skipped_once"),)

    def __str__(self) -> str:
        return f"{self.member_id} skipped {self.sample_id}"


class LookBand(models.Model):
    """One of a sample's twelve slices of its PDQ hash: an index by which look-alikes are found.

    `key` is the slice's number times 2^22 plus its bits (see apps.datasets.ingest.lookalike).
    """

    # The index below begins with it; one of its own would only mislead the planner.
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="+", db_index=False)
    sample = models.ForeignKey(Sample, models.CASCADE, related_name="+")
    key = models.IntegerField()

    class Meta:
        indexes = (models.Index(fields=["dataset", "key", "sample"], name="bands_by_key"),)

    def __str__(self) -> str:
        return f"{self.sample_id}: {self.key}"


class DeclaredGroup(models.Model):
    """Where the samples of a group that a contributor named are now.

    Look-alikes join groups, and then one name is left. Whoever comes later and is declared to be of
    the same patient must follow the others, whatever their group is called by then.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=80)
    group = models.CharField(max_length=80)
    # Look-alikes are in it that nobody declared to be: its samples cannot simply leave it any more.
    joined = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["dataset", "name"], name="declared_group_once"),
        )
        indexes = (models.Index(fields=["dataset", "group"], name="declared_by_group"),)

    def __str__(self) -> str:
        return f"{self.name} is in {self.group}"


class Tally(models.Model):
    """How many samples of a contribution are in each state: kept by apps.datasets.tallies.

    Counts on pages are sums over these few rows, never over the samples.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="tallies")
    contribution = models.ForeignKey(
        "datasets.Contribution", models.CASCADE, related_name="tallies"
    )
    # 0: no class yet. Not a foreign key: a null would not be unique.
    label = models.BigIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Sample.Status.choices)
    hold = models.CharField(max_length=10, choices=Hold.choices, blank=True)
    number = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["contribution", "label", "status", "hold"], name="one_tally"
            ),
        )
        indexes = (models.Index(fields=["dataset", "status"], name="tallies_of_dataset"),)

    def __str__(self) -> str:
        return f"{self.contribution_id}/{self.label}/{self.status}: {self.number}"
