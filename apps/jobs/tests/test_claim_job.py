"""Claiming: each job once, fair between members, fenced by the attempt's number."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.models import Attempt, TrainingJob
from apps.jobs.tests.stage import claim, make_queued, make_worker


def test_a_claim_is_an_attempt_with_a_lease(version: Version, cast: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    attempt = claim()
    job.refresh_from_db()
    assert (job.status, job.attempt_number) == ("running", 1)
    assert (attempt.job, attempt.number, attempt.status) == (job, 1, "leased")
    left = (attempt.lease_until - attempt.created_at).total_seconds()
    assert left == pytest.approx(60, abs=1)
    assert job.started_at is not None
    assert actions.claim_job(make_worker()) is None


def test_nothing_proposed_or_over_is_claimed(job: TrainingJob, cast: Any) -> None:
    assert actions.claim_job(make_worker()) is None
    actions.cancel_job(job, cast.ben)
    assert actions.claim_job(make_worker()) is None


def test_fair_between_members(version: Version, cast: Any) -> None:
    """Who proposes much waits for who proposes little."""
    heavy = [make_queued(version, cast.ben, cast.ada, seed=seed) for seed in range(3)]
    light = make_queued(version, cast.ada, cast.ada)
    order = [claim(make_worker(f"w{number}")).job for number in range(4)]
    assert order == [heavy[0], light, heavy[1], heavy[2]]


def test_a_requeued_job_keeps_its_age(version: Version, cast: Any) -> None:
    first, _second = (make_queued(version, cast.ben, cast.ada, seed=n) for n in range(2))
    actions.lose_attempt(claim(), "killed")
    again = claim()
    assert (again.job, again.number) == (first, 2)


@pytest.mark.django_db(transaction=True)
def test_many_workers_claim_each_job_once(version: Version, cast: Any) -> None:
    jobs = [make_queued(version, cast.ben, cast.ada, seed=seed) for seed in range(24)]
    workers = [make_worker(f"train@{number}") for number in range(6)]

    def drain(worker: Any) -> list[int]:
        try:
            claimed = []
            while attempt := actions.claim_job(worker):
                claimed.append(attempt.job_id)
            return claimed
        finally:
            connection.close()

    with ThreadPoolExecutor(len(workers)) as pool:
        claimed = Counter(pk for keys in pool.map(drain, workers) for pk in keys)
    assert claimed == Counter(job.pk for job in jobs)
    assert Attempt.objects.count() == len(jobs)
    assert set(TrainingJob.objects.values_list("status", "attempt_number")) == {("running", 1)}
