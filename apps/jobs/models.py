"""The job side: what was asked for, each attempt at it, who works, what was measured and kept."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Dataset, Version


class TrainingJobQuerySet(models.QuerySet["TrainingJob"]):
    def visible_to(self, user: Any) -> "TrainingJobQuerySet":
        """Whoever may see the dataset may see what is trained on it."""
        return self.filter(version__dataset__in=Dataset.objects.visible_to(user))

    def in_queue_order(self) -> "TrainingJobQuerySet":
        """Queued jobs, the next one first: fair between members, then by age.

        Per member and not per job, so that proposing much does not mean getting much. A job whose
        version lost samples is not handed out; the reconciler ends it.
        """
        busy = (
            TrainingJob.objects.filter(
                member=models.OuterRef("member"),
                status__in=[TrainingJob.Status.RUNNING, TrainingJob.Status.CANCELLING],
            )
            .order_by()
            .values("member")
            .annotate(number=models.Count("pk"))
            .values("number")
        )
        return (
            self.filter(status=TrainingJob.Status.QUEUED, version__withdrawn=0)
            .annotate(busy=models.functions.Coalesce(models.Subquery(busy), 0))
            .order_by("busy", "queued_at", "pk")
        )


class TrainingJob(models.Model):
    """One configuration on one version. The row is the truth of the queue."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        CANCELLING = "cancelling", _("being cancelled")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        REJECTED = "rejected", _("rejected")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.PROPOSED: frozenset({Status.QUEUED, Status.REJECTED, Status.CANCELLED}),
        Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED}),
        # Back to queued when its worker is lost: the next attempt resumes from the checkpoint.
        Status.RUNNING: frozenset(
            {Status.SUCCEEDED, Status.FAILED, Status.QUEUED, Status.CANCELLING}
        ),
        # It may have been too late to cancel.
        Status.CANCELLING: frozenset({Status.CANCELLED, Status.SUCCEEDED, Status.FAILED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset(),
        Status.CANCELLED: frozenset(),
        Status.REJECTED: frozenset(),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset(was for was, to in MOVES.items() if not to)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    version = models.ForeignKey(Version, models.PROTECT, related_name="jobs")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="jobs")
    title = models.CharField(_("title"), max_length=120)
    config = models.JSONField()
    config_sha256 = models.CharField(max_length=64)
    # What it will cost, by arithmetic (training.plan), as it was shown when it was proposed.
    plan = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PROPOSED)
    # The fencing number: how many attempts were ever made; only the newest one may write.
    attempt_number = models.PositiveIntegerField(default=0)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Why it ended as it did: a code (apps.jobs.reasons makes the sentence), and what was reported.
    code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    # What the run says about itself. The leaderboard scores from the predictions, not from this.
    result = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TrainingJobQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    status__in=[
                        "cancelled",
                        "cancelling",
                        "failed",
                        "proposed",
                        "queued",
                        "rejected",
                        "running",
                        "succeeded",
                    ]
                ),
                name="job_status",
            ),
        )
        indexes = (
            models.Index(fields=["version", "-id"], name="jobs_of_version"),
            models.Index(
                fields=["queued_at", "id"], condition=models.Q(status="queued"), name="jobs_queued"
            ),
            models.Index(fields=["member", "status"], name="jobs_of_member"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def dataset(self) -> Dataset:
        return self.version.dataset

    @property
    def model_kind(self) -> str:
        return str(self.config["model"]["kind"])

    @property
    def optimizer_kind(self) -> str:
        return str(self.config["optimizer"]["kind"])

    @property
    def over(self) -> bool:
        return self.status in self.TERMINAL


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> "WorkerQuerySet":
        """Seen within a lease's time: they beat several times in it."""
        return self.filter(
            stopped_at=None, last_seen__gt=Now() - timedelta(seconds=settings.JOB_LEASE_SECONDS)
        )


class Worker(models.Model):
    """A training worker, as it announced itself. `last_seen` is by the database's clock."""

    name = models.CharField(max_length=120, unique=True)
    host = models.CharField(max_length=120, blank=True)
    device = models.CharField(max_length=120, blank=True)
    threads = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField(db_default=Now())
    # Shut down in good order: nobody has to wait for it to be missed.
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def live(self) -> "AttemptQuerySet":
        """Those that hold their job."""
        return self.filter(status__in=Attempt.LIVE)

    def expired(self) -> "AttemptQuerySet":
        return self.live().filter(lease_until__lt=Now())


class Attempt(models.Model):
    """One worker's hold on a job: a lease, and everything written under it."""

    class Status(models.TextChoices):
        LEASED = "leased", _("leased")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        LOST = "lost", _("lost")
        CANCELLED = "cancelled", _("cancelled")

    MOVES: ClassVar[dict[str, frozenset[str]]] = {
        Status.LEASED: frozenset({Status.RUNNING, Status.FAILED, Status.LOST, Status.CANCELLED}),
        Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.LOST, Status.CANCELLED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset(),
        Status.LOST: frozenset(),
        Status.CANCELLED: frozenset(),
    }
    LIVE: ClassVar[frozenset[str]] = frozenset({Status.LEASED, Status.RUNNING})

    job = models.ForeignKey(TrainingJob, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.ForeignKey(Worker, models.PROTECT, related_name="attempts")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.LEASED)
    lease_until = models.DateTimeField()
    code = models.CharField(max_length=40, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    # The newest thing reported: {"step", "steps", "epoch", "loss", "phase", …}.
    progress = models.JSONField(default=dict, blank=True)
    last_seq = models.BigIntegerField(default=-1)
    log_tail = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    first_step_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["job", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["cancelled", "failed", "leased", "lost", "running", "succeeded"]
                ),
                name="attempt_status",
            ),
            # Whatever else may go wrong: a job is never held twice.
            models.UniqueConstraint(
                fields=["job"],
                condition=models.Q(status__in=["leased", "running"]),
                name="one_live_attempt",
            ),
        )
        indexes = (
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status__in=["leased", "running"]),
                name="attempts_live",
            ),
        )

    def __str__(self) -> str:
        return f"{self.job} #{self.number}"

    @property
    def live(self) -> bool:
        return self.status in self.LIVE


class MetricPoint(models.Model):
    """One measurement, in the order of the run's own numbering. Written once, shown as a curve."""

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="points")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    epoch = models.PositiveIntegerField(null=True)
    step = models.PositiveBigIntegerField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ("attempt", "seq")
        constraints = (models.UniqueConstraint(fields=["attempt", "seq"], name="point_once"),)

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.seq}"


class Artifact(models.Model):
    """A file that an attempt left behind, in the blob store."""

    class Role(models.TextChoices):
        WEIGHTS = "weights", _("weights (safetensors)")
        CONFIG = "config", _("configuration (JSON)")
        PREDICTIONS = "predictions", _("predictions for each sample (Parquet)")
        METRICS = "metrics", _("metrics (CSV)")
        CONFUSION = "confusion", _("confusion matrix (JSON)")
        LOG = "log", _("log (text)")

    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="artifacts")
    role = models.CharField(max_length=12, choices=Role.choices)
    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=["attempt", "role"], name="artifact_once"),
            models.CheckConstraint(
                condition=models.Q(
                    role__in=["config", "confusion", "log", "metrics", "predictions", "weights"]
                ),
                name="artifact_role",
            ),
        )

    def __str__(self) -> str:
        return self.name
