"""Contribution (a batch by one member) and Receipt (what became of each of its files)."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.datasets.models.dataset import Dataset, LabelClass, Licence
from apps.datasets.models.sample import Sample, Split

# How long an ingest worker holds receipts before another may take them up.
CLAIM_SECONDS = 120


class Contribution(models.Model):
    class Status(models.TextChoices):
        RECEIVING = "receiving", _("receiving files")
        PROCESSING = "processing", _("being processed")
        READY = "ready", _("ready for review")
        DISCARDED = "discarded", _("discarded")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.RECEIVING: frozenset({Status.PROCESSING, Status.DISCARDED}),
        Status.PROCESSING: frozenset({Status.READY, Status.DISCARDED}),
        # More files, or a second try for those that were refused.
        Status.READY: frozenset({Status.RECEIVING, Status.DISCARDED}),
        Status.DISCARDED: frozenset(),
    }

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="contributions")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RECEIVING)
    source = models.CharField(_("source"), max_length=120, blank=True)
    licence = models.CharField(_("licence"), max_length=40, choices=Licence.choices)
    # The agreement as it was shown when it was ticked, so that later edits change no promise.
    agreement = models.TextField(blank=True)
    agreed_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    # What the browser announced, so that a page opened again knows what is still missing.
    expected_files = models.PositiveIntegerField(default=0)
    expected_bytes = models.BigIntegerField(default=0)
    # The class of files that no folder names one for.
    default_class = models.ForeignKey(
        LabelClass, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["discarded", "processing", "ready", "receiving"]),
                name="contribution_status",
            ),
        )
        indexes = (models.Index(fields=["dataset", "-id"], name="contribution_of_dataset"),)

    def __str__(self) -> str:
        return f"{self.dataset} by {self.member}"


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def waiting(self) -> "ReceiptQuerySet":
        return self.filter(outcome=Receipt.Outcome.WAITING)


class Receipt(models.Model):
    """One file of a contribution: what arrived, and what ingest made of it.

    Not a state machine: the outcome is written once, by the ingest worker that holds the claim.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        FIXED = "fixed", _("accepted and fixed")
        DUPLICATE = "duplicate", _("duplicate")
        REFUSED = "refused", _("refused")
        UNPACKED = "unpacked", _("unpacked")

    contribution = models.ForeignKey(Contribution, models.CASCADE, related_name="receipts")
    # The name as the contributor knows it, folders included; never used as a path.
    name = models.CharField(max_length=1000)
    size = models.BigIntegerField()
    source_sha256 = models.CharField(max_length=64)
    archive = models.BooleanField(default=False)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="members")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.WAITING)
    # Why, as a code; apps.datasets.receipts makes the sentence when it is shown.
    code = models.CharField(max_length=40, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    sample = models.ForeignKey(
        Sample, models.SET_NULL, null=True, blank=True, related_name="receipts"
    )
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = ReceiptQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            # A file sent twice (a retry after a lost answer) keeps one receipt.
            models.UniqueConstraint(
                fields=["contribution", "name", "source_sha256"], name="receipt_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=["waiting", "accepted", "fixed", "duplicate", "refused", "unpacked"]
                ),
                name="known_outcome",
            ),
        )
        indexes = (
            models.Index(
                fields=["id"], condition=models.Q(outcome="waiting"), name="receipts_waiting"
            ),
            models.Index(fields=["contribution", "outcome"], name="receipts_by_outcome"),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"

    def settle(self, outcome: str, **fields: Any) -> bool:
        """Write the outcome, once and only while this object's claim holds; False: it did not."""
        mine = Receipt.objects.waiting().filter(pk=self.pk, claimed_by=self.claimed_by)
        return bool(mine.update(outcome=outcome, **fields))

    def refuse(self, code: str, facts: dict[str, Any]) -> bool:
        return self.settle(Receipt.Outcome.REFUSED, code=code, facts=facts)

    def renew_claim(self) -> None:
        mine = Receipt.objects.filter(pk=self.pk, claimed_by=self.claimed_by)
        mine.update(claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS))


class ManifestRow(models.Model):
    """What a contribution's manifest says about one file; taken up when the file is ingested."""

    contribution = models.ForeignKey(Contribution, models.CASCADE, related_name="manifest_rows")
    # Where in the manifest it stands: line number, from 1 with the header.
    line = models.PositiveIntegerField()
    name = models.CharField(max_length=1000)
    label = models.CharField(max_length=80, blank=True)
    group = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=120, blank=True)
    licence = models.CharField(max_length=40, blank=True)
    split = models.CharField(max_length=10, choices=Split.choices, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=["contribution", "name"], name="manifest_name_once"),
        )

    def __str__(self) -> str:
        return f"line {self.line}: {self.name}"


class UploadQuerySet(models.QuerySet["Upload"]):
    def open(self) -> "UploadQuerySet":
        """Not complete, and of a contribution that was not discarded."""
        return self.filter(receipt=None).exclude(contribution__status=Contribution.Status.DISCARDED)


class Upload(models.Model):
    """A large file on its way in, resumable by tus. The part file's length is the offset."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contribution = models.ForeignKey(Contribution, models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=1000)
    size = models.BigIntegerField()
    # Set once it is complete.
    receipt = models.ForeignKey(Receipt, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    objects: ClassVar[Any] = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.name}, {self.size} bytes"
