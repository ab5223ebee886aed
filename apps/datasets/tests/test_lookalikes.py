"""Look-alikes: found by index, grouped, never on both sides of a split, held where they would be."""

import io
import random
from importlib import import_module
from typing import Any

import numpy as np
import pdqhash
import pytest
from django.apps import apps
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from apps.datasets import actions
from apps.datasets.grouping import Alike, place
from apps.datasets.ingest.image import clean_image
from apps.datasets.ingest.lookalike import MAX_DISTANCE, band_keys, distance, pdq_of, probe_keys
from apps.datasets.lookalikes import candidates
from apps.datasets.models import LookBand, Receipt, Sample
from apps.datasets.receipts import sentence
from apps.datasets.tests.cast import outcomes
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError

HASH = st.integers(0, 2**256 - 1)


def picture(seed: int) -> Image.Image:
    noise = random.Random(seed).randbytes(24 * 18 * 3)
    image = Image.frombytes("RGB", (24, 18), noise).resize((320, 240), Image.Resampling.BICUBIC)
    return image.filter(ImageFilter.GaussianBlur(2))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def copy_of(seed: int, scale: float = 0.9, quality: int = 70) -> bytes:
    image = picture(seed)
    size = (int(image.width * scale), int(image.height * scale))
    return jpeg(image.resize(size), quality)


@given(HASH, st.sets(st.integers(0, 255), max_size=MAX_DISTANCE))
def test_whatever_differs_by_23_bits_is_found(hashed: int, flipped: set[int]) -> None:
    other = hashed
    for bit in flipped:
        other ^= 1 << bit
    one, two = f"{hashed:064x}", f"{other:064x}"
    assert distance(one, two) == len(flipped)
    assert set(probe_keys(one)) & set(band_keys(two))
    assert len(band_keys(one)) == 12
    assert max(probe_keys(one)) < 2**31  # fits an integer column


ALIKE = st.builds(
    Alike,
    sample=st.integers(1, 50),
    group=st.sampled_from("abcdef"),
    split=st.just(""),
    distance=st.integers(0, 23),
)


# A sample is of one group.
FOUND = st.lists(ALIKE, max_size=6, unique_by=lambda each: each.sample)
SPLITS = st.dictionaries(
    st.sampled_from("abcdefo"), st.sampled_from(["train", "validation", "test"])
)


@given(FOUND, SPLITS)
def test_a_placing_never_brings_two_splits_together(
    found: list[Alike], splits: dict[str, str]
) -> None:
    alike = [each._replace(split=splits.get(each.group, "")) for each in found]
    placing = place("o", alike, splits.get("o", ""))
    together = {placing.group} | placing.merged
    assert len({splits[group] for group in together if group in splits}) <= 1
    assert not placing.merged & splits.keys(), "a group with a split never merges into another"
    if placing.hold:
        assert placing.group == "o"
        assert not placing.merged
    reordered = place("o", list(reversed(alike)), splits.get("o", ""))
    assert reordered == placing


def test_a_copy_in_other_bytes_joins_its_group(contribute: Any) -> None:
    first = contribute({"cat/1.jpg": jpeg(picture(1)), "cat/2.jpg": jpeg(picture(2))})
    batch = contribute({"cat/copy.jpg": copy_of(1)})

    original = first.samples.order_by("pk")[0]
    copy = batch.samples.get()
    assert copy.group == original.group
    assert copy.hold == ""
    assert first.samples.order_by("pk")[1].group != original.group
    receipt = Receipt.objects.get(contribution=batch)
    assert receipt.facts["lookalike_of"] == original.pk
    assert f"image {original.pk}" in sentence(receipt)
    check()


def test_look_alikes_that_arrive_together_are_one_group(contribute: Any) -> None:
    batch = contribute({f"cat/{n}.jpg": copy_of(5, 1 - n / 20) for n in range(4)})
    assert batch.samples.values("group").distinct().count() == 1


@pytest.mark.parametrize(
    ("flipped", "alike"),
    [(range(23), True), (range(24), False), (range(0, 253, 11), True), (range(0, 254, 11), False)],
    ids=["23 beside each other", "24 beside each other", "23 spread", "24 spread"],
)
def test_pictures_look_alike_up_to_23_bits(
    contribute: Any, monkeypatch: pytest.MonkeyPatch, flipped: range, alike: bool
) -> None:
    hashes = [f"{0:064x}", f"{sum(1 << bit for bit in flipped):064x}"]
    monkeypatch.setattr("apps.datasets.ingest.image.pdq_of", lambda image: hashes.pop(0))
    first, second = (contribute({f"cat/{n}.jpg": jpeg(picture(n))}).samples.get() for n in (1, 2))
    assert second.lookalike_of_id == (first.pk if alike else None)
    assert (second.group == first.group) == alike


@pytest.mark.parametrize(("quality", "compared"), [(50, True), (49, False)])
def test_a_picture_needs_enough_in_it_to_be_compared(
    monkeypatch: pytest.MonkeyPatch, quality: int, compared: bool
) -> None:
    monkeypatch.setattr(pdqhash, "compute", lambda pixels: (np.zeros(256), quality))
    assert bool(pdq_of(picture(1))) == compared


