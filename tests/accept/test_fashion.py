"""1,800 real images as a zip in the browser: labels and splits arrive, and a job trains on them."""

import re
from pathlib import Path
from typing import Any

import pytest

from apps.datasets.models import Sample, Version
from apps.leaderboard.tasks import collect
from tests.browser.conftest import Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_fashion_zip_from_upload_to_leaderboard(people: Any, workers: Any, data: Path) -> None:
    cast = people("en")
    for person in (cast.ada, cast.ben, cast.chen):
        person.sign_up()
    _make_dataset(cast.ada)
    for person, role in ((cast.ben, "contributor"), (cast.chen, "reviewer")):
        cast.ada.goto("/datasets/fashion/people/")
        cast.ada.page.locator("main form select[name=role]").last.select_option(role)
        cast.ada.press("Make an invitation link")
        person.goto(cast.ada.page.locator("#link").inner_text())
        person.press("Join")
    batch = _contribute(cast.ben, data / "fashion-smoke-png.zip")
    _make_classes(cast.ada, batch)
    _review(cast.chen)
    _freeze(cast.ada)
    assert _train(cast.ada) > 0.6


def _make_dataset(ada: Person) -> None:
    """Without a class: the folders of the zip name them."""
    ada.goto("/datasets/new/")
    ada.page.fill("[name=title]", "Fashion")
    ada.page.select_option("[name=licence]", "MIT")
    ada.press("Create the dataset")
    ada.page.wait_for_url("**/datasets/fashion/")


def _contribute(ben: Person, archive: Path) -> str:
    ben.goto("/datasets/fashion/contribute/")
    ben.page.check("[name=agreed]")
    ben.press("Go on to the files")
    ben.page.set_input_files("#choose-files", archive)
    ben.sees(ben.say("{sent} of {all} files have arrived").format(sent=1, all=1))
    ben.press("That is everything")
    ben.page.locator(".status", has_text=ben.say("ready for review")).first.wait_for(
        timeout=180_000
    )
    counts = {
        re.search(r"outcome=(\w+)", link.get_attribute("href") or "")[1]: link.inner_text()  # type: ignore[index]
        for link in ben.page.locator(".pills a[href*='outcome=']").all()
    }
    assert re.search(r"1,800$", counts["accepted"])
    assert re.search(r"\b1$", counts["refused"])  # the LICENSE file, which is no image
    assert Sample.objects.filter(declared_split="train").count() == 1500
    assert Sample.objects.filter(declared_split="test").count() == 300
    return ben.page.url


def _make_classes(ada: Person, batch: str) -> None:
    ada.goto(batch)
    ada.page.get_by_role("button", name=re.compile("Create these 10 classes")).click()
    ada.page.wait_for_load_state("networkidle")
    assert not Sample.objects.filter(label=None).exists()


def _review(chen: Person) -> None:
    chen.goto("/datasets/fashion/review/")
    chen.accepts_everything()
    assert Sample.objects.filter(status="approved").count() == 1800


def _freeze(ada: Person) -> None:
    ada.goto("/datasets/fashion/versions/")
    ada.page.locator("main").get_by_role("button").first.click()
    ada.page.wait_for_url("**/versions/1/")
    ada.press("Approve this version")
    ada.sees(ada.say("Train a model on it"))
    version = Version.objects.get()
    assert all(each == {"train": 150, "test": 30} for each in version.counts.values())
    assert len(version.counts) == 10


def _train(ada: Person) -> float:
    ada.goto("/datasets/fashion/versions/1/")
    ada.follow("Propose a training job")
    ada.page.fill("[name=title]", "Smoke")
    ada.page.fill("[name=epochs]", "8")
    ada.page.fill("[name=image_size]", "28")
    ada.press("Propose the job")
    ada.press("Approve this job")
    ada.page.locator(".status", has_text=ada.say("succeeded")).first.wait_for(timeout=240_000)
    collect()
    ada.goto("/datasets/fashion/leaderboard/")
    return float(re.search(r"\b[01]\.\d{4}\b", ada.page.locator("tbody tr").first.inner_text())[0])  # type: ignore[index]
