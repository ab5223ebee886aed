"""Queued jobs, real Celery workers, real runs: trained, killed, cancelled, given back, over Redis."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

from apps.datasets import blobs
from apps.jobs import actions
from apps.jobs.models import Artifact, Attempt, TrainingJob
from apps.jobs.runner.folder import folder_of
from apps.jobs.tests.processes import ROOT, WorkerProcess, wait_for
from apps.jobs.tests.stage import (
    QUICK_TEXTS,
    make_job,
    make_queued,
    make_sealed_digits,
    make_texts,
    png,
)
from apps.leaderboard.actions import collect_entries

pytestmark = pytest.mark.django_db(transaction=True)

LONG = {"epochs": 1000}  # nobody waits for its end
MIDDLE = {"epochs": 150}  # a few seconds: long enough to be killed in


def status(job: TrainingJob) -> str:
    job.refresh_from_db()
    return str(job.status)


def attempt_of(job: TrainingJob) -> Attempt:
    found: Attempt = job.attempts.latest("number")
    return found


def stepping(job: TrainingJob) -> bool:
    """Its run has taken steps and left a whole checkpoint (one being written has a dot's name)."""
    attempt = job.attempts.last()
    whole = (folder_of(job) / "checkpoint").glob("[0-9]*-[0-9]*")
    return bool(attempt and attempt.progress.get("step")) and any(whole)


def read_header(weights: bytes) -> dict[str, str]:
    """What a safetensors file says about itself."""
    length = int.from_bytes(weights[:8], "little")
    found: dict[str, str] = json.loads(weights[8 : 8 + length])["__metadata__"]
    return found


def use_at_home(folder: Path, weights: bytes, mark: str) -> str:
    """What the example of the guide that holds `mark` prints of these weights."""
    examples = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/members.md").read_text(), re.M | re.S
    )
    (example,) = [each for each in examples if mark in each]
    (folder / "weights.safetensors").write_bytes(weights)
    command = [sys.executable, "-c", example]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def told(job: TrainingJob, worker: WorkerProcess) -> str:
    """What there is to know about a job that does not come to its end."""
    rows = list(job.attempts.values("number", "status", "lease_until", "progress", "last_seq"))
    return f"{status(job)} {rows}\n{worker.output()}"


@pytest.fixture
def start(workers: list[WorkerProcess], environment: dict[str, str], tmp_path: Path) -> Any:
    def begin(**env: str) -> WorkerProcess:
        worker = WorkerProcess(environment | env, tmp_path / f"worker-{len(workers)}.log")
        workers.append(worker)
        return worker

    return begin


def assert_whole(job: TrainingJob, worker: WorkerProcess) -> None:
    """It succeeded, once, and everything it promises is there."""
    assert status(job) == "succeeded", (job.code, job.detail, worker.output())
    assert job.attempts.filter(status="succeeded").count() == 1
    attempt = attempt_of(job)
    assert attempt.status == Attempt.Status.SUCCEEDED
    assert attempt.first_step_at is not None
    assert attempt.log_tail
    files = Artifact.objects.filter(attempt__job=job)
    assert sorted(files.values_list("role", flat=True)) == sorted(Artifact.Role.values)
    assert all(blobs.exists(artifact.sha256) for artifact in files)
    assert job.result["metrics"]["test"]["accuracy"] > 0.5


def test_a_worker_trains_a_queued_job(digits: Any, cast: Any, start: Any, runs: Path) -> None:
    worker = start()
    job = make_queued(digits, cast.ada, cast.ada)
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 60, worker.output)
    assert_whole(job, worker)
    assert attempt_of(job).points.filter(kind="epoch").count() == job.config["epochs"]
    # Emptied after the job is settled, so that a worker killed in between loses nothing.
    wait_for(lambda: not folder_of(job).exists(), 30, worker.output)
    assert actions.claim_job(attempt_of(job).worker) is None
    assert collect_entries() == 1
    assert job.entry.rank == 1
    assert job.entry.accuracy == pytest.approx(job.result["metrics"]["test"]["accuracy"])
    assert job.entry.macro_f1 == pytest.approx(job.result["metrics"]["test"]["macro_f1"])
    assert collect_entries() == 0
    assert worker.stop() == 0
    wait_for(lambda: not worker.orphans(), 10, worker.output)
    assert not list(runs.glob(".stop-*"))


def test_a_worker_trains_on_texts(cast: Any, start: Any, client: Any, tmp_path: Path) -> None:
    version = make_texts(cast.ada)
    worker = start()
    job = actions.propose_job(version, cast.ada, "which topic", QUICK_TEXTS)
    actions.approve_job(job, cast.ada)
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 60, lambda: told(job, worker))
    assert_whole(job, worker)
    assert job.result["metrics"]["test"]["accuracy"] > 0.9
    weights = Artifact.objects.get(attempt__job=job, role="weights")
    header = json.loads(read_header(blobs.read(weights.sha256))["training"])
    assert header["classes"] == version.class_names
    said = use_at_home(tmp_path, blobs.read(weights.sha256), "load_tokenizer")
    assert [line.split()[0] for line in said.splitlines()] == ["card", "pin"]
    assert collect_entries() == 1
    job.refresh_from_db()
    assert job.entry.accuracy == pytest.approx(job.result["metrics"]["test"]["accuracy"])
    client.force_login(cast.ada)
    page = client.get(f"/jobs/{job.uuid}/").content.decode()
    assert "GRU" in page
    assert "image" not in page.partition("<main")[2].lower()


