"""The whole main job by clicking, as four members: files in, a leaderboard row out."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect
from sklearn.datasets import load_digits

from apps.leaderboard.tasks import collect
from tests.browser.conftest import Person

# Forty steps of five programs on a busy machine; each step has a limit of its own.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

CLASSES = ("3", "8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """120 handwritten threes and eights in class folders; one in the wrong one, one no image."""
    digits = load_digits()
    root = tmp_path / "digits"
    for name in CLASSES:
        (root / name).mkdir(parents=True)
    for name in CLASSES:
        chosen = [
            image for image, y in zip(digits.images, digits.target, strict=True) if y == int(name)
        ]
        for number, pixels in enumerate(chosen[:60]):
            image = Image.fromarray((pixels * 15.9375).astype("uint8"))
            wrong = name == "3" and number == 0
            image.save(root / ("8" if wrong else name) / f"{name}-{number:02}.png")
    (root / "3" / "broken.png").write_bytes(b"no image at all")
    return root


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_four_members_do_the_main_job(
    people: Any, workers: Any, folder: Path, language: str
) -> None:
    cast = people(language)
    for person in vars(cast).values():
        person.sign_up()
    _make_dataset(cast.ada)
    _invite(cast)
    _contribute(cast.ben, folder)
    _review(cast.chen)
    _freeze(cast.ada)
    _propose(cast.dana)
    _approve_job(cast.ada)
    _read_leaderboard(cast.dana)
    _follow_the_chain_back(cast.dana)


def _make_dataset(ada: Person) -> None:
    ada.goto("/")
    ada.follow("Create a dataset")
    ada.page.fill("[name=title]", "Digits")
    ada.page.fill("[name=class_names]", "\n".join(CLASSES))
    ada.page.fill("[name=agreement]", "Only digits.")
    ada.page.fill("[name=test_percent]", "30")
    ada.press("Create the dataset")
    ada.page.wait_for_url("**/datasets/digits/")


def _invite(cast: SimpleNamespace) -> None:
    for person, role in (
        (cast.ben, "contributor"),
        (cast.chen, "reviewer"),
        (cast.dana, "contributor"),
    ):
        cast.ada.goto("/datasets/digits/people/")
        cast.ada.page.locator("main form select[name=role]").last.select_option(role)
        cast.ada.press("Make an invitation link")
        person.goto(cast.ada.page.locator("#link").inner_text())
        person.press("Join")
        person.page.wait_for_url("**/datasets/digits/")


def _contribute(ben: Person, folder: Path) -> None:
    ben.goto("/datasets/digits/contribute/")
    ben.press("Go on to the files")  # without the tick
    ben.sees(ben.say("Tick that you may share these files under the licence and the agreement."))
    ben.page.check("[name=agreed]")
    ben.press("Go on to the files")
    ben.page.set_input_files("#choose-folder", folder)
    ben.sees(ben.say("{sent} of {all} files have arrived").format(sent=121, all=121))
    ben.press("That is everything")
    ready = ben.say("ready for review")
    ben.page.locator(".status", has_text=ready).first.wait_for()
    refused = ben.page.locator(".pills a[href*='outcome=refused']")
    refused.click()
    ben.sees("broken.png")
    ben.sees(
        ben.say("This is not an image, whatever its name says. JPEG, PNG and WebP are accepted.")
    )
    assert ben.page.locator(".pills a[href*='outcome=accepted'] .count").inner_text() == "120"


def _review(chen: Person) -> None:
    """The keyboard alone: accept the threes; fix the odd one among the eights, reject another."""
    keyboard = chen.page.keyboard
    grid = chen.page.locator(".review-grid [role=option]:not(.gone)")
    chen.goto("/datasets/digits/review/?size=120")
    expect(grid).to_have_count(59)
    chen.accepts_the_class()
    expect(grid).to_have_count(61)  # the page goes on to the next class by itself
    grid.first.focus()
    keyboard.press(str(chen.page.locator("[data-fix]").first.get_attribute("data-key")))
    expect(grid).to_have_count(60)  # 3-00.png came first among the eights: it is really a three
    grid.first.focus()
    keyboard.press("r")
    expect(chen.page.locator("#reasons")).to_be_visible()
    keyboard.press("Enter")
    expect(grid).to_have_count(59)
    keyboard.press("u")  # it was fine after all
    expect(grid).to_have_count(60)
    chen.accepts_the_class()
    chen.sees(chen.say("Everything is reviewed"))


def _freeze(ada: Person) -> None:
    ada.goto("/datasets/digits/versions/")
    ada.page.fill("[name=notes]", "First")
    ada.page.locator("main").get_by_role("button").first.click()
    ada.page.wait_for_url("**/versions/1/")
    ada.press("Approve this version")
    ada.sees(ada.say("Train a model on it"))
    assert len(ada.page.locator("#digest").inner_text()) == 64


def _propose(dana: Person) -> None:
    dana.goto("/datasets/digits/versions/1/")
    dana.follow("Propose a training job")
    dana.page.fill("[name=title]", "First try")
    dana.page.fill("[name=learning_rate]", "-1")
    dana.press("Propose the job")
    dana.page.locator(".field [aria-invalid=true], .field.invalid").first.wait_for()
    dana.page.fill("[name=learning_rate]", "0.003")
    dana.page.fill("[name=epochs]", "8")
    dana.page.fill("[name=image_size]", "8")
    dana.press("Propose the job")
    dana.page.wait_for_url("**/jobs/*-*/")


def _approve_job(ada: Person) -> None:
    ada.goto("/datasets/digits/jobs/")
    ada.follow("First try")
    ada.press("Approve this job")
    succeeded = ada.say("succeeded")
    ada.page.locator(".status", has_text=succeeded).first.wait_for(timeout=120_000)
    ada.page.locator(".uplot canvas").first.wait_for()
    with ada.page.expect_download() as download:
        ada.page.get_by_role("link", name=re.compile("safetensors")).first.click()
    assert download.value.path().stat().st_size > 10_000


def _read_leaderboard(dana: Person) -> None:
    collect()  # what beat does every five seconds
    dana.goto("/datasets/digits/leaderboard/")
    row = dana.page.locator("tbody tr").first
    assert "First try" in row.inner_text()
    accuracy = float(re.search(r"\b[01]\.\d{4}\b", row.inner_text())[0])  # type: ignore[index]
    assert accuracy > 0.9


def _follow_the_chain_back(dana: Person) -> None:
    """Leaderboard row → job → version → images → one image's page with its whole history."""
    dana.follow("First try")
    dana.page.wait_for_url("**/jobs/*-*/")
    dana.page.locator("a[href='/datasets/digits/versions/1/']").first.click()
    dana.page.wait_for_url("**/versions/1/")
    dana.page.locator(".chain a[href*='/samples/']").first.click()
    dana.page.locator("a[href^='/samples/']").first.click()
    dana.sees(dana.say("History"))
    assert "ben" in dana.page.locator("main").inner_text()
    assert "chen" in dana.page.locator("main").inner_text()
