"""What only a browser can show: sending files, leading keys, the theme. The desks have their own."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from apps.datasets.actions import open_contribution
from apps.datasets.actions.relabelling import apply_changes, claim_change
from apps.datasets.models import (
    Contribution,
    Dataset,
    Membership,
    Receipt,
    Role,
    Sample,
    SchemaChange,
)
from apps.datasets.tests.cast import make_image, make_member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def quiet_page(page: Page) -> Iterator[Page]:
    """A page on which no script failed and no policy was broken."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert said == []


@pytest.fixture
def log_in(quiet_page: Page, live_server: Any, browser_of: Any) -> Any:
    """log_in(member): the page, with that member's session."""

    def as_member(member: Any) -> Page:
        key = browser_of(member).cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}
        quiet_page.context.add_cookies([cookie])
        return quiet_page

    return as_member


def test_a_folder_arrives_with_its_names(
    log_in: Any, live_server: Any, dataset: Dataset, cast: SimpleNamespace, tmp_path: Path
) -> None:
    for number in range(4):
        file = tmp_path / "train" / ("cat" if number % 2 else "dog") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make_image(number))
    opened = open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
    page = log_in(cast.ben)
    page.goto(f"{live_server.url}/contributions/{opened.uuid}/")

    page.set_input_files("#choose-folder", tmp_path / "train")
    expect(page.locator("#summary")).to_have_text("4 of 4 files have arrived")
    page.get_by_role("button", name="That is everything").click()
    expect(page.locator("#messages")).to_contain_text("Thank you")

    names = set(Receipt.objects.values_list("name", flat=True))
    assert names == {"train/dog/0.png", "train/cat/1.png", "train/dog/2.png", "train/cat/3.png"}
    assert Contribution.objects.get().status == "processing"


def test_the_theme_is_remembered(log_in: Any, live_server: Any, cast: SimpleNamespace) -> None:
    page = log_in(cast.ben)
    page.goto(live_server.url)
    page.get_by_role("button", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("button", name="Light")).to_be_visible()


def test_keys_lead_along_the_filtered_list(
    log_in: Any, live_server: Any, samples: list[Sample], cast: SimpleNamespace
) -> None:
    """J and → to the next of the filter one came from, K and ← back; not while one writes."""
    cats = [sample.pk for sample in reversed(samples[::2])]
    page = log_in(cast.ben)
    page.goto(f"{live_server.url}/datasets/pets/samples/?label={samples[0].label_id}")
    page.locator(".tile").first.click()
    heading = page.locator("h2").first
    expect(heading).to_have_text(f"Sample {cats[0]}")
    page.wait_for_load_state()
    for key, pk in (
        ("j", cats[1]),
        ("ArrowRight", cats[2]),
        ("k", cats[1]),
        ("ArrowLeft", cats[0]),
    ):
        page.keyboard.press(key)
        expect(heading).to_have_text(f"Sample {pk}")
        page.wait_for_load_state()
    page.keyboard.press("k")  # there is none before the first
    page.locator("#comment-text").press_sequentially("just a joke")
    expect(page.locator("#comment-text")).to_have_value("just a joke")
    expect(heading).to_have_text(f"Sample {cats[0]}")

    page.get_by_label("keys J, K and arrows lead on").uncheck()
    page.locator("h2").first.click()
    page.keyboard.press("j")
    page.reload()
    expect(page.get_by_label("keys J, K and arrows lead on")).not_to_be_checked()
    expect(heading).to_have_text(f"Sample {cats[0]}")
    page.get_by_role("link", name="Back to the filtered list").click()
    expect(page.locator(".tile")).to_have_count(5)


def test_a_line_of_credit_is_copied(
    log_in: Any, live_server: Any, samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace
) -> None:
    approve(samples)
    version = freeze()
    page = log_in(cast.ben)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{live_server.url}/datasets/pets/contributors/ben/")
    button = page.get_by_role("button", name="Copy Version 1")
    button.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == (
        f"ben brought 10 of the 10 samples of Pets, version 1 (CC-BY-4.0, sha256 "
        f"{version.digest[:12]}): {live_server.url}/datasets/pets/versions/1/"
    )


def test_a_filter_is_taken_off_by_one_press_on_a_phone(
    log_in: Any, live_server: Any, samples: list[Sample], cast: SimpleNamespace, approve: Any
) -> None:
    approve(samples[:4])
    page = log_in(cast.ben)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{live_server.url}/datasets/pets/samples/")
    page.get_by_label("Status").select_option("approved")
    expect(page.locator(".tile")).to_have_count(4)
    page.get_by_label("Class").select_option("dog")
    expect(page.locator(".tile")).to_have_count(2)
    chips = page.locator(".chips a")
    expect(chips).to_have_count(3)  # with "Show all"
    page.get_by_role("link", name="Status approved").click()
    expect(page.locator(".tile")).to_have_count(5)
    expect(page.get_by_label("Status")).to_have_value("")
    expect(page.get_by_label("Class")).to_have_value(str(samples[1].label_id))
    expect(chips).to_have_count(1)
    chips.first.click()
    expect(page.locator(".tile")).to_have_count(10)
    expect(chips).to_have_count(0)


def test_two_maintainers_merge_two_classes(
    log_in: Any, live_server: Any, dataset: Dataset, samples: Any, cast: SimpleNamespace
) -> None:
    """Ada proposes, Mara approves, the page follows the worker, and the samples have the class."""
    mara = make_member("mara")
    Membership.objects.create(dataset=dataset, member=mara, role=Role.MAINTAINER)
    page = log_in(cast.ada)
    page.goto(f"{live_server.url}/datasets/pets/classes/")
    page.get_by_role("link", name="Rename, merge, split cat").click()
    page.get_by_label("The class that it goes into").select_option("dog")
    page.locator("#id_merge-why").fill("One animal")
    page.get_by_role("button", name="Propose to merge it").click()
    expect(page.get_by_text("another maintainer decides")).to_be_visible()
    address = page.url

    page = log_in(mara)
    page.goto(address)
    page.get_by_role("button", name="Approve the change").click()
    expect(page.get_by_text("It waits for a worker.")).to_be_visible()
    change = claim_change()
    assert change is not None
    expect(page.get_by_text("Moving samples: 0 of 5.")).to_be_visible()
    SchemaChange.objects.update(claimed_until=None)
    assert apply_changes() == 1
    expect(page.get_by_text("It is done: 5 samples were moved.")).to_be_visible()

    page.goto(f"{live_server.url}/datasets/pets/samples/")
    chips = page.locator(".tiles .class-chip")
    expect(chips).to_have_count(10)
    assert set(chips.all_inner_texts()) == {"dog"}
