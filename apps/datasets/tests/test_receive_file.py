"""Sending files: what becomes of each, good and bad, and that one never harms another."""

import io
import zipfile
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from apps.datasets import actions, blobs, staging
from apps.datasets.models import Annotation, Licence, Receipt, Sample
from apps.datasets.receipts import FIXES, SENTENCES, sentence
from apps.datasets.tests.cast import make_image, outcomes
from apps.errors import RuleError


def pack(files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def pixel_flood() -> bytes:
    """30000×30000 pixels, one bit each, in about 110 KB."""
    out = io.BytesIO()
    Image.new("1", (30000, 30000)).save(out, "PNG")
    return out.getvalue()


def test_a_good_file_becomes_a_sample_with_its_folders_claims(contribute: Any) -> None:
    contribution = contribute({"photos/train/Cat/1.png": make_image()})
    sample = contribution.samples.get()
    assert outcomes(contribution) == {"photos/train/Cat/1.png": "accepted"}
    assert (sample.label.name, sample.declared_split, sample.status) == ("cat", "train", "pending")
    annotation = Annotation.objects.get(sample=sample)
    assert (annotation.role, annotation.by) == ("uploader", contribution.member)
    assert Image.open(io.BytesIO(blobs.read(sample.blob_sha256))).size == (12, 12)
    assert contribution.status == "ready"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"just some words", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_format"),
        (b"GIF89a-rest", "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "unsupported_format"),
        (make_image(size=(64, 64), kind="JPEG")[:-900], "truncated"),
        (b"\x89PNG\r\n\x1a\n and then nonsense", "unreadable"),
        (b"\xff\xd8\xff and then nonsense", "unreadable"),
        (make_image(size=(3, 40)), "too_small"),
    ],
)
def test_a_bad_file_gets_its_reason_and_the_rest_goes_on(
    contribute: Any, data: bytes, code: str
) -> None:
    contribution = contribute({"cat/bad.jpg": data, "cat/good.png": make_image(7)})
    assert outcomes(contribution) == {"cat/bad.jpg": code, "cat/good.png": "accepted"}
    receipt = contribution.receipts.get(name="cat/bad.jpg")
    assert receipt.outcome == "refused"
    assert len(sentence(receipt)) > 20
    assert "%(" not in sentence(receipt)
    assert not staging.path_of(receipt).exists()


def test_a_pixel_flood_is_refused_by_its_header(contribute: Any) -> None:
    contribution = contribute({"flood.png": pixel_flood()})
    assert outcomes(contribution) == {"flood.png": "too_many_pixels"}


