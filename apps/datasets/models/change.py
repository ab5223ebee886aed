"""Changes of a dataset's rules that keep their history: its classes, and its review policy."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.datasets.models.dataset import Dataset, LabelClass


class SchemaChange(models.Model):
    """A class renamed, merged into another, or split: proposed by one, decided by another."""

    class Kind(models.TextChoices):
        RENAME = "rename", _("rename")
        MERGE = "merge", _("merge into another class")
        SPLIT = "split", _("split into several classes")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPLYING = "applying", _("being applied")
        APPLIED = "applied", _("applied")
        DECLINED = "declined", _("declined")
        REVERTING = "reverting", _("being taken back")
        REVERTED = "reverted", pgettext_lazy("change", "taken back")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.PROPOSED: frozenset({Status.APPLYING, Status.DECLINED}),
        Status.APPLYING: frozenset({Status.APPLIED}),
        Status.APPLIED: frozenset({Status.REVERTING}),
        Status.REVERTING: frozenset({Status.REVERTED}),
        Status.DECLINED: frozenset(),
        Status.REVERTED: frozenset(),
    }

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PROPOSED)
    label = models.ForeignKey(LabelClass, models.PROTECT, related_name="+")
    # Merge: the class it goes into.
    into = models.ForeignKey(LabelClass, models.PROTECT, null=True, related_name="+")
    # The class's name when it was proposed; what it is renamed to, or the name of `into` then.
    old_name = models.CharField(max_length=80, blank=True)
    new_name = models.CharField(max_length=80, blank=True)
    # Split: the names of the parts; the old class may be one of them.
    parts = models.JSONField(default=list)
    why = models.CharField(_("why"), max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    reverted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    reverted_at = models.DateTimeField(null=True)
    # Written when it is approved: how many samples it touched, and what taking it back restores.
    facts = models.JSONField(default=dict)
    # Samples it has moved so far (or moved back); a worker does it in portions, under a claim.
    done = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    status__in=[
                        "applied",
                        "applying",
                        "declined",
                        "proposed",
                        "reverted",
                        "reverting",
                    ]
                ),
                name="change_status",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.label_id}: {self.status}"


class PolicyChange(models.Model):
    """The review policy before and after, or `people`: the policy stayed, and who may be asked changed.

    A worker then judges what waits, under a claim.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="policy_changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    before = models.JSONField()
    after = models.JSONField()
    people = models.BooleanField(default=False)
    judged_at = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.dataset}: {self.after}"
