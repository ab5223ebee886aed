"""The reconciler: every state that is no end, looked at; nothing stuck in silence."""

from typing import Any

import pytest
from django.conf import settings

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.actions import reconciling
from apps.jobs.models import Attempt, TrainingJob
from apps.jobs.tests.stage import claim, make_queued, make_worker
from apps.jobs.tests.test_lease import expire


@pytest.fixture
def rung(monkeypatch: Any) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(reconciling, "ring", heard.append)
    return heard


def test_nothing_to_do(job: TrainingJob, rung: list[str]) -> None:
    assert actions.reconcile_jobs() == {"expired": 0, "unheld": 0, "withdrawn": 0, "queued": 0}
    assert rung == []
    job.refresh_from_db()
    assert job.status == "proposed", "that one waits for a person"


def test_queued_is_rung_for(version: Version, cast: Any, rung: list[str]) -> None:
    make_queued(version, cast.ben, cast.ada)
    assert actions.reconcile_jobs()["queued"] == 1
    assert rung == ["apps.jobs.tasks.train"]


def test_a_live_lease_is_left_alone(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    claim()
    assert actions.reconcile_jobs()["expired"] == 0
    job.refresh_from_db()
    assert job.status == "running"


@pytest.mark.parametrize("begun", [False, True])
def test_running_with_an_expired_lease_is_queued_again(
    version: Version, cast: Any, begun: bool
) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    attempt = claim()
    if begun:
        actions.begin_run(attempt)
    expire(attempt)
    assert actions.reconcile_jobs()["expired"] == 1
    job.refresh_from_db()
    attempt.refresh_from_db()
    assert (job.status, attempt.status, attempt.code) == ("queued", "lost", "lease_expired")


def test_cancelling_with_an_expired_lease_is_cancelled(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    attempt = claim()
    job.refresh_from_db()
    actions.cancel_job(job, cast.ben)
    expire(attempt)
    actions.reconcile_jobs()
    job.refresh_from_db()
    assert job.status == "cancelled"


@pytest.mark.parametrize(
    ("status", "becomes"), [("running", "queued"), ("cancelling", "cancelled")]
)
def test_held_by_nobody(version: Version, cast: Any, status: str, becomes: str) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    TrainingJob.objects.filter(pk=job.pk).update(status=status)
    assert actions.reconcile_jobs()["unheld"] == 1
    job.refresh_from_db()
    assert job.status == becomes


def test_lost_every_time_it_fails_with_a_diagnosis(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    for number in range(1, settings.JOB_MAX_ATTEMPTS + 1):
        attempt = claim(make_worker(f"w{number}"))
        assert attempt.number == number
        expire(attempt)
        actions.reconcile_jobs()
    job.refresh_from_db()
    assert (job.status, job.code) == ("failed", "lost_too_often")
    assert job.ended_at is not None
    assert Attempt.objects.filter(status="lost").count() == settings.JOB_MAX_ATTEMPTS


def test_given_back_in_good_order_is_not_counted(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    for _round in range(settings.JOB_MAX_ATTEMPTS + 1):
        actions.lose_attempt(claim(), "released")
    job.refresh_from_db()
    assert job.status == "queued"


def test_what_waits_for_a_version_that_lost_samples_is_ended(version: Version, cast: Any) -> None:
    queued = make_queued(version, cast.ben, cast.ada)
    type(queued.version).objects.filter(pk=queued.version_id).update(withdrawn=2)

    assert actions.claim_job(make_worker()) is None
    assert actions.reconcile_jobs()["withdrawn"] == 1

    queued.refresh_from_db()
    assert (queued.status, queued.code) == ("cancelled", "data_withdrawn")
