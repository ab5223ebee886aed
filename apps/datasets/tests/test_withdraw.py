"""Withdrawal: bytes erased, versions unchanged but marked, nothing of it in a later version."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.datasets import actions, blobs
from apps.datasets.actions import ingesting, texting
from apps.datasets.actions.erasing import erase_withdrawn, to_erase
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.media import media_url
from apps.datasets.models import Receipt, Sample
from apps.datasets.queues import waiting_for
from apps.datasets.tests.cast import make_image, outcomes
from apps.datasets.tests.test_tallies import check
from apps.datasets.tombstones import as_json
from apps.errors import RuleError
from apps.state.models import Event


@pytest.fixture
def versions(dataset: Any, samples: list[Any], approve: Any, freeze: Any) -> list[Any]:
    """Version 1 of samples 0 to 7, version 2 of all ten."""
    approve(samples[:8])
    first = freeze()
    approve(samples[8:])
    return [first, freeze()]


def test_a_version_stays_and_says_what_is_gone(
    dataset: Any, cast: Any, samples: list[Any], versions: list[Any], freeze: Any
) -> None:
    gone = Sample.objects.get(pk=samples[9].pk)

    assert actions.withdraw_samples(dataset, cast.ben, [gone]) == 1

    for version in versions:
        before = version.digest
        version.refresh_from_db()
        assert version.digest == before
    assert [version.withdrawn for version in versions] == [0, 1]
    assert [row["sample"] for row in as_json(versions[1])["withdrawn"]] == [gone.blob_sha256]
    assert as_json(versions[0])["withdrawn"] == []
    successor = freeze()
    assert successor.size == 9
    assert successor.withdrawn == 0
    assert not successor.failure
    check()


@pytest.mark.parametrize(("length", "status"), [(500, 200), (501, 400)])
def test_its_reason_has_a_length(
    cast: Any, samples: list[Any], browser_of: Any, length: int, status: int
) -> None:
    body = {"why": "w" * length}
    address = f"/api/samples/{samples[0].pk}/withdraw/"
    sent = browser_of(cast.ada).post(address, body, content_type="application/json")
    assert sent.status_code == status
    assert Event.objects.filter(why=body["why"]).exists() == (status == 200)


def test_maintainers_are_asked_for_a_successor_until_there_is_one(
    dataset: Any, cast: Any, samples: list[Any], versions: list[Any], freeze: Any, browser_of: Any
) -> None:
    for version in versions:
        actions.approve_version(version, cast.ada)
    actions.withdraw_samples(dataset, cast.ben, [Sample.objects.get(pk=samples[0].pk)])

    client = browser_of(cast.ada)
    (asked,) = [item for item in waiting_for(cast.ada) if item.kind == "successor"]
    assert asked.thing == versions[1]  # not the older one, which it stands in for already
    assert "version 2 needs a successor" in client.get("/").content.decode()
    page = client.get("/datasets/pets/versions/").content.decode()
    assert "Version 2 without the 1 sample that was withdrawn" in page
    assert not [item for item in waiting_for(cast.chen) if item.kind == "successor"]

    freeze()
    assert not [item for item in waiting_for(cast.ada) if item.kind == "successor"]


def test_the_bytes_are_erased_unless_somebody_else_has_them(
    dataset: Any, cast: Any, samples: list[Any]
) -> None:
    other = actions.create_dataset(cast.ben, title="O", slug="o", licence="CC-BY-4.0")
    batch = actions.open_contribution(other, cast.ben, licence="CC-BY-4.0", agreed=True)
    actions.receive_file(batch, cast.ben, name="cat/0.png", chunks=[make_image(0)])
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()

    actions.withdraw_samples(dataset, cast.ben, samples[:2])

    assert erase_withdrawn() == 2
    assert blobs.exists(samples[0].blob_sha256)  # the other dataset has the same picture
    assert not blobs.exists(samples[1].blob_sha256)
    assert erase_withdrawn() == 0
    assert not to_erase().exists()


def test_an_eraser_that_died_half_way_is_repeated(cast: Any, samples: list[Any]) -> None:
    dataset = samples[0].dataset
    actions.withdraw_samples(dataset, cast.ben, samples[:2])
    blobs.erase(samples[0].blob_sha256)  # as far as the one before came

    assert erase_withdrawn() == 2
    assert not blobs.exists(samples[1].blob_sha256)


def test_a_discarded_batch_is_erased_too(cast: Any, contribute: Any) -> None:
    batch = contribute({"cat/7.png": make_image(77)})
    name = batch.samples.get().blob_sha256

    actions.discard_contribution(batch, cast.ben)
    erase_withdrawn()

    assert not blobs.exists(name)
    check()


def test_who_may(dataset: Any, cast: Any, samples: list[Any]) -> None:
    for person in (cast.chen, cast.dana):
        with pytest.raises(RuleError) as refusal:
            actions.withdraw_samples(dataset, person, samples[:1], "because")
        assert refusal.value.code == "role_required"
    with pytest.raises(RuleError) as refusal:
        actions.withdraw_samples(dataset, cast.ada, samples[:1])
    assert refusal.value.code == "reason_required"
    assert actions.withdraw_samples(dataset, cast.ada, samples[:1], "a face") == 1
    assert actions.withdraw_samples(dataset, cast.ben, samples[:1]) == 0  # already


def test_a_whole_contribution(dataset: Any, cast: Any, samples: list[Any], versions: Any) -> None:
    contribution = samples[0].contribution

    assert actions.withdraw_contribution(contribution, cast.ben) == 10

    assert [type(each).objects.get(pk=each.pk).withdrawn for each in versions] == [8, 10]
    assert not Sample.objects.exclude(status="withdrawn").exists()
    check()


def test_what_was_decided_meanwhile_goes_too(
    dataset: Any, cast: Any, samples: list[Any], approve: Any
) -> None:
    """The page had read it as pending."""
    approve(samples[:1])
    assert samples[0].status == "pending"
    assert actions.withdraw_samples(dataset, cast.ada, samples[:1], "a face") == 1
    assert Sample.objects.get(pk=samples[0].pk).status == "withdrawn"
    check()


def test_the_page_says_when_it_was_withdrawn_before(
    cast: Any, samples: list[Any], browser_of: Any
) -> None:
    client, address = browser_of(cast.ben), f"/samples/{samples[0].pk}/withdraw/"
    assert "are being erased" in client.post(address, {"why": ""}, follow=True).content.decode()
    again = client.post(address, {"why": ""}, follow=True).content.decode()
    assert "withdrawn already" in again
    assert "are being erased" not in again


def test_reopening_does_not_keep_a_maintainer_out(
    dataset: Any, cast: Any, samples: list[Any], approve: Any, browser_of: Any
) -> None:
    approve(samples[:5])
    batch = samples[0].contribution
    actions.reopen_contribution(batch, cast.ben)
    client, address = browser_of(cast.ada), f"/contributions/{batch.uuid}/withdraw/"
    assert address in client.get(f"/contributions/{batch.uuid}/").content.decode()
    assert "Say why" in client.post(address, {"why": ""}).content.decode()
    page = client.post(address, {"why": "a face"}, follow=True).content.decode()
    assert "10 samples are withdrawn" in page
    assert address not in page
    assert not Sample.objects.exclude(status="withdrawn").exists()
    batch.refresh_from_db()
    with pytest.raises(RuleError, match="not_receiving"):
        actions.receive_file(batch, cast.ben, name="cat/99.png", chunks=[make_image(99)])
    with pytest.raises(RuleError, match="illegal_move"):
        actions.reopen_contribution(batch, cast.ben)
    assert "withdrawn already" in client.get(address).content.decode()
    check()


@pytest.fixture
def sent(dataset: Any, cast: Any) -> Any:
    """Four files of Ben's that nobody has looked at yet."""
    batch = actions.open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
    for n in range(4):
        actions.receive_file(batch, cast.ben, name=f"cat/{n}.png", chunks=[make_image(n)])
    actions.finish_contribution(batch, cast.ben)
    return batch


