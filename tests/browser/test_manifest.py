"""A manifest in the browser: checked, mended, used; and the one that lies in a chosen folder."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import expect

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Contribution, Licence, ManifestRow, Receipt
from apps.datasets.tests.cast import make_image
from apps.jobs.tests.processes import wait_for
from tests.browser.conftest import Person
from tests.browser.test_every_page import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEAD = "filename,label,group,source,licence,split\n"
RIGHT = HEAD + "cat/1.png,dog,rex,North shelter,CC0-1.0,test\n2.png,cat,tom,,,\n"
SAID = {
    "pets/cat/1.png": ("dog", "rex", "North shelter", "CC0-1.0", "test"),
    "pets/2.png": ("cat", "tom", "", "CC-BY-4.0", ""),
}


@pytest.fixture
def ben(people: Any) -> Person:
    """Ben, signed in, on the page of an open contribution."""
    person: Person = people("en").ben
    person.sign_up()
    member = get_user_model().objects.get(username="ben")
    dataset = actions.create_dataset(
        member, title="Pets", slug="pets", licence=Licence.CC_BY, class_names=["cat", "dog"]
    )
    batch = actions.open_contribution(dataset, member, licence=Licence.CC_BY, agreed=True)
    person.goto(f"/contributions/{batch.uuid}/")
    return person


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "1.png").write_bytes(make_image(1))
    (root / "2.png").write_bytes(make_image(2))
    return root


def choose(ben: Person, tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    ben.page.set_input_files("#manifest-file", path)


def said() -> dict[str, tuple[str, ...]]:
    rows = Receipt.objects.exclude(sample=None).select_related("sample__label")
    return {
        each.name: (
            each.sample.label.name if each.sample.label else each.sample.claimed_class,
            each.sample.group,
            each.sample.source,
            each.sample.licence,
            each.sample.declared_split,
        )
        for each in rows
    }


def test_checked_mended_used(ben: Person, tmp_path: Path, folder: Path) -> None:
    ben.page.get_by_text("A table that says what each file is").click()
    choose(ben, tmp_path, RIGHT.replace("CC0-1.0", "WTFPL").replace("2.png,cat", "2.png,lynx"))
    ben.press("Check it")
    ben.sees("1 line is wrong")
    ben.sees("The licence “WTFPL” is not known here.")
    note = ben.page.locator("#manifest-result .note")
    expect(note).to_be_focused()
    assert not list(faults(ben.page))
    assert not ManifestRow.objects.exists()

    choose(ben, tmp_path, RIGHT)
    ben.press("Check it")
    ben.sees("Nothing is changed yet")
    expect(ben.page.locator("#manifest-result")).to_contain_text(
        "Rows whose file has not arrived yet"
    )
    assert not ManifestRow.objects.exists()
    ben.press("Use it")
    ben.sees("A manifest of 2 rows is in force.")
    assert not list(faults(ben.page))
    ben.page.set_input_files("#choose-folder", folder)
    ben.sees("2 of 2 files have arrived")
    drain_ingest()

    assert said() == SAID
    ben.press("That is everything")
    drain_ingest()
    expect(ben.page.locator(".status", has_text="ready for review").first).to_be_visible()
    expect(ben.page.locator("tbody tr", has_text="cat/1.png")).to_contain_text("dog")


def test_the_manifest_of_a_folder_goes_first(ben: Person, folder: Path) -> None:
    (folder / "metadata.csv").write_text(RIGHT)
    sent: list[str] = []
    ben.page.on("request", lambda each: sent.append(each.method) if each.method != "GET" else None)
    ben.page.set_input_files("#choose-folder", folder)
    ben.sees("2 rows are used.")
    ben.sees("2 of 2 files have arrived")
    drain_ingest()
    assert said() == SAID
    assert sent == ["POST", "POST", "PUT", "PUT"], "the manifest, the names, the files"
    assert Receipt.objects.count() == 2, "the manifest is no file of the contribution"


def test_a_wrong_one_in_a_folder_holds_nothing_up(
    ben: Person, folder: Path, tmp_path: Path
) -> None:
    (folder / "manifest.csv").write_text(RIGHT.replace(",test", ",exam"))
    ben.page.set_input_files("#choose-folder", folder)
    ben.sees("The split “exam” is not known here.")
    ben.sees("2 of 2 files have arrived")
    drain_ingest()
    assert said()["pets/cat/1.png"][0] == "cat"

    ben.page.get_by_text("A table that says what each file is").click()
    choose(ben, tmp_path, RIGHT)
    ben.press("Use it")
    ben.sees("are changed as it says")
    assert said() == SAID


def test_the_folders_manifest_waits_for_the_connection(ben: Person, folder: Path) -> None:
    (folder / "metadata.csv").write_text(RIGHT)
    ben.page.wait_for_load_state("networkidle")  # what hashes the files is there
    ben.context.set_offline(True)
    ben.page.set_input_files("#choose-folder", folder)
    ben.sees("no connection: it goes on by itself")
    ben.complaints.clear()  # the browser says of each request that it was offline
    ben.context.set_offline(False)
    ben.sees("2 of 2 files have arrived")
    ben.complaints.clear()
    assert ManifestRow.objects.count() == 2


def test_removing_it_asks_first(ben: Person) -> None:
    batch = Contribution.objects.get()
    actions.set_manifest(batch, batch.member, RIGHT.encode())
    ben.page.reload()
    asked: list[str] = []
    ben.page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    ben.press("Remove it")
    ben.sees("2 rows are removed.")
    assert len(asked) == 1
    wait_for(lambda: not ManifestRow.objects.exists(), 10, lambda: "still there")
