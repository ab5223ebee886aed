"""Freezing, approving, verifying: what is in a version stays what it is."""

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from apps.datasets import actions, blobs
from apps.datasets import verify as verifying
from apps.datasets.actions import building
from apps.datasets.digest import Row, digest_of
from apps.datasets.models import Dataset, Membership, Role, Sample, Version, VersionSpan
from apps.datasets.tests.cast import make_image
from apps.errors import RuleError


@pytest.fixture
def approved(contribute: Any, approve: Any) -> list[Sample]:
    """Thirty approved samples of two classes."""
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(30)}
    found = list(contribute(files).samples.order_by("pk"))
    approve(found)
    return found


def state(version: Version) -> dict[str, str]:
    """{sample: split} of a version, from the spans."""
    spans = VersionSpan.objects.of(version).values_list("sample__blob_sha256", "split")
    return dict(spans)


def test_the_manifest_alone_gives_the_digest(approved: Any, freeze: Any) -> None:
    """The documented recipe, with nothing of ours."""
    version = freeze()
    table = pq.read_table(io.BytesIO(blobs.read(version.manifest_sha256)))
    columns = ["sample", "label", "split", "group", "licence"]
    lines = sorted(
        json.dumps([row[name] for name in columns], ensure_ascii=False, separators=(",", ":"))
        for row in table.to_pylist()
    )
    digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    assert digest == version.digest
    assert table.num_rows == 30


def test_the_manifest_says_where_a_sample_comes_from(
    contribute: Any, approve: Any, freeze: Any, cast: Any, browser_of: Any
) -> None:
    """In the file and in its rows as CSV; the digest does not depend on it."""
    for number, source in enumerate(["St. Anna, scanner 2", ""]):
        files = {f"cat/{number}-{i}.png": make_image(10 * number + i) for i in range(3)}
        approve(list(contribute(files, source=source).samples.all()))
    version = freeze()
    said = dict(Sample.objects.values_list("blob_sha256", "source"))
    table = pq.read_table(io.BytesIO(blobs.read(version.manifest_sha256)))
    found = {row["sample"]: row["source"] for row in table.to_pylist()}
    assert sorted(map(str, found.values())) == ["None"] * 3 + ["St. Anna, scanner 2"] * 3
    assert found == {sample: source or None for sample, source in said.items()}
    text = browser_of(cast.dana).get("/datasets/pets/versions/1/manifest.csv").getvalue().decode()
    assert {row["sample"]: row["source"] for row in csv.DictReader(StringIO(text))} == said
    Sample.objects.update(source="elsewhere")
    call_command("verify_version", "pets@1", stdout=StringIO())


@pytest.mark.parametrize(("length", "status"), [(300, 201), (301, 400)])
def test_its_notes_have_a_length(
    approved: Any, cast: Any, browser_of: Any, length: int, status: int
) -> None:
    body = {"notes": "n" * length}
    address = "/api/datasets/pets/versions/"
    sent = browser_of(cast.ada).post(address, body, content_type="application/json")
    assert sent.status_code == status
    assert Version.objects.filter(notes=body["notes"]).exists() == (status == 201)


def test_a_kept_sample_keeps_its_split_and_spans_are_not_repeated(
    approved: Any, freeze: Any, contribute: Any, approve: Any, cast: Any, dataset: Any
) -> None:
    first = freeze()
    approve(list(contribute({"cat/new.png": make_image(500)}).samples.all()))
    actions.undo_review(dataset, cast.chen)
    second_batch = Sample.objects.filter(status="pending")
    approve(list(second_batch))
    second = freeze()
    assert state(first).items() <= state(second).items()
    assert (first.size, second.size) == (30, 31)
    assert VersionSpan.objects.count() == 31


