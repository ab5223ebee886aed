"""Benchmarks of the job side; see scripts/bench.py for how they are run."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from django.contrib.auth import get_user_model

from apps.jobs import actions
from apps.jobs.models import TrainingJob
from apps.jobs.tests.processes import WorkerProcess, wait_for
from apps.jobs.tests.stage import make_digits, make_job

ROUNDS = 7
TARGET_SECONDS = 1.0


def queued_to_first_step() -> dict[str, Any]:
    """Seconds from a maintainer's approval to the first optimizer step, as the database saw both.

    A real worker over the default broker, warm: torch is in the spawner and the version's images are
    decoded, as they are for every job but a machine's first on a version.
    """
    owner = get_user_model().objects.create_user("bench", "bench@example.org")
    version = make_digits(owner)
    with tempfile.TemporaryDirectory() as folder:
        worker = WorkerProcess(dict(os.environ), Path(folder) / "worker.log")
        try:
            waits = [_round(worker, version, owner, seed) for seed in range(ROUNDS + 1)][1:]
        finally:
            worker.kill()
    value = median(waits)
    return {
        "name": "queued_to_first_step",
        "value": round(value, 3),
        "unit": "s",
        "target": f"≤ {TARGET_SECONDS:g}",
        "met": value <= TARGET_SECONDS,
        "rounds": ROUNDS,
        "detail": f"min {min(waits):.3f}, max {max(waits):.3f}; filesystem broker, warm worker",
    }


def _round(worker: WorkerProcess, version: Any, owner: Any, seed: int) -> float:
    job = make_job(version, owner, f"round {seed}", seed=seed, epochs=1)
    actions.approve_job(job, owner)

    def over() -> bool:
        job.refresh_from_db()
        return job.over

    wait_for(over, 120, worker.output)
    if job.status != TrainingJob.Status.SUCCEEDED:
        raise RuntimeError(f"{job.code}: {job.detail}\n{worker.output()}")
    first_step: Any = job.attempts.get().first_step_at
    assert job.queued_at is not None
    return float((first_step - job.queued_at).total_seconds())


ROWS: dict[str, Callable[[], dict[str, Any]]] = {"queued_to_first_step": queued_to_first_step}