def test_what_still_waits_in_it_is_refused(
    sent: Any, cast: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ingesting, "CLAIM_SIZE", 2)
        ingesting.process_receipts(ingesting.claim_receipts())
    address = f"/contributions/{sent.uuid}/withdraw/"
    assert address in browser_of(cast.ada).get(f"/contributions/{sent.uuid}/").content.decode()
    assert actions.withdraw_contribution(sent, cast.ada, "a face") == 2
    drain_ingest()
    assert not Sample.objects.exclude(status="withdrawn").exists()
    assert sorted(outcomes(sent).values()) == ["accepted", "accepted", "discarded", "discarded"]
    assert not list(settings.STAGING_DIR.iterdir())
    check()


def test_nothing_of_it_is_read_yet(sent: Any, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.ada)
    address = f"/contributions/{sent.uuid}/withdraw/"
    assert "those that wait are not read" in client.get(address).content.decode()
    page = client.post(address, {"why": "a face"}, follow=True).content.decode()
    assert "nothing of it will be used" in page
    drain_ingest()
    assert not Sample.objects.exists()


def test_a_worker_that_has_read_them_writes_them_no_more(
    sent: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ingesting.take_images

    def late(taken: Any) -> None:
        monkeypatch.undo()
        actions.withdraw_contribution(sent, cast.ada, "a face")
        write(taken)

    monkeypatch.setattr(ingesting, "take_images", late)
    drain_ingest()
    assert not Sample.objects.exists()
    assert set(outcomes(sent).values()) == {"discarded"}


def test_a_file_of_texts_ends_where_it_is(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion of it was written when the contribution was withdrawn."""
    texts = actions.create_dataset(
        cast.ada,
        title="T",
        slug="texts",
        licence="CC-BY-4.0",
        class_names=["a", "b"],
        task="text_classification",
    )
    batch = actions.open_contribution(texts, cast.ada, licence="CC-BY-4.0", agreed=True)
    lines = [f"text number {n}\n".encode() for n in range(4)]
    actions.receive_file(batch, cast.ada, name="a/x.txt", chunks=lines)

    def after_a_portion(receipt: Any) -> None:
        if batch.status != "discarded":
            assert actions.withdraw_contribution(batch, cast.ada) == 2

    monkeypatch.setattr(texting, "PORTION", 2)
    monkeypatch.setattr(Receipt, "renew_claim", after_a_portion)
    drain_ingest()
    assert list(Sample.objects.values_list("status", flat=True)) == ["withdrawn", "withdrawn"]
    assert outcomes(batch)["a/x.txt"] == "discarded"


def test_a_draft_that_lost_samples_is_not_approved(
    dataset: Any, cast: Any, samples: list[Any], versions: list[Any]
) -> None:
    draft = versions[1]
    type(draft).objects.filter(pk=draft.pk).update(checks=[])
    draft.refresh_from_db()
    actions.withdraw_samples(dataset, cast.ben, [Sample.objects.get(pk=samples[0].pk)])

    with pytest.raises(RuleError):  # a stale object, too
        actions.approve_version(draft, cast.ada)
    draft.refresh_from_db()
    with pytest.raises(RuleError) as refusal:
        actions.approve_version(draft, cast.ada)
    assert refusal.value.code == "version_has_withdrawn"


def test_the_image_is_gone_for_everybody(
    dataset: Any, cast: Any, samples: list[Any], browser_of: Any
) -> None:
    client: Client = browser_of(cast.ben)
    page = client.get(f"/samples/{samples[0].pk}/withdraw/")
    assert "cannot be undone" in page.content.decode()
    client.post(f"/samples/{samples[0].pk}/withdraw/", {"why": "a mistake"})

    answer = browser_of(cast.ada).get(media_url(samples[0], "image", cast.ada))

    assert answer.status_code == 410
    assert "a mistake" in client.get(f"/samples/{samples[0].pk}/").content.decode()


def test_the_list_is_public_where_the_version_is(
    dataset: Any, cast: Any, samples: list[Any], versions: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, visibility="public")
    actions.withdraw_samples(dataset, cast.ben, [Sample.objects.get(pk=samples[0].pk)])

    answer = Client().get("/datasets/pets/versions/2/tombstones.json")

    assert answer.json()["withdrawn"][0]["sample"] == samples[0].blob_sha256
    assert answer.json()["digest"] == versions[1].digest
    again = Client().get(
        "/datasets/pets/versions/2/tombstones.json", headers={"If-None-Match": answer["ETag"]}
    )
    assert again.status_code == 304
