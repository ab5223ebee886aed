"""Sealed test labels: nobody reads them from a frozen version, and anyone can check the digest."""

import hashlib
import io
import json
import re
import zipfile
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.cache import cache
from django.urls import reverse

from apps.datasets import actions, blobs, seals, tallies
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import Annotation, Comment, Review, Sample, VersionSpan
from apps.datasets.release import release_checks
from apps.datasets.tests.cast import make_image
from apps.datasets.verify import differences
from apps.errors import RuleError


@pytest.fixture
def sealed(dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any) -> Any:
    """A version of thirty images whose test labels are sealed."""
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(30)}
    approve(list(contribute(files).samples.order_by("pk")))
    return freeze()


def rows(version: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(
        io.BytesIO(blobs.read(version.manifest_sha256))
    ).to_pylist()
    return found


def test_the_manifest_has_no_test_label_and_still_gives_the_digest(sealed: Any) -> None:
    found = rows(sealed)
    test = [row for row in found if row["split"] == "test"]
    assert test
    assert all(row["label"] is None and len(row["sealed"]) == 64 for row in test)
    assert all(row["label"] and not row["sealed"] for row in found if row not in test)
    lines = sorted(
        json.dumps(
            [
                row["sample"],
                f"sealed:{row['sealed']}" if row["label"] is None else row["label"],
                row["split"],
                row["group"],
                row["licence"],
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for row in found
    )
    digest = hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    assert digest == sealed.digest
    assert list(differences(sealed)) == []


def test_the_archive_has_no_class_folder_for_them(sealed: Any, browser_of: Any, cast: Any) -> None:
    response = browser_of(cast.ada).get(reverse("version_images", args=["pets", 1]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    test = [name for name in archive.namelist() if name.startswith("test/")]
    assert test
    assert all(len(name.split("/")) == 2 for name in test)


def test_no_page_or_answer_names_the_class_of_a_sealed_sample(
    sealed: Any, browser_of: Any, cast: Any, dataset: Any
) -> None:
    hidden = Sample.objects.filter(split="test").select_related("label")
    client = browser_of(cast.chen)
    for label in dataset.classes.all():
        found = client.get(f"/api/datasets/pets/samples/?label={label.pk}").json()
        assert not [row for row in found["results"] if row["split"] == "test"]
        page = client.get(f"/datasets/pets/samples/?label={label.pk}")
        assert not [row for row in page.context["samples"] if row.split == "test"]
    listed = client.get("/api/datasets/pets/samples/").json()["results"]
    assert {row["label"] for row in listed if row["split"] == "test"} == {None}
    for sample in hidden:
        page = client.get(f"/samples/{sample.pk}/").content.decode()
        assert f"<span>{sample.label.name}</span>" not in page


ADDRESSES = (
    "/",
    "/datasets/pets/",
    "/datasets/pets/classes/",
    "/datasets/pets/classes/changes/",
    "/datasets/pets/classes/changes/{change}/",
    "/datasets/pets/classes/changes/{change}/?back=1",
    "/datasets/pets/samples/",
    "/datasets/pets/samples/?split=test",
    "/datasets/pets/samples/?label={cat}",
    "/datasets/pets/samples/?disputed=yes",
    "/datasets/pets/review/",
    "/datasets/pets/review/?sample={hidden}",
    "/datasets/pets/samples/?group={group}",
    "/datasets/pets/lookalikes/groups/",
    "/datasets/pets/insights/",
    "/datasets/pets/insights.csv",
    "/datasets/pets/contributors/ben/",
    "/datasets/pets/contributors/chen/",
    "/datasets/pets/versions/",
    "/datasets/pets/versions/diff/?from=1&to=1",
    "/datasets/pets/versions/1/",
    "/datasets/pets/versions/1/card/",
    "/datasets/pets/versions/1/README.md",
    "/datasets/pets/versions/1/croissant.json",
    "/datasets/pets/versions/1/manifest.parquet",
    "/datasets/pets/versions/1/images.zip",
    "/contributions/{batch}/",
    "/contributions/{batch}/receipts.csv",
    "/contributions/{batch}/manifest/",
    "/contributions/{batch}/manifest.csv",
    "/samples/{hidden}/",
    "/samples/{hidden}/?label={cat}",
    "/api/datasets/pets/",
    "/api/datasets/pets/classes/changes/",
    "/api/datasets/pets/classes/changes/{change}/",
    "/api/datasets/pets/samples/",
    "/api/datasets/pets/samples/?label={cat}",
    "/api/datasets/pets/insights/",
    "/api/datasets/pets/contributors/ben/",
    "/api/datasets/pets/contributors/ben/rejected/",
    "/api/datasets/pets/contributors/chen/",
    "/api/samples/{hidden}/history/",
    "/api/datasets/pets/versions/1/",
    "/api/contributions/{batch}/receipts/",
)
FRESH = re.compile(
    rb'("X-CSRFToken": |csrfmiddlewaretoken" value=|"counted_at":)"[^"]*"|[Cc]ounted: [^.<]*'
)
SAMPLES = "/datasets/pets/samples/"


def said_by(body: bytes) -> bytes:
    """An answer without what is new in it each time: tokens, times of counting and in an archive."""
    if body.startswith(b"PK"):
        return repr(sorted(zipfile.ZipFile(io.BytesIO(body)).namelist())).encode()
    return FRESH.sub(b"", body)


def test_no_answer_depends_on_a_sealed_label(
    sealed: Any, browser_of: Any, cast: Any, dataset: Any
) -> None:
    """A hidden sample gets the class of another: nobody can tell, on any page and in any file, and not
    by what is counted either: the next version may add this one alone."""
    hidden = Sample.objects.filter(split="test").order_by("pk")
    one = hidden.filter(label__name="cat").first()
    other = hidden.filter(label__name="dog").first()
    proposed = actions.propose_change(
        dataset, cast.ada, kind="merge", label=one.label, into=other.label
    )
    known = {
        "cat": one.label_id,
        "change": proposed.pk,
        "hidden": one.pk,
        "batch": one.contribution.uuid,
        "group": one.group,
    }
    addresses = [address.format(**known) for address in ADDRESSES]

    def answers() -> dict[tuple[str, str], bytes]:
        cache.clear()  # what is kept for a while must not be the reason
        found = {}
        for person in (cast.ada, cast.ben, cast.chen):
            client = browser_of(person)
            for address in addresses:
                response = client.get(address)
                if response.status_code == 403:  # another's contribution, for a contributor
                    continue
                assert response.status_code == 200, (person, address)
                found[person.username, address] = said_by(bytes(response.getvalue()))
        return found

    before = answers()
    label = other.label
    Sample.objects.filter(pk=one.pk).update(label=label)
    Annotation.objects.filter(sample=one).update(label=label)
    Review.objects.filter(sample=one).update(label=label)
    VersionSpan.objects.filter(sample=one).update(label=label)
    tallies.recount(one.contribution)
    sealed.counts["cat"]["test"] -= 1
    sealed.counts["dog"]["test"] += 1
    sealed.checks = release_checks(sealed, sealed.counts)
    sealed.save(update_fields=["counts", "checks"])
    after = answers()

    assert len(before) > 2 * len(addresses)
    assert [key for key in before if before[key] != after[key]] == []


def test_what_a_file_was_called_does_not_give_the_class_away(
    sealed: Any, browser_of: Any, cast: Any
) -> None:
    batch = Sample.objects.first().contribution
    rows = browser_of(cast.chen).get(f"/api/contributions/{batch.uuid}/receipts/").json()["results"]
    splits = dict(Sample.objects.values_list("pk", "split"))
    assert {("/" in row["name"]) for row in rows if splits[row["sample"]] == "test"} == {False}
    assert {("/" in row["name"]) for row in rows if splits[row["sample"]] == "train"} == {True}


def test_one_that_waits_again_is_reviewed_without_its_class(
    sealed: Any, browser_of: Any, cast: Any, dataset: Any
) -> None:
    """All are reopened by an undo: the hidden ones wait among those without a class."""
    actions.undo_review(dataset, cast.chen)
    Sample.objects.update(leased_to=None, leased_until=None, lease=None)
    hidden = set(Sample.objects.filter(split="test").values_list("pk", flat=True))
    client = browser_of(cast.ada)
    groups = [label.pk for label in dataset.classes.all()] + ["none"]
    shown = {
        key: client.get(f"/datasets/pets/review/?label={key}").context["samples"] for key in groups
    }
    in_classes = {each.pk for key in groups[:2] for each in shown[key]}
    assert in_classes
    assert not in_classes & hidden
    assert {each.pk for each in shown["none"]} == hidden
    assert {each.label for each in shown["none"]} == {None}
    page = client.get("/datasets/pets/review/?label=none").content.decode()
    assert "Which class is each of these?" in page
    Sample.objects.update(leased_to=None, leased_until=None, lease=None)
    for key in hidden:  # where an undo leads back to
        page = client.get(f"/datasets/pets/review/?sample={key}")
        assert {each.pk for each in page.context["samples"]} == hidden


def test_the_way_back_to_one_opens_the_same_class_for_all(
    sealed: Any, browser_of: Any, cast: Any, contribute: Any
) -> None:
    contribute({f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(100, 104)})
    client = browser_of(cast.chen)
    hidden = Sample.objects.filter(split="test")
    pages = [client.get(f"/datasets/pets/review/?sample={each.pk}") for each in hidden]
    assert len({each.label for each in hidden}) == 2
    assert len({page.context["chosen"].label for page in pages}) == 1


def test_what_was_said_about_one_is_sealed_with_it(
    sealed: Any, browser_of: Any, cast: Any, dataset: Any
) -> None:
    """People say in a comment what they see."""
    hidden, known = (Sample.objects.filter(split=split).first() for split in ("test", "train"))
    for sample in (hidden, known):
        Comment.objects.create(sample=sample, by=cast.ben, text="surely a marten")
    client = browser_of(cast.ada)
    said = {
        sample.split: [
            client.get(reverse("sample", args=[sample.pk])),
            client.get(f"/api/samples/{sample.pk}/comments/"),
            client.get(f"/api/samples/{sample.pk}/history/"),
        ]
        for sample in (hidden, known)
    }
    assert not any(b"marten" in answer.content for answer in said["test"])
    assert all(b"marten" in answer.content for answer in said["train"])
    with pytest.raises(RuleError, match="sealed"):
        actions.comment_on(hidden, cast.ada, "a marten indeed")
    actions.unseal(dataset, cast.ada)
    assert b"marten" in client.get(f"/api/samples/{hidden.pk}/history/").content


def test_scoring_still_knows_them(sealed: Any) -> None:
    truth = {row.blob_sha256: row.label.name for row in Sample.objects.filter(split="test")}
    assert seals.test_labels(sealed) == truth


def test_sealing_begins_before_the_first_version_and_ends_by_unsealing(
    sealed: Any, dataset: Any, cast: Any
) -> None:
    with pytest.raises(RuleError, match="sealed"):
        actions.update_dataset(dataset, cast.ada, seals_test=False)
    with pytest.raises(RuleError, match="role_required"):
        actions.unseal(dataset, cast.chen)
    actions.unseal(dataset, cast.ada)
    dataset.refresh_from_db()
    assert dataset.unsealed_at
    assert not seals.closed(dataset)
    with pytest.raises(RuleError, match="seals_late"):
        actions.update_dataset(dataset, cast.ada, seals_test=True)


def test_what_is_published_opens_every_seal(
    sealed: Any, dataset: Any, cast: Any, client: Any
) -> None:
    address = reverse("version_unsealed", args=["pets", 1])
    dataset.visibility = "public"
    dataset.save()
    assert client.get(address).status_code == 409
    actions.unseal(dataset, cast.ada)
    text = b"".join(client.get(address).streaming_content).decode()
    opened = {}
    for line in text.splitlines()[1:]:
        sample, label, salt = line.split(",")
        opened[sample] = hashlib.sha256(f"{salt}{sample}{label}".encode()).hexdigest()
    assert opened == {row["sample"]: row["sealed"] for row in rows(sealed) if row["sealed"]}


def test_a_merge_moves_sealed_samples_and_no_page_tells_which(
    sealed: Any, dataset: Any, cast: Any, browser_of: Any
) -> None:
    """Pages of a sealed cat and of a sealed dog read the same before and after, numbers apart."""
    cat, dog = dataset.classes.get(name="cat"), dataset.classes.get(name="dog")
    hidden = Sample.objects.filter(split="test")
    moved, kept = hidden.filter(label=cat).first(), hidden.filter(label=dog).first()
    Sample.objects.filter(pk=moved.pk).update(disputed=True)
    client = browser_of(cast.chen)

    def seen() -> list[Any]:
        pages = [client.get(f"/samples/{each.pk}/").content for each in (moved, kept)]
        grids = [client.get(f"{SAMPLES}{query}") for query in ("?split=test", "?disputed=yes")]
        return [*map(said_by, pages), *([each.pk for each in g.context["samples"]] for g in grids)]

    before = seen()
    change = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    actions.approve_change(change, cast.ada)
    apply_changes()
    moved.refresh_from_db()
    assert moved.label == dog
    assert Annotation.objects.filter(sample=moved, change=change).exists()
    assert seen() == before
    listed = client.get(f"/api/datasets/pets/samples/?label={dog.pk}").json()["results"]
    assert not [row for row in listed if row["split"] == "test"]


def test_a_split_would_tell_so_it_waits_for_the_unsealing(
    sealed: Any, dataset: Any, cast: Any
) -> None:
    what = {"kind": "split", "label": dataset.classes.get(name="cat"), "parts": ["a", "b"]}
    with pytest.raises(RuleError, match="sealed"):
        actions.propose_change(dataset, cast.ada, **what)
    actions.unseal(dataset, cast.ada)
    dataset.refresh_from_db()
    actions.propose_change(dataset, cast.ada, **what)


def test_a_split_before_the_seal_does_not_tell_either(
    dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any, browser_of: Any
) -> None:
    """When a sample was opened again would say which class it had."""
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(30)}
    found = list(contribute(files).samples.order_by("pk"))
    approve(found)
    cat = dataset.classes.get(name="cat")
    change = actions.propose_change(
        dataset, cast.ada, kind="split", label=cat, parts=["cat", "kitten"]
    )
    actions.approve_change(change, cast.ada)
    apply_changes()
    again = [actions.Decision(each.pk, "fix", cat.pk) for each in found[::2]]
    assert not actions.review_samples(dataset, cast.chen, again).refused
    freeze()
    client = browser_of(cast.ada)
    for hidden in Sample.objects.filter(split="test", label=cat):
        page = client.get(f"/samples/{hidden.pk}/").content.decode()
        assert "changed the classes" not in page
        assert "chen" not in page.partition('id="history"')[2]
        assert "Sealed, with its history" in page