def test_what_changes_later_does_not_touch_an_older_version(
    approved: Any, freeze: Any, cast: Any, dataset: Any
) -> None:
    first = freeze()
    before = state(first)
    actions.undo_review(dataset, cast.chen)
    dog = dataset.classes.get(name="dog")
    cats = [sample for sample in approved if sample.label.name == "cat"]
    dogs = [sample for sample in approved if sample.label.name == "dog"]
    actions.review_samples(
        dataset, cast.chen, [actions.Decision(cats[0].pk, "fix", class_id=dog.pk)]
    )
    actions.review_samples(
        dataset,
        cast.chen,
        [actions.Decision(sample.pk, "accept") for sample in cats[1:] + dogs[:-1]],
    )
    second = freeze()
    assert state(first) == before
    assert second.size == 29
    assert second.counts["dog"]["train"] + second.counts["cat"]["train"] <= 29
    for number in (1, 2):
        call_command("verify_version", f"pets@{number}", stdout=StringIO())


def test_nothing_to_freeze_and_nothing_changed(
    dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any
) -> None:
    with pytest.raises(RuleError, match="nothing_to_freeze"):
        actions.freeze_version(dataset, cast.ada)
    found = list(contribute({"cat/1.png": make_image(1)}).samples.all())
    approve(found)
    freeze()
    with pytest.raises(RuleError, match="nothing_changed"):
        actions.freeze_version(dataset, cast.ada)


def test_one_build_at_a_time(approved: Any, dataset: Any, cast: Any) -> None:
    actions.freeze_version(dataset, cast.ada)
    with pytest.raises(RuleError, match="already_building"):
        actions.freeze_version(dataset, cast.ada)


def test_a_killed_builders_version_is_built_by_the_next(
    approved: Any, dataset: Any, cast: Any
) -> None:
    version = actions.freeze_version(dataset, cast.ada)
    dead = building.claim_version()
    assert dead is not None
    building.snapshot(dead)
    assert building.build_versions() == 0
    Version.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert building.build_versions() == 1
    version.refresh_from_db()
    assert (version.status, version.size) == ("draft", 30)
    assert VersionSpan.objects.count() == 30
    with pytest.raises(RuleError, match="claim_lost"):
        building.write_manifest(dead)


def test_a_failed_build_says_why_and_leaves_nothing(
    approved: Any, dataset: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(stream: Any) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(blobs, "put_file", full)
    version = actions.freeze_version(dataset, cast.ada)
    building.build_versions()
    version.refresh_from_db()
    assert version.status == "failed"
    assert "No space left" in version.failure
    assert not VersionSpan.objects.exists()


def test_approval_needs_the_checks(contribute: Any, approve: Any, freeze: Any, cast: Any) -> None:
    approve(list(contribute({"cat/1.png": make_image(1)}).samples.all()))
    version = freeze()
    failed = {check["check"] for check in version.checks if not check["passed"]}
    assert failed == {"classes_in_splits"}
    with pytest.raises(RuleError, match="checks_failed"):
        actions.approve_version(version, cast.ada)
    actions.discard_version(version, cast.ada)
    with pytest.raises(RuleError, match="illegal_move"):
        actions.approve_version(version, cast.ada)


def test_licences_must_be_compatible(
    approved: Any, contribute: Any, approve: Any, freeze: Any
) -> None:
    other = contribute({"cat/nc.png": make_image(900)}, licence="CC-BY-NC-4.0")
    approve(list(other.samples.all()))
    failed = [check for check in freeze().checks if not check["passed"]]
    assert [check["facts"]["licences"] for check in failed] == [["CC-BY-NC-4.0"]]


def test_a_second_maintainer_approves_where_there_is_one(
    approved: Any, freeze: Any, cast: Any, dataset: Any
) -> None:
    Membership.objects.create(dataset=dataset, member=cast.dana, role=Role.MAINTAINER)
    version = freeze()
    with pytest.raises(RuleError, match="second_maintainer"):
        actions.approve_version(version, cast.ada)
    actions.approve_version(version, cast.dana)
    assert (version.status, version.approved_by) == ("approved", cast.dana)


def test_roles(approved: Any, freeze: Any, cast: Any, dataset: Any) -> None:
    for member in (cast.ben, cast.chen, cast.dana):
        with pytest.raises(RuleError, match="role_required"):
            actions.freeze_version(dataset, member)
    version = freeze()
    with pytest.raises(RuleError, match="role_required"):
        actions.approve_version(version, cast.chen)


def verify(name: str) -> str:
    out = StringIO()
    try:
        call_command("verify_version", name, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


def _change_label(version: Version) -> None:
    span = VersionSpan.objects.first()
    VersionSpan.objects.filter(pk=span.pk).update(
        label=version.dataset.classes.exclude(pk=span.label_id).first()
    )


def _change_bytes(version: Version) -> None:
    name = blobs.name_of(Sample.objects.first().blob_sha256)
    blobs.store().delete(name)
    blobs.store().save(name, io.BytesIO(b"other"))


def _lose_bytes(version: Version) -> None:
    blobs.erase(Sample.objects.first().blob_sha256)


def _lose_manifest(version: Version) -> None:
    blobs.erase(version.manifest_sha256)


def _change_digest(version: Version) -> None:
    Version.objects.filter(pk=version.pk).update(digest="0" * 64)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_change_label, "in the database, not in the manifest"),
        (_change_bytes, "its bytes have changed"),
        (_lose_bytes, "its bytes are missing"),
        (_lose_manifest, "is missing from the blob store"),
        (_change_digest, "the version's is 0000"),
    ],
)
def test_verify_says_what_differs(
    approved: Any, freeze: Any, harm: Callable[[Version], None], said: str
) -> None:
    version = freeze()
    assert verify("pets@1").startswith("OK")
    harm(version)
    assert said in verify("pets@1")


