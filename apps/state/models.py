"""Event: the one row that every change of a status leaves behind."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, obj: models.Model) -> "EventQuerySet":
        """The events of one object, oldest first."""
        return self.filter(subject=obj._meta.label_lower, subject_id=obj.pk).order_by("pk")


class Event(models.Model):
    """Append-only: who moved what, from where to where, when (database clock) and why."""

    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    subject = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    was = models.CharField(max_length=20)
    became = models.CharField(max_length=20)
    why = models.TextField(blank=True)

    objects: ClassVar[Any] = EventQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["subject", "subject_id"], name="event_of_subject"),)

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.was} → {self.became}"
