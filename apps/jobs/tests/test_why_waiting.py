"""Every job that waits says why."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.models import Worker
from apps.jobs.tests.stage import claim, make_job, make_queued, make_worker


def code(job: Any) -> str | None:
    job.refresh_from_db()
    found = actions.why_waiting(job)
    return found.code if found else None


def test_from_proposal_to_end(version: Version, cast: Any) -> None:
    job = make_job(version, cast.ben)
    assert code(job) == "approval"
    actions.approve_job(job, cast.ada)
    assert code(job) == "no_worker"
    worker = make_worker()
    assert code(job) == "next"
    attempt = claim(worker)
    assert code(job) == "preparing"
    pack = {"seq": 1, "time": 0.0, "kind": "pack", "state": "building", "done": 1, "total": 9}
    actions.record_events(attempt, [pack])
    assert code(job) == "pack"
    actions.record_events(attempt, [{"seq": 2, "time": 0.0, "kind": "first_step", "step": 1}])
    assert code(job) is None
    actions.cancel_job(job, cast.ben)
    assert code(job) == "cancelling"


def test_the_queue_before_it(version: Version, cast: Any) -> None:
    first, second = (make_queued(version, cast.ben, cast.ada, seed=n) for n in range(2))
    claim(make_worker())
    third = make_queued(version, cast.ben, cast.ada)
    assert code(first) == "preparing"
    assert code(second) == "busy"
    assert code(third) == "queue"
    assert "1 job is before it" in actions.why_waiting(third).sentence


def test_a_resumed_job_says_so(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    actions.lose_attempt(claim(), "killed")
    job.refresh_from_db()
    assert "resumes" in actions.why_waiting(job).sentence


def test_a_worker_not_seen_or_shut_down_is_none(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    worker = make_worker()
    Worker.objects.filter(pk=worker.pk).update(last_seen=Now() - timedelta(seconds=61))
    assert code(job) == "no_worker"
    make_worker()
    assert code(job) == "next"
    actions.stop_worker(worker.name)
    assert code(job) == "no_worker"
