"""A queued job, a real Celery worker over the default broker, a real run."""

from pathlib import Path
from typing import Any

import pytest

from apps.datasets import blobs
from apps.jobs.models import Artifact, Attempt, TrainingJob
from apps.jobs.tests.processes import WorkerProcess, wait_for
from apps.jobs.tests.stage import make_queued


def ended(job: TrainingJob) -> bool:
    job.refresh_from_db()
    return job.over


@pytest.mark.django_db(transaction=True)
def test_a_worker_trains_a_queued_job(
    digits: Any, cast: Any, workers: Any, environment: Any, tmp_path: Path, runs: Path
) -> None:
    worker = WorkerProcess(environment, tmp_path / "worker.log")
    workers.append(worker)
    job = make_queued(digits, cast.ada, cast.ada)
    wait_for(lambda: ended(job), 60, worker.output)
    assert job.status == "succeeded", (job.code, job.detail, worker.output())
    attempt = job.attempts.get()
    assert attempt.status == Attempt.Status.SUCCEEDED
    assert attempt.first_step_at is not None
    assert attempt.points.filter(kind="epoch").count() == job.config["epochs"]
    assert attempt.log_tail
    assert set(attempt.artifacts.values_list("role", flat=True)) == set(Artifact.Role.values)
    for artifact in attempt.artifacts.all():
        assert blobs.exists(artifact.sha256)
    assert job.result["metrics"]["test"]["accuracy"] > 0.5
    assert not (runs / str(job.uuid)).exists()
    assert worker.stop() == 0
    wait_for(lambda: not worker.orphans(), 5, worker.output)
