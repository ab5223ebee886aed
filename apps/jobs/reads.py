"""What pages and the API show about jobs."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from apps.jobs.models import MetricPoint, TrainingJob
from apps.jobs.reasons import sentence

EPOCHS_SHOWN = 200
JOBS_TIMED = 5


def reason(job: TrainingJob) -> str:
    """Why it ended as it did, in a sentence."""
    return sentence(job.code)


def epochs(job: TrainingJob) -> list[dict[str, Any]]:
    """One row per epoch, the newest attempt's where an epoch was repeated."""
    points = MetricPoint.objects.filter(attempt__job=job, kind="epoch")
    rows = {
        epoch: data
        for epoch, data in points.order_by("pk").values_list("epoch", "data")
        if epoch is not None
    }
    return [rows[epoch] for epoch in sorted(rows)][-EPOCHS_SHOWN:]


def expected_seconds(training_flops: int, kind: str) -> float | None:
    """How long so much work took lately, by the newest finished jobs with such a model; None: none.

    Of one kind only: a recurrent network does a fraction of the operations per second that a
    convolutional one does.
    """
    done = TrainingJob.objects.filter(status=TrainingJob.Status.SUCCEEDED, config__model__kind=kind)
    speeds = []
    for plan, result in done.order_by("-pk").values_list("plan", "result")[:JOBS_TIMED]:
        seconds = result.get("train_seconds") or 0
        if seconds > 0 and plan.get("training_flops"):
            speeds.append(plan["training_flops"] / seconds)
    return training_flops / median(speeds) if speeds else None


def measured_accuracy(job: TrainingJob) -> float | None:
    metrics = job.result.get("metrics") or {}
    found = (metrics.get("test") or {}).get("accuracy")
    return float(found) if found is not None else None


def listed(jobs: Iterable[TrainingJob]) -> list[dict[str, Any]]:
    """Jobs as a table shows them."""
    return [{"job": job, "accuracy": measured_accuracy(job), "reason": reason(job)} for job in jobs]