def test_pixels_up_to_the_limit_are_taken(contribute: Any, settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 144
    contribution = contribute({"at.png": make_image(), "over.png": make_image(size=(12, 13))})
    assert outcomes(contribution) == {"at.png": "accepted", "over.png": "too_many_pixels"}


def test_a_picture_of_four_pixels_each_way_is_no_smaller_than_it_may_be(contribute: Any) -> None:
    contribution = contribute(
        {"at.png": make_image(size=(4, 4)), "under.png": make_image(size=(4, 3))}
    )
    assert outcomes(contribution) == {"at.png": "accepted", "under.png": "too_small"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_one_frame_is_a_picture_and_two_are_an_animation(contribute: Any, kind: str) -> None:
    def film(frames: int) -> bytes:
        first, *more = (Image.new("RGB", (12, 12), f"#{n}{n}{n}") for n in range(frames))
        out = io.BytesIO()
        first.save(out, kind, save_all=True, append_images=more, duration=40)
        return out.getvalue()

    contribution = contribute({"one": film(1), "two": film(2)})
    assert outcomes(contribution)["one"] in {"accepted", "fixed"}
    assert outcomes(contribution)["two"] == "animated"
    assert "2 frames" in sentence(contribution.receipts.get(name="two"))


def test_webp_has_half_the_pixels(
    contribute: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_IMAGE_PIXELS = 288
    at, over = make_image(kind="WEBP", lossless=True), make_image(size=(12, 13), kind="WEBP")
    contribution = contribute({"at.webp": at, "over.webp": over})
    assert outcomes(contribution) == {"at.webp": "accepted", "over.webp": "too_many_pixels"}
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 70)  # Pillow itself refuses twice as many
    flood = contribute({"flood.webp": over}).receipts.get()
    assert (flood.code, flood.facts["limit"]) == ("too_many_pixels", 144)


def test_a_large_webp_is_stored_as_png(contribute: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.datasets.ingest.image.WEBP_PIXELS", 144)
    at, over = make_image(kind="WEBP", lossless=True), make_image(1, size=(12, 13), kind="WEBP")
    contribution = contribute({"at.webp": at, "over.webp": over})
    kinds = contribution.samples.order_by("pk").values_list("media_type", flat=True)
    assert list(kinds) == ["image/webp", "image/png"]
    assert "PNG" in sentence(contribution.receipts.get(name="over.webp"))


def test_sixteen_bits_keep_their_high_byte_in_every_band(
    contribute: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.datasets.ingest.image.PIECE", 7 * 5)
    grey = Image.new("I;16", (5, 20))
    for y in range(20):
        for x in range(5):
            grey.putpixel((x, y), (y * 12 + x) * 256 + 99)
    out = io.BytesIO()
    grey.save(out, "PNG")
    sample = contribute({"x-ray.png": out.getvalue()}).samples.get()
    stored = Image.open(io.BytesIO(blobs.read(sample.blob_sha256)))
    assert [stored.getpixel((x, y)) for y in range(20) for x in range(5)] == [
        y * 12 + x for y in range(20) for x in range(5)
    ]


def test_bytes_up_to_the_limit_are_taken(contribute: Any, settings: Any) -> None:
    data = make_image()
    settings.MAX_IMAGE_BYTES = len(data)
    contribution = contribute({"at.png": data, "over.png": data + b"x"})
    assert outcomes(contribution) == {"at.png": "accepted", "over.png": "file_too_large"}


def test_an_archive_may_be_larger_than_an_image_up_to_its_own_limit(
    contribute: Any, settings: Any
) -> None:
    settings.MAX_IMAGE_BYTES = len(make_image())
    data = pack({"cat/1.png": make_image()})
    settings.MAX_ARCHIVE_BYTES = len(data)
    assert outcomes(contribute({"at.zip": data}))["at.zip"] == "unpacked"
    settings.MAX_ARCHIVE_BYTES -= 1
    assert outcomes(contribute({"over.zip": data})) == {"over.zip": "file_too_large"}


def test_metadata_and_foreign_bytes_are_gone(contribute: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    exif[0x010F] = "SecretCamera"
    script = b"<script>alert(1)</script>"
    photo = make_image(size=(40, 24), kind="JPEG", exif=exif, comment=b"hello " + script) + script
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "SecretPlace")
    drawing = make_image(3, pnginfo=info)
    contribution = contribute({"cat/photo.jpg": photo, "cat/drawing.png": drawing})
    receipt = contribution.receipts.get(name="cat/photo.jpg")
    assert receipt.facts["fixes"] == ["metadata_removed", "oriented"]
    assert (receipt.sample.width, receipt.sample.height) == (24, 40)
    for sample in contribution.samples.all():
        stored = blobs.read(sample.blob_sha256)
        for secret in (b"Secret", b"script", b"hello", b"Exif", b"tEXt"):
            assert secret not in stored


def test_every_fix_has_words(contribute: Any) -> None:
    receipt = Receipt(outcome="fixed", facts={"fixes": list(FIXES)})
    assert sentence(receipt).count(",") == len(FIXES) - 1
    assert SENTENCES.keys() >= {"empty_file", "truncated", "bomb", "unsafe_name"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA", "CMYK"])
def test_odd_modes_are_converted_to_what_a_browser_shows(contribute: Any, mode: str) -> None:
    out = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    Image.new(mode, (20, 20)).save(out, kind)
    sample = contribute({"cat/odd": out.getvalue()}).samples.get()
    stored = Image.open(io.BytesIO(blobs.read(sample.blob_sha256)))
    assert stored.mode in {"L", "RGB", "RGBA"}


@pytest.mark.parametrize(
    ("side", "small"),
    [((256, 200), None), ((257, 200), (256, 199)), ((900, 600), (300, 200)), ((511, 9), (256, 5))],
)
def test_a_large_picture_gets_a_small_one(
    contribute: Any, side: tuple[int, int], small: tuple[int, int] | None
) -> None:
    sample = contribute({"cat/big.jpg": make_image(size=side, kind="JPEG")}).samples.get()
    thumbnail = Image.open(io.BytesIO(blobs.read(sample.thumbnail_sha256)))
    assert thumbnail.size == (small or side)
    assert (sample.thumbnail_sha256 == sample.blob_sha256) == (small is None)


def test_the_same_pixels_twice_are_a_duplicate(contribute: Any, cast: Any) -> None:
    first = contribute({"cat/1.png": make_image(), "dog/again.png": make_image()})
    assert outcomes(first) == {"cat/1.png": "accepted", "dog/again.png": "duplicate"}
    assert first.receipts.get(name="dog/again.png").sample == first.samples.get()
    other = contribute({"x.webp": make_image(kind="WEBP", lossless=True)}, by=cast.ada)
    assert outcomes(other) == {"x.webp": "duplicate"}


def test_our_own_cleaned_bytes_come_back_as_a_duplicate(contribute: Any, cast: Any) -> None:
    photo = make_image(size=(64, 64), kind="JPEG", quality=60)
    cleaned = blobs.read(contribute({"cat/1.jpg": photo}).samples.get().blob_sha256)
    assert outcomes(contribute({"back.jpg": cleaned}, by=cast.ada)) == {"back.jpg": "duplicate"}


def test_sending_a_file_again_gives_the_same_receipt(dataset: Any, cast: Any) -> None:
    contribution = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    twice = [
        actions.receive_file(contribution, cast.ben, name="cat/1.png", chunks=[make_image()])
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    assert contribution.receipts.count() == 1


def test_an_unknown_folder_waits_for_its_class(contribute: Any, dataset: Any, cast: Any) -> None:
    contribution = contribute({"Ferret/1.png": make_image(1), "ferret/2.png": make_image(2)})
    assert set(contribution.samples.values_list("label", "claimed_class")) == {
        (None, "Ferret"),
        (None, "ferret"),
    }
    with pytest.raises(RuleError, match="role_required"):
        actions.add_claimed_classes(dataset, cast.ben)
    (label,) = actions.add_claimed_classes(dataset, cast.ada)
    assert label.name.casefold() == "ferret"
    assert set(contribution.samples.values_list("label", "claimed_class")) == {(label.pk, "")}
    assert Annotation.objects.filter(label=label, by=cast.ben, role="uploader").count() == 2


def test_the_batchs_class_is_for_files_without_a_folder(contribute: Any, dataset: Any) -> None:
    dog = dataset.classes.get(name="dog")
    contribution = contribute(
        {"1.png": make_image(1), "test/2.png": make_image(2), "cat/3.png": make_image(3)},
        default_class=dog,
    )
    claims = contribution.samples.order_by("pk").values_list("label__name", "declared_split")
    assert list(claims) == [("dog", ""), ("dog", "test"), ("cat", "")]


def test_a_zip_with_class_folders_arrives_file_by_file(contribute: Any) -> None:
    inside = {
        "set/train/cat/1.png": make_image(1),
        "set/test/dog/2.png": make_image(2),
        "__MACOSX/set/._1.png": b"litter",
        "set/broken.png": b"",
    }
    contribution = contribute({"set.zip": pack(inside)})
    assert outcomes(contribution) == {
        "set.zip": "unpacked",
        "set/train/cat/1.png": "accepted",
        "set/test/dog/2.png": "accepted",
        "set/broken.png": "empty_file",
    }
    splits = contribution.samples.values_list("label__name", "declared_split")
    assert set(splits) == {("cat", "train"), ("dog", "test")}
    assert "3" in sentence(contribution.receipts.get(name="set.zip"))


def test_entries_that_climb_out_are_left_out(contribute: Any, tmp_path: Any) -> None:
    inside = {
        "../evil.png": make_image(1),
        "/etc/evil.png": make_image(2),
        "a\\..\\..\\evil.png": make_image(3),
        "C:/evil.png": make_image(4),
        "cat/good.png": make_image(5),
        "more.zip": pack({"x": b"y"}),
    }
    contribution = contribute({"set.zip": pack(inside)})
    codes = sorted(outcomes(contribution).values())
    assert codes == ["accepted", "nested_archive", "unpacked", *["unsafe_name"] * 4]


def test_a_link_in_a_zip_is_no_file(contribute: Any) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("cat/link.png")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    assert outcomes(contribute({"set.zip": out.getvalue()}))["cat/link.png"] == "link"


def test_a_zip_bomb_is_refused_unread(contribute: Any) -> None:
    bomb = pack({"cat/bomb.png": bytes(20_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 30_000
    assert outcomes(contribute({"set.zip": bomb}))["cat/bomb.png"] == "bomb"


def test_an_entry_unpacks_to_its_ratio_and_no_more(contribute: Any, settings: Any) -> None:
    def packed_size(size: int) -> int:
        data = pack({"x": bytes(size)}, compression=zipfile.ZIP_DEFLATED)
        return zipfile.ZipFile(io.BytesIO(data)).getinfo("x").compress_size

    size = next(n for n in range(1000, 9000) if n % packed_size(n) == 0)
    data = pack({"x": bytes(size)}, compression=zipfile.ZIP_DEFLATED)
    settings.MAX_ARCHIVE_RATIO = size // packed_size(size)
    assert outcomes(contribute({"at.zip": data}))["x"] == "not_an_image"
    settings.MAX_ARCHIVE_RATIO -= 1
    assert outcomes(contribute({"over.zip": data}))["x"] == "bomb"


def test_an_entry_is_as_large_as_an_image_may_be(contribute: Any, settings: Any) -> None:
    data = make_image()
    settings.MAX_IMAGE_BYTES = len(data)
    found = outcomes(contribute({"set.zip": pack({"at.png": data, "over.png": data + b"x"})}))
    assert found == {"set.zip": "unpacked", "at.png": "accepted", "over.png": "file_too_large"}


def test_folders_and_litter_are_no_files_of_an_archive(contribute: Any, settings: Any) -> None:
    settings.MAX_ARCHIVE_FILES = 1
    inside = {
        "cat/": b"",
        "cat/1.png": make_image(),
        "__MACOSX/cat/._1.png": b"x",
        "cat/.DS_Store": b"x",
    }
    assert outcomes(contribute({"set.zip": pack(inside)}))["set.zip"] == "unpacked"


def test_a_directory_that_lies_about_sizes_is_found_out(contribute: Any) -> None:
    honest = pack({"cat/1.png": bytes(50_000)}, compression=zipfile.ZIP_DEFLATED)
    lying = honest.replace((50_000).to_bytes(4, "little"), (40).to_bytes(4, "little"))
    found = outcomes(contribute({"set.zip": lying}))["cat/1.png"]
    assert found in {"bomb", "damaged_entry"}


@pytest.mark.parametrize(
    ("setting", "limit", "code"),
    [
        ("MAX_ARCHIVE_FILES", 2, "archive_too_many_files"),
        ("MAX_ARCHIVE_UNPACKED_BYTES", 20, "archive_too_large"),
    ],
)
def test_an_archives_bounds_hold_on_each_side(
    contribute: Any, settings: Any, setting: str, limit: int, code: str
) -> None:
    setattr(settings, setting, limit)
    at = contribute({"set.zip": pack({"a": b"x" * 10, "b": b"x" * 10})})
    assert outcomes(at)["set.zip"] == "unpacked"
    over = contribute({"set.zip": pack({"a": b"x" * 10, "b": b"x" * 10, "c": b"x"})})
    assert outcomes(over) == {"set.zip": code}


def test_a_damaged_zip_says_so(contribute: Any) -> None:
    assert outcomes(contribute({"set.zip": b"PK\x03\x04 nonsense"})) == {"set.zip": "bad_archive"}


def test_strange_names_are_shown_tamely(contribute: Any) -> None:
    name = "cat/\u202egnp.\r\nexe\x00.png"
    contribution = contribute({name: make_image(1), "猫" * 300 + ".png": make_image(2)})
    shown = set(contribution.receipts.values_list("name", flat=True))
    assert shown == {"cat/gnp.exe.png", "猫" * 300 + ".png"}


def test_a_name_keeps_its_last_thousand_characters(contribute: Any) -> None:
    at, over = "a" * 996 + ".png", "b" * 997 + ".png"
    contribution = contribute({at: make_image(1), over: make_image(2)})
    assert set(contribution.receipts.values_list("name", flat=True)) == {at, over[1:]}


@pytest.mark.parametrize(("length", "status"), [(120, 201), (121, 400)])
def test_a_source_has_its_length(
    dataset: Any, cast: Any, browser_of: Any, length: int, status: int
) -> None:
    body = {"licence": "CC0-1.0", "agreed": True, "source": "s" * length}
    address = "/api/datasets/pets/contributions/"
    sent = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert sent.status_code == status


def test_only_the_contributor_adds_and_only_while_it_receives(contribute: Any, cast: Any) -> None:
    contribution = contribute({"cat/1.png": make_image()})
    for member, code in ((cast.chen, "not_yours"), (cast.ben, "not_receiving")):
        with pytest.raises(RuleError, match=code):
            actions.receive_file(contribution, member, name="x", chunks=[b"x"])
    assert Sample.objects.count() == 1


def test_an_outsider_cannot_contribute(dataset: Any, cast: Any) -> None:
    with pytest.raises(RuleError, match="role_required"):
        actions.open_contribution(dataset, cast.dana, licence=Licence.CC_BY, agreed=True)


@pytest.mark.parametrize(
    ("options", "code"),
    [({"agreed": False}, "agreement_required"), ({"licence": "WTFPL"}, "unknown_licence")],
)
def test_a_contribution_needs_licence_and_agreement(
    dataset: Any, cast: Any, options: dict[str, Any], code: str
) -> None:
    fields = {"licence": Licence.CC_BY, "agreed": True} | options
    with pytest.raises(RuleError, match=code):
        actions.open_contribution(dataset, cast.ben, **fields)


def test_an_empty_contribution_cannot_be_finished(dataset: Any, cast: Any) -> None:
    contribution = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    with pytest.raises(RuleError, match="nothing_received"):
        actions.finish_contribution(contribution, cast.ben)
    actions.discard_contribution(contribution, cast.ben)
    assert contribution.status == "discarded"
