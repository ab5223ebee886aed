"""A folder of 300 files survives a lost connection, a reload and a killed ingest worker."""

import hashlib
import os
import time
import zipfile
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db.models.functions import Now
from playwright.sync_api import Route, expect

from apps.datasets import actions
from apps.datasets.actions.sweeping import ring_for_waiting
from apps.datasets.models import Contribution, Licence, Receipt, Sample, Upload
from apps.datasets.tests.cast import make_image
from apps.jobs.tests.processes import WorkerProcess, wait_for
from conftest import LAN_HOST
from tests.browser.conftest import Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILES = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders of 300 different pictures."""
    root = tmp_path / "pets"
    for number in range(FILES):
        path = root / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_image(number))
    return root


@pytest.fixture
def worker(tmp_path: Path, transactional_db: None) -> Any:
    """start(): a real ingest worker; all of them are gone at the end."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        cache.clear()
        started.append(WorkerProcess(env, tmp_path / f"{len(started)}.log", queue="data"))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def ben(people: Any) -> Person:
    """Ben, signed in, on the page of an open contribution."""
    person: Person = people("en").ben
    person.sign_up()
    member = get_user_model().objects.get(username="ben")
    dataset = actions.create_dataset(
        member, title="Pets", slug="pets", licence=Licence.CC0, class_names=["cat", "dog"]
    )
    batch = actions.open_contribution(dataset, member, licence=Licence.CC0, agreed=True)
    person.goto(f"/contributions/{batch.uuid}/")
    return person


def arrived() -> int:
    return Receipt.objects.count()


def at_rest() -> int:
    """How many have arrived once those that were on their way have, too."""
    seen = [-1]

    def the_same_for_a_while() -> bool:
        seen.append(arrived())
        time.sleep(0.3)
        return len(set(seen[-5:])) == 1 and len(seen) > 5

    wait_for(the_same_for_a_while, 30, lambda: f"{seen}")
    return seen[-1]


def sent_by(person: Person) -> list[str]:
    """Addresses of the files that this page sends from now on."""
    found: list[str] = []
    person.page.on(
        "request", lambda request: found.append(request.url) if request.method == "PUT" else None
    )
    return found


def everything_arrives(ben: Person) -> None:
    ben.sees(f"{FILES} of {FILES} files have arrived")
    ben.press("That is everything")
    ready = ben.page.locator(".status", has_text="ready for review").first
    ready.wait_for(timeout=120_000)
    assert Receipt.objects.filter(outcome="accepted").count() == arrived() == FILES
    assert Sample.objects.count() == FILES
    assert Sample.objects.values("content_sha256").distinct().count() == FILES
    assert Contribution.objects.get().status == "ready"


