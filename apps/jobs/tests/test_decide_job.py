"""Approving, rejecting, cancelling: in every state, by everyone."""

from typing import Any

import pytest

from apps.datasets.models import Version
from apps.errors import RuleError
from apps.jobs import actions
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import claim
from apps.state.models import Event

Status = TrainingJob.Status


def put(job: TrainingJob, status: str) -> TrainingJob:
    TrainingJob.objects.filter(pk=job.pk).update(status=status)
    job.refresh_from_db()
    return job


def refusal(act: Any) -> str:
    with pytest.raises(RuleError) as caught:
        act()
    return caught.value.code


def test_approved_it_is_queued(job: TrainingJob, cast: Any) -> None:
    actions.approve_job(job, cast.ada)
    job.refresh_from_db()
    assert (job.status, job.approved_by) == ("queued", cast.ada)
    assert job.queued_at is not None
    event = Event.objects.about(job).last()
    assert (event.was, event.became, event.by) == ("proposed", "queued", cast.ada)


def test_rejected_with_a_reason(job: TrainingJob, cast: Any) -> None:
    assert refusal(lambda: actions.reject_job(job, cast.ada, "  ")) == "reason_missing"
    actions.reject_job(job, cast.ada, " Too long. ")
    job.refresh_from_db()
    assert (job.status, job.code, job.detail) == ("rejected", "rejected", "Too long.")
    assert job.ended_at is not None


@pytest.mark.parametrize("who", ["ben", "chen", "dana"])
def test_only_maintainers_decide(job: TrainingJob, cast: Any, who: str) -> None:
    by = getattr(cast, who)
    assert refusal(lambda: actions.approve_job(job, by)) == "role_required"
    assert refusal(lambda: actions.reject_job(job, by, "no")) == "role_required"


@pytest.mark.parametrize("status", [each for each in Status.values if each != "proposed"])
def test_decided_once(job: TrainingJob, cast: Any, status: str) -> None:
    put(job, status)
    assert refusal(lambda: actions.approve_job(job, cast.ada)) == "not_proposed"
    assert refusal(lambda: actions.reject_job(job, cast.ada, "no")) == "not_proposed"


def test_not_on_a_version_retired_meanwhile(job: TrainingJob, cast: Any) -> None:
    Version.objects.filter(pk=job.version_id).update(status="retired")
    job.version.refresh_from_db()
    assert refusal(lambda: actions.approve_job(job, cast.ada)) == "version_not_approved"


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("proposed", "cancelled"),
        ("queued", "cancelled"),
        ("running", "cancelling"),
        ("cancelling", "already_cancelling"),
        ("succeeded", "job_over"),
        ("failed", "job_over"),
        ("cancelled", "job_over"),
        ("rejected", "job_over"),
    ],
)
def test_cancelling_in_every_state(job: TrainingJob, cast: Any, status: str, becomes: str) -> None:
    put(job, status)
    if becomes in Status.values:
        actions.cancel_job(job, cast.ben)
        job.refresh_from_db()
        assert job.status == becomes
    else:
        assert refusal(lambda: actions.cancel_job(job, cast.ben)) == becomes


@pytest.mark.parametrize(
    ("who", "may"), [("ben", True), ("ada", True), ("chen", False), ("dana", False)]
)
def test_who_may_cancel(job: TrainingJob, cast: Any, who: str, may: bool) -> None:
    if may:
        actions.cancel_job(job, getattr(cast, who))
        assert job.status == "cancelled"
    else:
        assert refusal(lambda: actions.cancel_job(job, getattr(cast, who))) == "not_yours"


def test_cancelled_while_a_worker_claims_it(job: TrainingJob, cast: Any) -> None:
    """The page still shows it as queued; a worker has it since."""
    actions.approve_job(job, cast.ada)
    claim()
    assert job.status == "queued"
    actions.cancel_job(job, cast.ben)
    job.refresh_from_db()
    assert job.status == "cancelling"
