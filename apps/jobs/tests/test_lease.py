"""Leases and the fence: what a late attempt says changes nothing."""

import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.datasets.models import Version
from apps.errors import RuleError
from apps.jobs import actions
from apps.jobs.actions import Ending, Kept
from apps.jobs.models import Artifact, Attempt, MetricPoint, TrainingJob
from apps.jobs.runner import lease as lease_module
from apps.jobs.runner.lease import Lease, LeaseLost
from apps.jobs.tests.processes import alive, wait_for
from apps.jobs.tests.stage import claim, make_queued, make_worker

STEP = {"seq": 3, "time": 0.0, "kind": "step", "step": 10, "steps": 90, "epoch": 1, "loss": 0.5}
KEPT = Kept("log", "log.txt", "0" * 64, 5)


@pytest.fixture
def attempt(version: Version, cast: Any) -> Attempt:
    make_queued(version, cast.ben, cast.ada)
    return claim()


def expire(attempt: Attempt) -> None:
    past = Now() - timedelta(seconds=1)
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=past)


def code_of(act: Any) -> str:
    with pytest.raises(RuleError) as caught:
        act()
    return caught.value.code


def test_renewing_prolongs_it(attempt: Attempt) -> None:
    expire(attempt)
    assert actions.renew_lease(attempt) == (True, False)
    attempt.refresh_from_db()
    assert attempt.lease_until > attempt.created_at + timedelta(seconds=50)
    assert actions.reconcile_jobs()["expired"] == 0


def test_renewing_hears_of_a_cancellation(attempt: Attempt, cast: Any) -> None:
    actions.cancel_job(TrainingJob.objects.get(pk=attempt.job_id), cast.ben)
    assert actions.renew_lease(attempt) == (True, True)


def test_events_are_kept_once(attempt: Attempt) -> None:
    actions.begin_run(attempt)
    first = {"seq": 1, "time": 0.0, "kind": "first_step", "step": 1}
    epoch = {"seq": 4, "time": 0.0, "kind": "epoch", "epoch": 1, "step": 10, "train_loss": 0.4}
    log = {"seq": 5, "time": 0.0, "kind": "log", "message": "hello"}
    actions.record_events(attempt, [first, STEP, epoch, log], "the log")
    actions.record_events(attempt, [STEP, epoch])
    attempt.refresh_from_db()
    assert list(attempt.points.values_list("seq", "kind")) == [(3, "step"), (4, "epoch")]
    assert attempt.first_step_at is not None
    assert attempt.progress["phase"] == "epoch"
    assert attempt.log_tail == "the log"


def test_a_finish_has_one_effect(attempt: Attempt) -> None:
    actions.begin_run(attempt)
    actions.finish_attempt(attempt, Ending("succeeded", result={"epochs": 3}, kept=[KEPT]))
    job = attempt.job
    job.refresh_from_db()
    assert (job.status, job.result) == ("succeeded", {"epochs": 3})
    assert code_of(lambda: actions.finish_attempt(attempt, Ending("failed", "crash"))) == (
        "late_attempt"
    )
    assert Artifact.objects.count() == 1
    assert actions.renew_lease(attempt).alive is False


def test_a_late_attempt_is_refused_everything(attempt: Attempt) -> None:
    actions.begin_run(attempt)
    expire(attempt)
    assert actions.reconcile_jobs()["expired"] == 1
    newer = claim(make_worker("another"))
    assert newer.number == 2
    assert actions.renew_lease(attempt).alive is False
    assert code_of(lambda: actions.record_events(attempt, [STEP])) == "late_attempt"
    ending = Ending("succeeded", kept=[KEPT])
    assert code_of(lambda: actions.finish_attempt(attempt, ending)) == "late_attempt"
    assert code_of(lambda: actions.lose_attempt(attempt, "killed")) == "late_attempt"
    assert not MetricPoint.objects.exists()
    assert not Artifact.objects.exists()
    actions.finish_attempt(newer, ending)
    assert TrainingJob.objects.get().status == "succeeded"
    assert Artifact.objects.get().attempt == newer


@pytest.mark.parametrize(
    ("ending", "becomes"),
    [("cancelled", "cancelled"), ("succeeded", "succeeded"), ("failed", "failed")],
)
def test_cancelling_ends_as_the_worker_says(
    attempt: Attempt, cast: Any, ending: str, becomes: str
) -> None:
    actions.begin_run(attempt)
    actions.cancel_job(TrainingJob.objects.get(), cast.ben)
    actions.finish_attempt(attempt, Ending(ending))
    assert TrainingJob.objects.get().status == becomes


def test_a_failure_in_the_middle_leaves_nothing(attempt: Attempt, monkeypatch: Any) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the power went")

    actions.begin_run(attempt)
    monkeypatch.setattr(Artifact.objects, "bulk_create", broken)
    with pytest.raises(RuntimeError):
        actions.finish_attempt(attempt, Ending("succeeded", kept=[KEPT]))
    attempt.refresh_from_db()
    assert attempt.status == "running"
    assert TrainingJob.objects.get().status == "running"


def test_the_fuse_kills_a_run_whose_lease_cannot_be_renewed(
    attempt: Attempt, settings: Any, monkeypatch: Any
) -> None:
    settings.JOB_LEASE_SECONDS, settings.JOB_RENEW_SECONDS = 1, 0.2
    lease = Lease(attempt)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as run, lease:
        lease.tend()
        lease.guard_process(run.pid)

        def away(attempt: Attempt) -> Any:
            raise lease_module.DatabaseError("no answer")

        monkeypatch.setattr(lease_module, "renew_lease", away)
        # In a test all is one transaction; dropping its connection would end it.
        monkeypatch.setattr(lease_module, "drop_connection", lambda: None)
        began = time.monotonic()
        wait_for(lambda: run.poll() is not None, 5, lambda: "the run lives")
        assert time.monotonic() - began < 1.2, "before the lease has ended, not after"
        assert not alive(run.pid)
        with pytest.raises(LeaseLost):
            lease.tend()


def test_a_lease_taken_by_another_ends_the_watch(attempt: Attempt) -> None:
    expire(attempt)
    actions.reconcile_jobs()
    with Lease(attempt) as lease, pytest.raises(LeaseLost):
        lease.tend()