def test_small_and_plain_pictures_are_not_compared(contribute: Any) -> None:
    flat = [jpeg(Image.new("RGB", (200, 200), colour)) for colour in ("#888", "#898989")]
    tiny = [jpeg(picture(n).resize((63, 63))) for n in (1, 1)]
    contribute({f"cat/{n}.jpg": data for n, data in enumerate([*flat, *tiny])})
    for size, compared in (((63, 64), False), ((64, 64), True)):
        small = clean_image(jpeg(picture(1).resize(size)), max_pixels=10**7)
        assert bool(small.pdq) is compared
    assert not LookBand.objects.exists()


@pytest.fixture
def frozen(dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any) -> dict[str, Any]:
    """One picture in each split, by declaration."""
    seeds = {"train": 11, "val": 12, "test": 13}
    batch = contribute({f"{name}/cat/1.jpg": jpeg(picture(n)) for name, n in seeds.items()})
    approve(list(batch.samples.all()))
    assert not freeze().failure
    return {sample.split: sample for sample in batch.samples.all()}


def test_a_look_alike_of_the_test_split_is_held(
    dataset: Any, cast: Any, contribute: Any, frozen: Any
) -> None:
    batch = contribute({"cat/copy.jpg": copy_of(13)})
    copy = batch.samples.get()

    assert copy.hold == "lookalike"
    assert outcomes(batch) == {"cat/copy.jpg": "held_lookalike"}
    refused = actions.review_samples(
        dataset, cast.chen, [actions.Decision(copy.pk, "accept")]
    ).refused
    assert [each["code"] for each in refused] == ["held"]
    check()


def test_a_look_alike_of_train_goes_to_train(
    contribute: Any, frozen: Any, approve: Any, freeze: Any
) -> None:
    batch = contribute({"test/cat/copy.jpg": copy_of(11)})  # whatever its folder declares
    approve(list(batch.samples.all()))
    version = freeze()
    assert batch.samples.get().split == "train"
    assert version.counts == {"cat": {"train": 2, "validation": 1, "test": 1}}
    leak = next(each for each in version.checks if each["check"] == "no_split_leak")
    assert leak["passed"]


def test_what_would_bridge_two_splits_is_held(contribute: Any, frozen: Any) -> None:
    hashes = sorted(frozen.values(), key=lambda each: each.split)
    # No picture resembles both: give the train one and the validation one the same look.
    train, validation = frozen["train"], frozen["validation"]
    Sample.objects.filter(pk=validation.pk).update(pdq=train.pdq)
    LookBand.objects.filter(sample=validation).delete()
    keys = band_keys(train.pdq)
    LookBand.objects.bulk_create(
        LookBand(dataset_id=train.dataset_id, sample=validation, key=key) for key in keys
    )
    copy = contribute({"cat/copy.jpg": copy_of(11)}).samples.get()
    assert copy.hold == "bridge"
    assert copy.group not in {each.group for each in hashes}


@pytest.mark.parametrize(
    ("verdict", "status", "joins"),
    [("same", "rejected", False), ("together", "pending", True), ("apart", "pending", False)],
)
def test_a_reviewer_compares_and_decides(
    cast: Any,
    contribute: Any,
    frozen: Any,
    browser_of: Any,
    verdict: str,
    status: str,
    joins: bool,
) -> None:
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    chen = browser_of(cast.chen)
    page = chen.get("/datasets/pets/lookalikes/").content.decode()
    assert f"Sample {frozen['test'].pk}" in page

    chen.post("/datasets/pets/lookalikes/", {"sample": copy.pk, "verdict": verdict})

    copy.refresh_from_db()
    assert (copy.status, copy.hold) == (status, "")
    assert (copy.group == frozen["test"].group) is joins
    assert copy.reviews.get().note == verdict
    # Set apart, it resembles nothing any more.
    assert (copy.lookalike_of_id is None) is (verdict == "apart")
    assert "No look-alike waits" in chen.get("/datasets/pets/lookalikes/").content.decode()
    check()


def test_refusals(cast: Any, contribute: Any, frozen: Any) -> None:
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    for person, verdict, code in (
        (cast.ben, "same", "role_required"),
        (cast.chen, "perhaps", "unknown_verdict"),
    ):
        with pytest.raises(RuleError) as refusal:
            actions.release_lookalike(copy, person, verdict)
        assert refusal.value.code == code
    Sample.objects.filter(pk=copy.pk).update(contributor=cast.chen)
    copy.refresh_from_db()
    with pytest.raises(RuleError) as refusal:
        actions.release_lookalike(copy, cast.chen, "same")
    assert refusal.value.code == "own_sample"
    Sample.objects.filter(pk=copy.pk).update(contributor=cast.ben, hold="bridge")
    copy.refresh_from_db()
    with pytest.raises(RuleError) as refusal:
        actions.release_lookalike(copy, cast.chen, "together")
    assert refusal.value.code == "bridges_splits"
    with pytest.raises(RuleError) as refusal:
        actions.release_lookalike(frozen["test"], cast.chen, "same")
    assert refusal.value.code == "not_held"


