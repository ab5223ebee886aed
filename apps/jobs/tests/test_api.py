"""Jobs over HTTP: the same rules, as JSON."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.datasets import blobs
from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.actions import Ending, Kept
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import QUICK, claim, make_queued, make_version


@pytest.fixture
def api() -> Any:
    def of(member: Any = None) -> APIClient:
        client = APIClient()
        client.force_authenticate(member)
        return client

    return of


JOBS = "/api/datasets/pets/jobs/"


def test_the_whole_way(version: Version, cast: Any, api: Any) -> None:
    sent = {"version": 1, "title": "first", "config": QUICK}
    made = api(cast.ben).post(JOBS, sent)
    assert made.status_code == 201, made.json()
    one = f"/api/jobs/{made.json()['uuid']}/"
    assert made.json()["waiting"]["code"] == "approval"
    assert api(cast.ben).post(f"{one}approve/").status_code == 403
    assert api(cast.ada).post(f"{one}approve/").json()["status"] == "queued"
    assert api(cast.ben).post(f"{one}cancel/").json()["status"] == "cancelled"
    again = api(cast.ben).post(f"{one}cancel/")
    assert (again.status_code, again.json()["code"]) == (409, "job_over")
    assert "cancelled" in api(cast.ben).get(one).json()["reason"]
    assert [job["title"] for job in api(cast.dana).get(JOBS).json()["results"]] == ["first"]


def test_refusals_are_problems(version: Version, dataset: Any, cast: Any, api: Any) -> None:
    bad = QUICK | {"optimizer": {"kind": "sgd", "learning_rate": -1}}
    answer = api(cast.ben).post(JOBS, {"version": 1, "title": "x", "config": bad})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_config")
    assert answer.json()["errors"]["optimizer.learning_rate"] == ["Must be greater than 0.0."]
    make_version(dataset, cast.ada, status="draft")
    answer = api(cast.ben).post(JOBS, {"version": 2, "title": "x", "config": QUICK})
    assert (answer.status_code, answer.json()["code"]) == (409, "version_not_approved")
    assert api(cast.ben).post(JOBS, {"version": 3, "title": "x", "config": {}}).status_code == 404
    assert api(cast.ben).post(JOBS, {"version": 1}).status_code == 400
    assert not TrainingJob.objects.exists()


def test_rejecting_needs_a_reason(job: TrainingJob, cast: Any, api: Any) -> None:
    one = f"/api/jobs/{job.uuid}/reject/"
    assert api(cast.ada).post(one, {}).status_code == 400
    assert api(cast.ada).post(one, {"reason": "twice"}).json()["detail"] == "twice"


def test_filters_are_allow_listed(job: TrainingJob, cast: Any, api: Any) -> None:
    client = api(cast.ada)
    assert len(client.get(f"{JOBS}?status=proposed&version=1").json()["results"]) == 1
    assert client.get(f"{JOBS}?status=queued").json()["results"] == []
    assert client.get(f"{JOBS}?status=nonsense").status_code == 400
    assert client.get(f"{JOBS}?version=-1").status_code == 400


def test_measurements_after_a_cursor(version: Version, cast: Any, api: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    attempt = claim()
    events = [
        {"seq": seq, "time": 0.0, "kind": "step", "step": seq, "epoch": 1, "loss": 1 / seq}
        for seq in range(1, 6)
    ]
    actions.record_events(attempt, events)
    address = f"/api/jobs/{job.uuid}/events/"
    first = api(cast.dana).get(address).json()
    assert [point["step"] for point in first["points"]] == [1, 2, 3, 4, 5]
    assert first["done"] is False
    actions.record_events(attempt, [events[0] | {"seq": 6, "step": 6}])
    later = api(cast.dana).get(f"{address}?after={first['next']}").json()
    assert [point["seq"] for point in later["points"]] == [6]
    assert api(cast.dana).get(f"{address}?after=x").status_code == 400


def test_artifacts_are_downloaded_as_files(version: Version, cast: Any, api: Any) -> None:
    job = make_queued(version, cast.ben, cast.ada)
    attempt = claim()
    kept = Kept("log", "log.txt", blobs.put(b"<script>"), 8)
    actions.begin_run(attempt)
    actions.finish_attempt(attempt, Ending("succeeded", kept=[kept]))
    address = f"/api/jobs/{job.uuid}/artifacts/"
    assert [each["role"] for each in api(cast.dana).get(address).json()] == ["log"]
    file = api(cast.dana).get(f"{address}log/")
    assert b"".join(file.streaming_content) == b"<script>"
    assert file["Content-Disposition"].startswith("attachment")
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file["Content-Security-Policy"]
    assert api(cast.dana).get(f"{address}weights/").status_code == 404


@pytest.mark.parametrize("path", ["", "events/", "artifacts/", "artifacts/log/"])
def test_private_jobs_are_not_there_for_outsiders(
    job: TrainingJob, cast: Any, api: Any, path: str
) -> None:
    job.dataset.visibility = "private"
    job.dataset.save()
    assert api(cast.dana).get(f"/api/jobs/{job.uuid}/{path}").status_code == 404
    assert api().get(f"/api/jobs/{job.uuid}/{path}").status_code == 404
    assert api(cast.ben).get(f"/api/jobs/{job.uuid}/").status_code == 200


@pytest.mark.parametrize("act", ["approve", "reject", "cancel"])
def test_deciding_needs_an_account(job: TrainingJob, api: Any, act: str) -> None:
    assert api().post(f"/api/jobs/{job.uuid}/{act}/", {"reason": "x"}).status_code == 401
