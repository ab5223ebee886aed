"""The leaderboard's page and API: one version at a time, honest about ties."""

from typing import Any

from django.urls import reverse

from apps.jobs.tests.stage import make_version
from apps.leaderboard.actions import collect_entries


def test_the_api_lists_entries_by_rank(
    finish: Any, digits: Any, cast: Any, browser_of: Any
) -> None:
    finish(wrong=40, seed=1)
    best = finish(wrong=1, seed=2)
    collect_entries()
    found = browser_of(cast.dana).get("/api/datasets/digits/leaderboard/").json()
    assert [entry["rank"] for entry in found["entries"]] == [1, 2]
    assert found["entries"][0]["job"] == str(best.uuid)
    assert found["entries"][0]["member"] == "ada"
    assert (found["version"], found["tied"], found["samples"]) == (1, 1, 60)
    assert "correct" not in found["entries"][0]


def test_the_page_says_when_leaders_cannot_be_told_apart(
    finish: Any, cast: Any, browser_of: Any
) -> None:
    job = finish(wrong=1, seed=1)
    finish(wrong=2, seed=2)
    collect_entries()
    page = browser_of(cast.dana).get(reverse("leaderboard", args=["digits"])).content.decode()
    assert "cannot be told apart" in page
    assert reverse("job", args=[job.uuid]) in page
    assert "style=" not in page


def test_versions_are_never_mixed(finish: Any, digits: Any, cast: Any, browser_of: Any) -> None:
    finish()
    collect_entries()
    make_version(digits.dataset, cast.ada)
    client = browser_of(cast.dana)
    address = "/api/datasets/digits/leaderboard/"
    assert len(client.get(address, {"version": 1}).json()["entries"]) == 1
    assert client.get(address, {"version": 2}).json()["entries"] == []
    assert client.get(address).json()["version"] == 1, "the newest that has results"
    assert client.get(address, {"version": 9}).status_code == 404
    assert client.get(address, {"version": "x"}).status_code == 400


def test_empty_it_teaches_the_next_step(dataset: Any, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ben)
    page = client.get(reverse("leaderboard", args=["pets"])).content.decode()
    assert reverse("versions", args=["pets"]) in page
    make_version(dataset, cast.ada)
    page = client.get(reverse("leaderboard", args=["pets"])).content.decode()
    assert reverse("job_new", args=["pets"]) in page


def test_private_is_not_there_for_outsiders(dataset: Any, cast: Any, browser_of: Any) -> None:
    dataset.visibility = "private"
    dataset.save()
    client = browser_of(cast.dana)
    assert client.get(reverse("leaderboard", args=["pets"])).status_code == 404
    assert client.get("/api/datasets/pets/leaderboard/").status_code == 404
