"""The pages of jobs, as members meet them."""

from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import claim, make_worker

FORM = {
    "title": "mine",
    "model": "cnn",
    "optimizer": "sgd",
    "learning_rate": "",
    "epochs": "3",
    "batch_size": "32",
    "seed": "0",
    "image_size": "16",
    "channels": "grey",
    "translate": "0",
    "rotate": "0",
    "zoom": "0",
}


def text(response: Any) -> str:
    assert response.status_code == 200, response.content[:500]
    found: str = response.content.decode()
    assert "style=" not in found
    return found


def test_proposing_by_form(version: Version, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ben)
    address = reverse("job_new", args=["pets"])
    assert 'name="learning_rate"' in text(client.get(address))
    answer = client.post(address, FORM | {"version": version.pk})
    job = TrainingJob.objects.get()
    assert answer.headers["Location"] == reverse("job", args=[job.uuid])
    assert job.config["optimizer"] == {"kind": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}
    assert job.config["image"]["channels"] == "grey"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learning_rate": "-1"}, "Must be greater than 0"),
        ({"epochs": "0"}, "Must be at least 1"),
        ({"image_size": "4"}, "Must be at least 8"),
        ({"optimizer": "magic"}, "magic"),
        ({"model": "resnet", "batch_size": "4"}, "Batch normalisation needs"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    version: Version, cast: Any, browser_of: Any, change: Any, says: str
) -> None:
    address = reverse("job_new", args=["pets"])
    page = text(browser_of(cast.ben).post(address, FORM | {"version": version.pk} | change))
    assert says in page
    assert 'class="field wrong"' in page
    assert 'value="mine"' in page, "nothing that was typed is lost"
    assert not TrainingJob.objects.exists()


def test_an_estimate_follows_the_form(version: Version, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ben)
    address = reverse("job_plan", args=["pets"])
    assert "Parameters" in text(client.get(address, FORM | {"version": version.pk}))
    wrong = FORM | {"version": version.pk, "epochs": "0"}
    assert "cannot be trained" in text(client.get(address, wrong))


def test_a_job_from_proposal_to_cancellation(job: TrainingJob, cast: Any, browser_of: Any) -> None:
    owner, member = browser_of(cast.ada), browser_of(cast.ben)
    one = reverse("job", args=[job.uuid])
    assert "Approve this job" not in text(member.get(one))
    page = text(owner.get(one))
    assert "Approve this job" in page
    assert reverse("version", args=["pets", 1]) in page
    owner.post(reverse("job_approve", args=[job.uuid]))
    assert "No worker is running" in text(member.get(one))
    claim()
    assert "Cancel this job" in text(member.get(one))
    member.post(reverse("job_cancel", args=[job.uuid]))
    assert "being cancelled" in text(member.get(one))


def test_rejected_by_form_says_why(job: TrainingJob, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ada)
    client.post(reverse("job_reject", args=[job.uuid]), {"reason": "Use <b>less</b>"})
    page = text(client.get(reverse("job", args=[job.uuid])))
    assert "Use &lt;b&gt;less&lt;/b&gt;" in page


def test_the_live_part_is_sent_when_it_has_changed(
    job: TrainingJob, cast: Any, browser_of: Any
) -> None:
    client = browser_of(cast.ben)
    live = reverse("job_live", args=[job.uuid])
    tag = client.get(live).headers["ETag"]
    assert client.get(live, headers={"If-None-Match": tag}).status_code == 304
    actions.approve_job(job, cast.ada)
    fresh = client.get(live, headers={"If-None-Match": tag})
    assert fresh.status_code == 200
    assert b"data-done" not in fresh.content
    tag = fresh.headers["ETag"]
    attempt = claim()
    event = {"seq": 1, "time": 0.0, "kind": "epoch", "epoch": 1, "step": 4, "steps": 9}
    actions.record_events(attempt, [event | {"train_loss": 0.5, "train_accuracy": 0.75}], "log")
    fresh = client.get(f"{live}?part=details", headers={"If-None-Match": tag})
    assert b"0.7500" in fresh.content
    job.refresh_from_db()
    actions.cancel_job(job, cast.ben)
    actions.finish_attempt(attempt, actions.Ending("cancelled", "cancelled"))
    tag = fresh.headers["ETag"]
    assert b"data-done" in client.get(live, headers={"If-None-Match": tag}).content


def test_lists(job: TrainingJob, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.dana)
    assert reverse("job", args=[job.uuid]) in text(client.get(reverse("jobs", args=["pets"])))
    assert "No job yet" in text(client.get(reverse("jobs", args=["pets"]), {"version": 7}))
    assert client.get(reverse("jobs", args=["pets"]), {"version": "x"}).status_code == 400


def test_workers(job: TrainingJob, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.dana)
    assert "No worker has ever reported" in text(client.get(reverse("workers")))
    actions.approve_job(job, cast.ada)
    assert "no worker is running" in text(client.get(reverse("workers")))
    claim(make_worker("train@somewhere"))
    page = text(client.get(reverse("workers")))
    assert "train@somewhere" in page
    assert f">{job.title}<" in page
    job.dataset.visibility = "private"
    job.dataset.save()
    page = text(client.get(reverse("workers")))
    assert f">{job.title}<" not in page, "no name of what is private"


@pytest.mark.parametrize("name", ["job", "job_live"])
def test_private_is_not_there_for_outsiders(
    job: TrainingJob, cast: Any, browser_of: Any, name: str
) -> None:
    job.dataset.visibility = "private"
    job.dataset.save()
    assert browser_of(cast.dana).get(reverse(name, args=[job.uuid])).status_code == 404