def test_undoing_the_verdict_holds_it_again(
    dataset: Any, cast: Any, contribute: Any, frozen: Any, browser_of: Any
) -> None:
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    actions.release_lookalike(copy, cast.chen, "same")

    browser_of(cast.chen).post("/datasets/pets/review/undo/")

    copy.refresh_from_db()
    assert (copy.status, copy.hold, copy.leased_to) == ("pending", "lookalike", None)
    refused = actions.review_samples(dataset, cast.ada, [actions.Decision(copy.pk, "accept")])
    assert [each["code"] for each in refused.refused] == ["held"]
    actions.release_lookalike(copy, cast.chen, "apart")
    check()


def test_an_appeal_of_the_verdict_is_another_comparison(
    dataset: Any, cast: Any, contribute: Any, frozen: Any, browser_of: Any
) -> None:
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    actions.release_lookalike(copy, cast.chen, "same")
    browser_of(cast.ben).post(f"/samples/{copy.pk}/appeal/", {"note": "another cat"})

    copy.refresh_from_db()
    assert (copy.status, copy.hold) == ("pending", "lookalike")
    page = browser_of(cast.ada).get("/datasets/pets/lookalikes/").content.decode()
    assert "another cat" in page
    with pytest.raises(RuleError, match="rejected_by_you"):
        actions.release_lookalike(copy, cast.chen, "apart")
    actions.release_lookalike(copy, cast.ada, "same")
    actions.undo_review(dataset, cast.ada)
    copy.refresh_from_db()
    assert copy.hold == "lookalike", "not an appeal that shows it alone"
    actions.release_lookalike(copy, cast.ada, "together")
    actions.review_samples(dataset, cast.chen, [actions.Decision(copy.pk, "accept")])
    copy.refresh_from_db()
    assert (copy.status, copy.group) == ("approved", frozen["test"].group)
    check()


def test_with_its_double_gone_an_appeal_is_one_like_any_other(
    dataset: Any, cast: Any, contribute: Any, frozen: Any
) -> None:
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    actions.release_lookalike(copy, cast.chen, "same")
    actions.withdraw_samples(dataset, cast.ben, [frozen["test"]])
    actions.appeal_rejection(copy, cast.ben, "another cat")
    assert copy.hold == "appeal"


def test_the_lookup_uses_the_index(contribute: Any) -> None:
    contribute({"cat/1.jpg": jpeg(picture(1))})
    sample = Sample.objects.get()
    keys = probe_keys(sample.pdq)
    bands = LookBand.objects.filter(dataset=sample.dataset_id, key__in=keys).values("sample")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "bands_by_key" in bands.explain()
    assert [look.sample for look in candidates(sample.dataset_id, [sample.pdq])] == [sample.pk]


def test_what_a_newcomer_resembles_is_remembered(contribute: Any) -> None:
    first = contribute({"cat/1.jpg": jpeg(picture(1)), "cat/2.jpg": jpeg(picture(2))})
    one, other = first.samples.order_by("pk")
    copy = contribute({"cat/copy.jpg": copy_of(1)}).samples.get()
    assert copy.lookalike_of == one
    assert (one.lookalike_of, other.lookalike_of) == (None, None)
    # Among those that come together, too: the other has no key yet when they are compared.
    batch = contribute({f"dog/{n}.jpg": copy_of(5, 1 - n / 20) for n in range(3)})
    eldest, *rest = batch.samples.order_by("pk")
    assert eldest.lookalike_of is None
    assert {each.lookalike_of_id for each in rest} <= {each.pk for each in batch.samples.all()}
    assert None not in {each.lookalike_of_id for each in rest}
    check()


def test_those_of_before_are_filled_in_from_their_receipts(
    contribute: Any, frozen: Any, cast: Any
) -> None:
    contribute({"cat/copy.jpg": copy_of(13)})
    apart = contribute({"cat/again.jpg": copy_of(13, 0.8)}).samples.get()
    actions.release_lookalike(apart, cast.chen, "apart")
    known = dict(Sample.objects.values_list("pk", "lookalike_of"))
    assert [value for value in known.values() if value]
    Sample.objects.update(lookalike_of=None)
    import_module("apps.datasets.migrations.0012_fill_lookalike_of").fill(apps, None)
    assert dict(Sample.objects.values_list("pk", "lookalike_of")) == known


@pytest.mark.parametrize(
    ("ratio", "compared"), [(1.5, True), (3.9, True), (4.2, False), (9, False)]
)
@pytest.mark.parametrize("width", [512, 600, 767, 1000, 1279, 1600])
def test_whether_a_strip_is_compared_does_not_depend_on_its_size(
    ratio: float, compared: bool, width: int
) -> None:
    strip = picture(1).resize((width, int(width / ratio)))
    assert bool(clean_image(jpeg(strip), max_pixels=10**7).pdq) is compared