def test_verify_names_both_sides_of_a_difference(approved: Any, freeze: Any) -> None:
    version = freeze()
    _change_label(version)
    *rows, end = verify("pets@1").splitlines()
    assert {line.partition(":")[0] for line in rows} == {
        "DIFFERS in the manifest, not in the database",
        "DIFFERS in the database, not in the manifest",
    }
    assert end == "pets@1: 2 differences"


@pytest.fixture
def peak_of(approved: Any, freeze: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """Bytes of memory that verifying a version of so many samples takes at most."""
    version = freeze()
    monkeypatch.setattr(verifying, "_sha256", lambda name: name)
    monkeypatch.setattr(blobs, "exists", lambda name: True)

    def measure(size: int) -> int:
        def rows(*args: Any) -> Iterator[Row]:
            return (Row(f"{n:064x}", "cat", "train", f"{n:032x}", "CC0-1.0") for n in range(size))

        monkeypatch.setattr(verifying, "read_rows", rows)
        monkeypatch.setattr(verifying, "rows_of", rows)
        monkeypatch.setattr(verifying, "digested", lambda row: row)
        version.digest = digest_of(rows())
        tracemalloc.start()
        assert list(verifying.differences(version)) == []
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return measure


def test_verify_holds_no_version_in_memory(peak_of: Callable[[int], int]) -> None:
    assert peak_of(10_000) < 2 * peak_of(500)


@pytest.mark.parametrize("name", ["pets", "pets@x", "pets@7", "@1"])
def test_verify_needs_a_version_that_exists(dataset: Dataset, name: str) -> None:
    assert "version" in verify(name)


def test_downloads(approved: Any, freeze: Any, cast: Any, browser_of: Any) -> None:
    version = freeze()
    client = browser_of(cast.dana)
    manifest = client.get(reverse("version_manifest", args=["pets", 1]))
    data = b"".join(manifest.streaming_content)
    assert hashlib.sha256(data).hexdigest() == version.manifest_sha256
    response = client.get(reverse("version_images", args=["pets", 1]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    names = [name for name in archive.namelist() if name != "manifest.parquet"]
    assert len(names) == 30
    assert {tuple(name.split("/")[:2]) for name in names} >= {("train", "cat"), ("test", "dog")}
    for name in names:
        assert hashlib.sha256(archive.read(name)).hexdigest() == name.split("/")[2][:64]
