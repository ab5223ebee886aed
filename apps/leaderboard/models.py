"""Benchmark: a version's test split under a metric. Entry: a finished job, scored on it."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Dataset, Version
from apps.jobs.models import TrainingJob


class Benchmark(models.Model):
    """One per version and metric: rankings never mix versions, their test splits differ."""

    class Metric(models.TextChoices):
        ACCURACY = "accuracy", _("accuracy")

    version = models.ForeignKey(Version, models.PROTECT, related_name="benchmarks")
    metric = models.CharField(max_length=20, choices=Metric.choices, default=Metric.ACCURACY)
    higher_is_better = models.BooleanField(default=True)
    # How many samples its entries are scored on; their order is that of their sha256.
    samples = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["version", "metric"], name="benchmark_once"),
            models.CheckConstraint(
                condition=models.Q(metric__in=["accuracy"]), name="benchmark_metric"
            ),
        )

    def __str__(self) -> str:
        return f"{self.version}: {self.metric}"


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible_to(self, user: Any) -> "EntryQuerySet":
        return self.filter(benchmark__version__dataset__in=Dataset.objects.visible_to(user))


class Entry(models.Model):
    """What the platform measured of a job's predictions. Nobody uploads a number."""

    job = models.OneToOneField(TrainingJob, models.PROTECT, related_name="entry")
    benchmark = models.ForeignKey(Benchmark, models.PROTECT, related_name="entries")
    # Null with a reason: predictions that cannot be scored are shown last, not hidden.
    accuracy = models.FloatField(null=True)
    ci_low = models.FloatField(null=True)
    ci_high = models.FloatField(null=True)
    macro_f1 = models.FloatField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    parameters = models.BigIntegerField(null=True)
    train_seconds = models.FloatField(null=True)
    # Which samples it got right: bit i, little-endian, is the i-th sample by sha256.
    correct = models.BinaryField(null=True)
    # 1 + number of entries significantly better; written for all entries whenever one is added.
    rank = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = EntryQuerySet.as_manager()

    class Meta:
        ordering = ("rank", "-accuracy", "pk")
        verbose_name_plural = "entries"
        indexes = (models.Index(fields=["benchmark", "rank"], name="entries_by_rank"),)

    def __str__(self) -> str:
        return f"{self.job}: {self.accuracy}"

    @property
    def correct_bits(self) -> int | None:
        return None if self.correct is None else int.from_bytes(bytes(self.correct), "little")
