"""2,936 photos as one contribution, reviewed with the keyboard alone, frozen, exported, verified.

The digest is recomputed by the recipe as docs/versions.md prints it, in a process that has nothing
of ours; the archive is read with Pillow and the manifest with pyarrow.
"""

import io
import re
import subprocess
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from apps.datasets.models import Contribution, Receipt, Sample, Version
from tests.accept.recipe import recipe_digest
from tests.browser.conftest import Person

# Three thousand photos on a busy machine take their time.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1200),
]

PHOTOS = 2936
CLASSES = 81
INGEST_MS = 300_000


@pytest.fixture(scope="module")
def archive(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos alone, as a tar with their folders: train and val, then one for each class."""
    folder = tmp_path_factory.mktemp("grocery")
    source = data / "grocery-train-val.tar.zst"
    subprocess.run(["tar", "--zstd", "-xf", source, "-C", folder], check=True)
    packed = folder / "grocery.tar"
    with tarfile.open(packed, "w") as tar:
        for photo in sorted(folder.glob("grocery/dataset/*/**/*.jpg")):
            tar.add(photo, photo.relative_to(folder / "grocery" / "dataset"))
    return packed


def test_grocery_from_one_archive_to_a_verified_version(
    people: Any, workers: Any, archive: Path, tmp_path: Path
) -> None:
    cast = people("en")
    for person in (cast.ada, cast.ben, cast.chen):
        person.sign_up()
    _make_dataset(cast.ada)
    for person, role in ((cast.ben, "contributor"), (cast.chen, "reviewer")):
        cast.ada.goto("/datasets/grocery/people/")
        cast.ada.page.locator("main form select[name=role]").last.select_option(role)
        cast.ada.press("Make an invitation link")
        person.goto(cast.ada.page.locator("#link").inner_text())
        person.press("Join")
    batch = _contribute(cast.ben, archive)
    _make_classes(cast.ada, batch)
    _review(cast.chen)
    version = _freeze(cast.ada)
    _check_export(cast.ada, version, tmp_path)


def _make_dataset(ada: Person) -> None:
    ada.goto("/datasets/new/")
    ada.page.fill("[name=title]", "Grocery")
    ada.page.select_option("[name=licence]", "MIT")
    ada.press("Create the dataset")
    ada.page.wait_for_url("**/datasets/grocery/")


def _contribute(ben: Person, archive: Path) -> str:
    ben.goto("/datasets/grocery/contribute/")
    ben.page.check("[name=agreed]")
    ben.press("Go on to the files")
    ben.page.set_input_files("#choose-files", archive)
    there = ben.say("{sent} of {all} files have arrived").format(sent=1, all=1)
    ben.sees(there, patience=INGEST_MS)
    ben.press("That is everything")
    ready = ben.page.locator(".status", has_text=ben.say("ready for review")).first
    ready.wait_for(timeout=INGEST_MS)
    receipts = Receipt.objects.filter(contribution=Contribution.objects.get(), archive=False)
    outcomes = Counter(receipts.values_list("outcome", flat=True))
    assert outcomes["accepted"] + outcomes["fixed"] == PHOTOS, outcomes
    assert not Sample.objects.exclude(hold="").exists()
    assert Sample.objects.values("claimed_class").distinct().count() == CLASSES
    return ben.page.url


def _make_classes(ada: Person, batch: str) -> None:
    ada.goto(batch)
    ada.page.get_by_role("button", name=re.compile(f"Create these {CLASSES} classes")).click()
    ada.page.wait_for_load_state("networkidle")
    assert not Sample.objects.filter(label=None).exists()


def _review(chen: Person) -> None:
    """With one key: the page accepts what was seen, and brings the next batch by itself."""
    chen.goto("/datasets/grocery/review/")
    chen.accepts_everything()
    assert Sample.objects.filter(status="approved").count() == PHOTOS


def _freeze(ada: Person) -> Version:
    ada.goto("/datasets/grocery/versions/")
    ada.press("Freeze a version")
    ada.page.wait_for_url("**/versions/1/")
    ada.page.locator("#digest").wait_for(timeout=120_000)
    version = Version.objects.get()
    assert version.size == PHOTOS
    assert len(version.counts) == CLASSES
    return version


def _check_export(ada: Person, version: Version, folder: Path) -> None:
    address = f"{ada.site}/datasets/grocery/versions/1"
    manifest = folder / "manifest.parquet"
    manifest.write_bytes(ada.context.request.get(f"{address}/manifest.parquet").body())
    rows = pq.read_table(manifest).to_pylist()
    assert len(rows) == PHOTOS
    assert recipe_digest(manifest) == version.digest
    answer = ada.context.request.get(f"{address}/images.zip", timeout=120_000)
    with zipfile.ZipFile(io.BytesIO(answer.body())) as images:
        photos = [name for name in images.namelist() if name.endswith(".jpg")]
        assert len(photos) == PHOTOS
        assert {name.split("/")[0] for name in photos} == {row["split"] for row in rows}
        for name in photos[::50]:
            Image.open(images.open(name)).load()