def test_a_pruned_network_is_smaller_and_says_so(
    digits: Any, cast: Any, start: Any, tmp_path: Path
) -> None:
    worker = start()
    pruning = {"kind": "structured", "amount": 0.5, "epochs": 2}
    views = {"test_time_augmentation": True, "pruning": pruning}
    job = make_queued(digits, cast.ada, cast.ada, **views)
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 60, lambda: told(job, worker))
    assert_whole(job, worker)
    before, after = job.result["pruning"]["before"], job.result["pruning"]["after"]
    assert after["parameters"] < before["parameters"]
    assert job.result["metrics"]["test_tta"]["accuracy"] > 0.5
    assert attempt_of(job).points.filter(kind="epoch").count() == job.config["epochs"] + 2
    weights = Artifact.objects.get(attempt__job=job, role="weights")
    (tmp_path / "picture.png").write_bytes(png(load_digits().images[0]))
    said = use_at_home(tmp_path, blobs.read(weights.sha256), "picture.png")
    assert said.split()[0] in digits.class_names


def test_sealed_labels_are_scored_and_never_written(cast: Any, start: Any, client: Any) -> None:
    version = make_sealed_digits(cast.ada)
    worker = start()
    job = make_queued(version, cast.ada, cast.ada)
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 60, worker.output)
    assert status(job) == "succeeded", told(job, worker)
    files = {each.role: each for each in Artifact.objects.filter(attempt__job=job)}
    with blobs.open_blob(files["predictions"].sha256) as stream:
        rows = pq.read_table(io.BytesIO(stream.read())).to_pylist()
    hidden = [row["label"] for row in rows if row["split"] == "test"]
    assert set(hidden) == {None}
    assert len(hidden) > 30
    assert job.result["metrics"]["test"] is None
    assert collect_entries() == 1
    job.refresh_from_db()
    assert job.entry.accuracy > 0.5
    client.force_login(cast.ada)
    for address in (f"/jobs/{job.uuid}/", "/datasets/digits/leaderboard/"):
        assert client.get(address).status_code == 200


def test_a_worker_killed_in_the_middle_loses_nothing(digits: Any, cast: Any, start: Any) -> None:
    first = start()
    job = make_queued(digits, cast.ada, cast.ada, **MIDDLE)
    wait_for(lambda: stepping(job), 60, first.output)
    assert len(first.tree()) >= 4, "Celery's main process, its pool process, the spawner, the run"
    first.kill_main()
    wait_for(lambda: not first.orphans(), 10, first.output)
    assert status(job) == "running", "nobody has missed the worker yet"
    wait_for(lambda: actions.reconcile_jobs()["expired"] == 1, 20, first.output)
    assert status(job) == "queued"
    second = start()
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 40, lambda: told(job, second))
    assert_whole(job, second)
    outcomes = list(job.attempts.values_list("status", "code"))
    assert outcomes == [("lost", "lease_expired"), ("succeeded", "")]
    assert attempt_of(job).progress["resumed"] is True
    epochs = [
        row["epoch"] for row in job.attempts.last().points.filter(kind="epoch").values("epoch")
    ]
    assert epochs[0] > 1, "it went on from its checkpoint"
    assert epochs[-1] == MIDDLE["epochs"]
    assert second.stop() == 0
    wait_for(lambda: not second.orphans(), 10, second.output)


def test_cancelled_by_its_member_and_given_back_by_its_worker(
    digits: Any, cast: Any, start: Any
) -> None:
    worker = start()
    unwanted = make_queued(digits, cast.ada, cast.ada, **LONG)
    wait_for(lambda: stepping(unwanted), 60, worker.output)
    actions.cancel_job(unwanted, cast.ada)
    assert unwanted.status == "cancelling"
    wait_for(lambda: status(unwanted) == "cancelled", 20, worker.output)
    assert attempt_of(unwanted).status == "cancelled"
    kept = attempt_of(unwanted).artifacts.values_list("role", flat=True)
    assert "log" in kept
    assert "weights" not in kept
    wait_for(lambda: not folder_of(unwanted).exists(), 30, worker.output)

    other = make_queued(digits, cast.ada, cast.ada, **LONG)
    wait_for(lambda: stepping(other), 30, worker.output)
    assert worker.stop() == 0
    wait_for(lambda: not worker.orphans(), 10, worker.output)
    assert status(other) == "queued"
    assert (attempt_of(other).status, attempt_of(other).code) == ("lost", "released")
    assert actions.why_waiting(other).code == "no_worker"


def test_the_same_over_redis(
    digits: Any, cast: Any, start: Any, environment: Any, redis_url: str
) -> None:
    env = environment | {"REDIS_URL": redis_url}
    worker = start(REDIS_URL=redis_url)
    job = make_job(digits, cast.ada)
    approve = (
        "import django; django.setup()\n"
        "from apps.jobs import actions; from apps.jobs.models import TrainingJob\n"
        f"job = TrainingJob.objects.get(uuid='{job.uuid}')\n"
        "actions.approve_job(job, job.member)\n"
    )
    subprocess.run([sys.executable, "-c", approve], cwd=ROOT, env=env, check=True)
    wait_for(lambda: status(job) in TrainingJob.TERMINAL, 60, worker.output)
    assert_whole(job, worker)
    assert worker.stop() == 0
    wait_for(lambda: not worker.orphans(), 10, worker.output)