def test_a_lost_connection_and_a_reload(ben: Person, worker: Any, folder: Path) -> None:
    ben.page.set_input_files("#choose-folder", folder)
    wait_for(lambda: arrived() >= FILES // 3, 60, lambda: f"{arrived()} arrived")
    ben.context.set_offline(True)
    ben.sees("no connection: it goes on by itself")
    before = arrived()
    assert before < FILES
    ben.complaints.clear()  # the browser says of each request that it was offline
    ben.context.set_offline(False)
    ben.page.on("dialog", lambda dialog: dialog.accept())  # leave although files are being sent
    ben.page.goto("about:blank")
    before = at_rest()
    ben.goto(f"/contributions/{Contribution.objects.get().uuid}/")
    ben.sees(f"{before} of {FILES} files have arrived. Choose the same files or folder again")
    again = sent_by(ben)
    worker()

    ben.page.set_input_files("#choose-folder", folder)

    everything_arrives(ben)
    assert len(again) == FILES - before


def test_a_script_that_did_not_load_is_asked_for_again(ben: Person, tmp_path: Path) -> None:
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    ben.page.route("**/hash_worker*.js", fail_once)
    ben.page.reload()
    (tmp_path / "cat.png").write_bytes(make_image(1))
    ben.page.set_input_files("#choose-files", tmp_path / "cat.png")
    ben.sees("1 of 1 files have arrived")
    assert failed
    ben.complaints.clear()  # the browser says that a request failed


def test_it_goes_on_by_itself_when_the_connection_is_back(
    ben: Person, worker: Any, folder: Path
) -> None:
    ben.page.set_input_files("#choose-folder", folder)
    wait_for(lambda: arrived() >= 20, 60, lambda: f"{arrived()} arrived")
    ben.context.set_offline(True)
    ben.sees("no connection: it goes on by itself")
    ben.complaints.clear()
    ben.context.set_offline(False)
    worker()
    everything_arrives(ben)


def test_what_was_chosen_before_the_script_listens_is_sent(ben: Person, folder: Path) -> None:
    """On a busy machine the page is there before its script is."""
    late: list[Route] = []
    ben.page.route("**/upload.js", lambda route: late.append(route))
    ben.page.goto(ben.page.url, wait_until="commit")
    ben.page.set_input_files("#choose-folder", folder)
    while not late:
        ben.page.wait_for_timeout(50)
    late[0].continue_()
    ben.sees(f"{FILES} of {FILES} files have arrived")


def test_a_pause(ben: Person, folder: Path) -> None:
    ben.page.set_input_files("#choose-folder", folder)
    wait_for(lambda: arrived() >= 3, 60, lambda: f"{arrived()} arrived")
    pause = ben.page.locator("#pause")
    pause.click()
    expect(pause).to_have_text("Go on")
    ben.page.wait_for_load_state("networkidle")
    resting = arrived()
    assert resting < FILES
    pause.click()
    ben.sees(f"{FILES} of {FILES} files have arrived")


def test_a_killed_ingest_worker(ben: Person, worker: Any, folder: Path) -> None:
    first = worker()
    ben.page.set_input_files("#choose-folder", folder)
    done = Receipt.objects.exclude(outcome="waiting")
    wait_for(lambda: 0 < done.count() < FILES, 60, lambda: f"{done.count()} done")
    first.kill()
    ben.sees(f"{FILES} of {FILES} files have arrived")
    assert done.count() < FILES
    # What its lease would do by itself after two minutes, and beat every fifteen seconds.
    Receipt.objects.waiting().update(claimed_until=Now())
    worker()
    ring_for_waiting()
    everything_arrives(ben)


def test_a_large_archive_goes_in_pieces(ben: Person, worker: Any, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as archive:  # noise: 12 MB that do not shrink
        for number in range(5):
            archive.writestr(f"cat/{number}.png", make_image(number, size=(900, 900)))
    pieces: list[str] = []
    # Each piece waits a moment on its way, so that the pause comes in the middle.
    ben.page.route("**/api/uploads/*/", lambda route: (sleep(1), route.continue_()))
    ben.page.on("request", lambda each: pieces.append(each.url) if each.method == "PATCH" else None)
    worker()
    ben.page.set_input_files("#choose-files", packed)
    wait_for(lambda: Upload.objects.exists(), 60, lambda: "not begun")
    pause = ben.page.locator("#pause")
    pause.click()
    expect(pause).to_have_text("Go on")
    ben.page.wait_for_timeout(2000)
    resting = len(pieces)
    ben.page.wait_for_timeout(3000)
    assert len(pieces) == resting
    assert not arrived()
    pause.click()
    ben.sees("1 of 1 files have arrived")
    assert 2 <= len(pieces) <= 4
    assert Upload.objects.count() == 1, "it went on with the same one"
    assert Upload.objects.get().receipt.name == "pets.zip"
    ben.press("That is everything")
    ben.page.locator(".status", has_text="ready for review").first.wait_for(timeout=120_000)
    assert Sample.objects.count() == 5


def test_plain_http_in_a_local_network_is_enough(
    browser: Any, live_server: Any, folder: Path, settings: Any
) -> None:
    """No secure context, so no crypto.subtle and no service worker: hashing is our own script's."""
    settings.ALLOWED_HOSTS = [LAN_HOST]
    port = live_server.url.rpartition(":")[2]
    person = Person(browser, f"http://{LAN_HOST}:{port}", "ben", "en")
    person.sign_up()
    assert person.page.evaluate("isSecureContext") is False
    member = get_user_model().objects.get(username="ben")
    dataset = actions.create_dataset(member, title="P", slug="p", licence=Licence.CC0)
    batch = actions.open_contribution(dataset, member, licence=Licence.CC0, agreed=True)
    person.goto(f"/contributions/{batch.uuid}/")
    person.page.set_input_files("#choose-folder", folder)
    expect(person.page.locator("#summary")).to_contain_text(
        f"{FILES} of {FILES} files have arrived"
    )
    hashes = set(batch.receipts.values_list("source_sha256", flat=True))
    files = [path.read_bytes() for path in folder.rglob("*.png")]
    assert hashes == {hashlib.sha256(data).hexdigest() for data in files}
    # Browsers say of this header that it has no meaning here, and go on.
    assert not [each for each in person.complaints if "Cross-Origin-Opener-Policy" not in each]
    person.context.close()
