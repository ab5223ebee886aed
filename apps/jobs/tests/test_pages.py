"""The pages of jobs, as members meet them."""

from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.forms import propose_form
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import claim, make_worker
from apps.jobs.tests.test_overlay import shown
from training import recipes

CHANGED = {
    "title": "mine",
    "optimizer": "sgd",
    "learning_rate": "",
    "epochs": "3",
    "batch_size": "32",
    "image_size": "16",
    "channels": "grey",
}


def filled(version: Version, **change: Any) -> dict[str, Any]:
    """The form as a browser sends it."""
    return shown(propose_form(version.dataset)) | CHANGED | {"version": version.pk} | change


def text(response: Any) -> str:
    assert response.status_code == 200, response.content[:500]
    found: str = response.content.decode()
    assert "style=" not in found
    return found


def main(page: str) -> str:
    """What is the page's own."""
    return page.partition("<main")[2].partition("</main")[0]


def test_proposing_by_form(version: Version, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ben)
    address = reverse("job_new", args=["pets"])
    assert 'name="learning_rate"' in text(client.get(address))
    answer = client.post(address, filled(version))
    job = TrainingJob.objects.get()
    assert answer.headers["Location"] == reverse("job", args=[job.uuid])
    assert (job.config["optimizer"]["kind"], job.config["optimizer"]["learning_rate"]) == (
        "sgd",
        0.1,
    )
    assert job.config["image"]["channels"] == "grey"


def test_more_options_by_form(version: Version, cast: Any, browser_of: Any) -> None:
    more = {"sampling": "weighted", "averaging": "ema", "dropout": "0.4", "pruning": "magnitude"}
    more |= {"pruning_amount": "0.7", "cutout": "0.25", "test_time_augmentation": "on"}
    browser_of(cast.ben).post(reverse("job_new", args=["pets"]), filled(version, **more))
    config = TrainingJob.objects.get().config
    assert (config["sampling"], config["averaging"]["kind"]) == ("weighted", "ema")
    assert config["pruning"] == {"kind": "magnitude", "amount": 0.7, "epochs": 2}
    assert (config["model"]["dropout"], config["augmentation"]["cutout"]) == (0.4, 0.25)
    assert config["test_time_augmentation"] is True


def test_a_text_dataset_has_its_own_form(texts: Version, cast: Any, browser_of: Any) -> None:
    client, address = browser_of(cast.ben), reverse("job_new", args=["bank"])
    page = text(client.get(address))
    assert "Transformer" in page
    assert "image" not in main(page).lower()
    client.post(address, filled(texts, model="gru", vocabulary="300"))
    config = TrainingJob.objects.get().config
    assert (config["model"]["cell"], config["text"]["vocabulary"]) == ("gru", 300)


def test_starting_from_a_recipe(version: Version, cast: Any, browser_of: Any) -> None:
    client, address = browser_of(cast.ben), reverse("job_new", args=["pets"])
    assert "?recipe=fashion-mnist" in text(client.get(address))
    page = text(client.get(address, {"recipe": "fashion-mnist"}))
    assert 'name="recipe" value="fashion-mnist"' in page
    assert 'name="batch_size" value="128"' in page
    assert "24 (3×3, pool 2)" in page, "what the form does not ask is shown"
    recipe = recipes.read("fashion-mnist")
    sent = shown(propose_form(version.dataset, recipe=recipe)) | {"recipe": "fashion-mnist"}
    client.post(address, sent | {"version": version.pk, "title": "as it says", "epochs": "2"})
    config = TrainingJob.objects.get().config
    assert len(config["model"]["blocks"]) == 4, "nothing of the recipe is lost"
    assert (config["epochs"], config["augmentation"]["flip"]) == (2, False)


def test_only_recipes_that_fit(
    version: Version, texts: Version, cast: Any, browser_of: Any
) -> None:
    client = browser_of(cast.ben)
    assert "?recipe=chinese-texts" in text(client.get(reverse("job_new", args=["bank"])))
    for name in ("chinese-texts", "nothing"):
        answer = client.get(reverse("job_new", args=["pets"]), {"recipe": name})
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learning_rate": "-1"}, "Must be greater than 0"),
        ({"epochs": "0"}, "Must be at least 1"),
        ({"image_size": "4"}, "Must be at least 8"),
        ({"optimizer": "magic"}, "magic"),
        ({"model": "resnet9", "batch_size": "4"}, "Batch normalisation needs"),
        ({"model": "resnet9", "dropout": "0.3"}, "This model has none: leave it empty."),
        ({"pruning": "magnitude", "pruning_amount": "2"}, "Must be at most 0.95"),
        ({"model": "vit", "pruning": "structured"}, "Only the channels of a CNN"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    version: Version, cast: Any, browser_of: Any, change: Any, says: str
) -> None:
    address = reverse("job_new", args=["pets"])
    page = text(browser_of(cast.ben).post(address, filled(version, **change)))
    assert says in page
    assert 'class="field wrong"' in page
    assert 'value="mine"' in page, "nothing that was typed is lost"
    assert not TrainingJob.objects.exists()


def test_an_estimate_follows_the_form(version: Version, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ben)
    address = reverse("job_plan", args=["pets"])
    assert "Parameters" in text(client.get(address, filled(version)))
    assert "cannot be trained" in text(client.get(address, filled(version, epochs="0")))


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
