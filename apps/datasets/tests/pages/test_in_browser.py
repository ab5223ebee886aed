"""What only a browser can show: sending files, the theme; the desks have files of their own."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from apps.datasets.actions import open_contribution
from apps.datasets.models import Contribution, Dataset, Receipt
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.pages.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_folder_arrives_with_its_names(
    visit: Visit, dataset: Dataset, cast: SimpleNamespace, tmp_path: Path
) -> None:
    for number in range(4):
        file = tmp_path / "train" / ("cat" if number % 2 else "dog") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make_image(number))
    opened = open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
    page = visit(cast.ben, f"/contributions/{opened.uuid}/")

    page.set_input_files("#choose-folder", tmp_path / "train")
    expect(page.locator("#summary")).to_have_text("4 of 4 files have arrived")
    page.get_by_role("button", name="That is everything").click()
    expect(page.locator("#messages")).to_contain_text("Thank you")

    names = set(Receipt.objects.values_list("name", flat=True))
    assert names == {"train/dog/0.png", "train/cat/1.png", "train/dog/2.png", "train/cat/3.png"}
    assert Contribution.objects.get().status == "processing"


def test_the_theme_is_remembered(visit: Visit, cast: SimpleNamespace) -> None:
    page = visit(cast.ben, "/")
    page.get_by_role("button", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("button", name="Light")).to_be_visible()
