"""Versions decoded once: right, whole, repaired, and evicted only when nobody needs them."""

import dataclasses
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from training.config import Image, Text
from training.data import fill
from training.data import pack as packs
from training.data.decode import blob_path, fit
from training.data.pack import Source, open_pack, pack_id
from training.data.store import evict, in_use
from training.data.tokenizer import learn, load_tokenizer
from training.errors import Cancelled, TrainingError
from training.tests.samples import store, store_bytes, write_manifest

RED, BLUE = (250, 10, 20), (5, 30, 240)


@pytest.fixture
def source(tmp_path):
    """Six plain pictures of two classes, two to a split."""
    blobs = tmp_path / "blobs"
    rows = []
    for number, split in enumerate(("train", "train", "validation", "validation", "test", "test")):
        colour = (number * 10, 100, 200 if number % 2 else 0)
        name = store(blobs, Pillow.new("RGB", (20 + number, 12), colour))
        rows.append((name, "blue" if number % 2 else "green", split))
    write_manifest(tmp_path / "manifest.parquet", rows)
    return Source(
        manifest=tmp_path / "manifest.parquet",
        blobs=blobs,
        digest="v1",
        classes=("blue", "green"),
        policy=Image(size=8, resize="stretch"),
    )


def rewrite(source, rows):
    write_manifest(source.manifest, rows)


def refusal(source, store):
    with pytest.raises(TrainingError) as caught, open_pack(source, store):
        pass
    assert not list(store.glob(".building-*"))
    return caught.value


def test_holds_the_pictures_split_by_split(source, tmp_path):
    seen = []
    with open_pack(source, tmp_path / "packs", progress=lambda *done: seen.append(done)) as pack:
        assert pack.built
        assert pack.counts == {"train": 2, "validation": 2, "test": 2}
        assert pack.arrays["images"].shape == (6, 8, 8, 3)
        assert pack.arrays["images"].dtype == np.uint8
        assert pack.rows("validation") == slice(2, 4)
        for split in ("train", "validation", "test"):
            rows, part = pack.rows(split), pack.split(split, torch.device("cpu"))
            assert (part.pixels.numpy() == pack.arrays["images"][rows]).all()
            assert part.labels.tolist() == pack.labels[rows].tolist()
            assert pack.samples[rows] == sorted(pack.samples[rows])
            for image, label in zip(pack.arrays["images"][rows], pack.labels[rows], strict=True):
                assert (image[..., 1] == 100).all()
                assert (image[..., 2] == (0 if label else 200)).all()
    assert seen == [(6, 6)]


def test_is_decoded_once(source, tmp_path):
    with open_pack(source, tmp_path / "packs") as first:
        samples = first.samples
    with open_pack(source, tmp_path / "packs") as second:
        assert not second.built
        assert second.samples == samples


def test_the_id_names_all_that_decides_the_content(source):
    others = [
        dataclasses.replace(source, digest="v2"),
        dataclasses.replace(source, classes=("green", "blue")),
        dataclasses.replace(source, policy=Image(size=9, resize="stretch")),
        dataclasses.replace(source, policy=Image(size=8, resize="crop")),
        dataclasses.replace(source, policy=Image(size=8, resize="stretch", channels="grey")),
    ]
    assert len({pack_id(one) for one in [source, *others]}) == 6
    copy = source.manifest.with_name("copy.parquet")
    copy.write_bytes(source.manifest.read_bytes())
    assert pack_id(dataclasses.replace(source, manifest=copy)) == pack_id(source)


@pytest.mark.parametrize(
    "name", ["images", "labels", "samples", "sources", "source_names", "pack.json"]
)
@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_a_damaged_pack_is_built_again(source, tmp_path, name, how):
    with open_pack(source, tmp_path / "packs") as pack:
        good, path = np.array(pack.arrays["images"]), tmp_path / "packs" / pack.name / name
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)
    elif how == "cut":
        path.write_bytes(content[:-3])
    else:
        path.unlink()
    with open_pack(source, tmp_path / "packs") as pack:
        assert pack.built
        assert (pack.arrays["images"] == good).all()


def test_a_disk_that_damages_everything_is_reported(source, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "_load", lambda *_args, **_more: None)
    assert refusal(source, tmp_path / "packs").code == "pack_damaged"


def test_grey_has_one_channel(source, tmp_path):
    grey = dataclasses.replace(source, policy=Image(size=8, channels="grey"))
    with open_pack(grey, tmp_path / "packs") as pack:
        assert pack.arrays["images"].shape == (6, 8, 8, 1)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_reads_the_other_formats(source, tmp_path, kind):
    name = store(source.blobs, Pillow.new("RGB", (16, 16), RED), kind)
    rewrite(source, [(name, "blue", "train")])
    with open_pack(source, tmp_path / "packs") as pack:
        assert np.abs(pack.arrays["images"][0].astype(int) - RED).max() < 12


def test_policies_keep_all_the_centre_or_both_sides():
    wide = Pillow.new("RGB", (32, 16), RED)
    wide.paste(BLUE, (0, 0, 8, 16))
    letterbox = np.asarray(fit(wide, Image(size=8)))
    assert (letterbox[0] == 0).all()
    assert tuple(letterbox[4, 0]) == BLUE
    crop = np.asarray(fit(wide, Image(size=8, resize="crop")))
    assert (crop[:, 1:] == RED).all()
    stretch = np.asarray(fit(wide, Image(size=8, resize="stretch")))
    assert tuple(stretch[0, 0]) == BLUE
    assert tuple(stretch[7, 7]) == RED


def test_a_sealed_test_label_stays_unknown(source, tmp_path):
    name = store(source.blobs, Pillow.new("RGB", (9, 9), RED))
    rewrite(source, [(name, None, "test")])
    with open_pack(source, tmp_path / "packs") as pack:
        assert pack.labels.tolist() == [-1]


# ---------------------------------------------------------------------------- sources


def with_sources(source, sources):
    names = sorted(path.name for path in source.blobs.rglob("*") if path.is_file())
    write_manifest(source.manifest, [(name, "blue", "train") for name in names], sources)


def test_says_where_each_sample_comes_from(source, tmp_path):
    with_sources(source, ["north", None, "south 南", "north", "", "south 南"])
    for built in (True, False):
        with open_pack(source, tmp_path / "packs") as pack:
            assert pack.built is built
            assert pack.sources == ["north", None, "south 南", "north", None, "south 南"]


def test_manifests_of_before_name_no_sources(source, tmp_path):
    with open_pack(source, tmp_path / "packs") as pack:
        assert pack.sources == [None] * 6


def test_other_sources_are_another_pack_though_the_digest_is_the_same(source):
    with_sources(source, ["north"] * 6)
    before = pack_id(source)
    with_sources(source, ["south"] * 6)
    assert pack_id(source) != before


# ---------------------------------------------------------------------------- texts

TRAIN = ["Where is my card?", "My card has not arrived.", "I changed my card's PIN."]
TEST = ["Lost my zebra card", ""]


@pytest.fixture
def texts(tmp_path):
    """Three texts to train on, one to validate with, two to test with."""
    every = [(text, "train") for text in TRAIN] + [("My PIN!", "validation")]
    every += [(text, "test") for text in TEST]
    blobs = tmp_path / "texts"
    rows = [(store_bytes(blobs, text.encode()), "blue", split) for text, split in every]
    write_manifest(tmp_path / "texts.parquet", rows)
    return Source(
        manifest=tmp_path / "texts.parquet",
        blobs=blobs,
        digest="t1",
        classes=("blue", "green"),
        policy=Text(vocabulary=100, max_length=16),
    )


def text_of(source, sample):
    return blob_path(source.blobs, sample).read_text()


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_holds_the_tokens_of_each_text(texts, tmp_path, kind):
    policy = Text(tokenizer=kind, vocabulary=100, max_length=16)
    with open_pack(dataclasses.replace(texts, policy=policy), tmp_path / "packs") as pack:
        tokenizer = load_tokenizer(pack.tokenizer)
        assert pack.counts == {"train": 3, "validation": 1, "test": 2}
        for split in ("train", "validation", "test"):
            part = pack.split(split, torch.device("cpu"))
            assert part.labels.tolist() == [0] * pack.counts[split]
            for number, sample in enumerate(pack.samples[pack.rows(split)]):
                tokens = part.tokens[part.offsets[number] : part.offsets[number + 1]]
                assert tokens.tolist() == tokenizer.encode([text_of(texts, sample)])[0]


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_the_tokenizer_learns_from_the_train_split_alone(texts, tmp_path, kind):
    policy = Text(tokenizer=kind, vocabulary=100, max_length=16)
    source = dataclasses.replace(texts, policy=policy)
    with open_pack(source, tmp_path / "packs") as pack:
        learnt = pack.tokenizer
        assert learnt == learn(sorted(TRAIN), policy).to_json()
        assert "z" not in load_tokenizer(learnt).rules.tokens  # a zebra is in the test split only


def test_of_many_texts_it_learns_from_enough(texts, tmp_path, monkeypatch):
    monkeypatch.setattr(fill, "ENOUGH", 1)
    monkeypatch.setattr(fill, "TEXTS", 2)
    with open_pack(texts, tmp_path / "packs") as pack:
        first = [text_of(texts, sample) for sample in pack.samples[:2]]
        assert pack.tokenizer == learn(first, texts.policy).to_json()
        part = pack.split("test", torch.device("cpu"))
        assert len(part) == 2
        assert len(part.tokens) == part.offsets[-1]


def test_a_text_pack_is_the_same_bits_again(texts, tmp_path):
    found = []
    for folder in ("one", "two"):
        with open_pack(texts, tmp_path / folder, threads=2) as pack:
            files = (tmp_path / folder / pack.name).iterdir()
            found.append({path.name: path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert {"tokens", "offsets", "tokenizer.json"} < found[0].keys()


@pytest.mark.parametrize("name", ["tokens", "offsets", "tokenizer.json"])
def test_a_damaged_text_pack_is_built_again(texts, tmp_path, name):
    with open_pack(texts, tmp_path / "packs") as pack:
        path = tmp_path / "packs" / pack.name / name
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with open_pack(texts, tmp_path / "packs") as pack:
        assert pack.built
    assert path.read_bytes() == good


def test_text_policies_are_packs_of_their_own(texts):
    policies = [
        texts.policy,
        Text(vocabulary=101, max_length=16),
        Text(vocabulary=100, max_length=24),
        Text(vocabulary=100, max_length=16, lowercase=False),
        Text(vocabulary=100, max_length=16, tokenizer="characters"),
    ]
    names = {pack_id(dataclasses.replace(texts, policy=policy)) for policy in policies}
    assert len(names) == 5


def test_refuses_texts_for_images_and_images_for_texts(texts, source, tmp_path):
    for wrong, right in ((texts, source), (source, texts)):
        error = refusal(dataclasses.replace(wrong, policy=right.policy), tmp_path / "packs")
        assert error.code == "bad_input"
        assert re.search("is no (image|text)", error.message)


# ---------------------------------------------------------------------------- refusals

SAMPLE = "ab" * 32


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("../../etc/passwd", "blue", "train")], "no sha256"),
        ([(SAMPLE, "blue", "training")], "unknown split"),
        ([(SAMPLE, "red", "train")], "unknown class"),
        ([(SAMPLE, None, "train")], "unknown class"),
        ([(SAMPLE, "blue", "train"), (SAMPLE, "blue", "test")], "lists a sample twice"),
        ([(SAMPLE, "blue", "train")], "cannot be read"),
    ],
)
def test_refuses_a_manifest_that_makes_no_sense(source, tmp_path, rows, sentence):
    rewrite(source, rows)
    error = refusal(source, tmp_path / "packs")
    assert error.code == "bad_input"
    assert sentence in error.message


def test_refuses_a_manifest_that_is_none(source, tmp_path):
    source.manifest.write_bytes(b"PAR1 not really")
    assert refusal(source, tmp_path / "packs").code == "bad_input"


def test_refuses_a_file_that_is_not_what_its_name_says(source, tmp_path):
    name = store(source.blobs, Pillow.new("RGB", (9, 9), RED))
    blob_path(source.blobs, name).write_bytes(b"something else")
    rewrite(source, [(name, "blue", "train")])
    assert "is damaged" in refusal(source, tmp_path / "packs").message


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF"])
def test_refuses_formats_that_ingest_never_stores(source, tmp_path, kind):
    name = store(source.blobs, Pillow.new("RGB", (9, 9), RED), kind)
    rewrite(source, [(name, "blue", "train")])
    assert "is no image" in refusal(source, tmp_path / "packs").message


def test_refuses_a_flood_of_pixels_by_its_header(source, tmp_path):
    for size in ((8001, 8000), (9600, 9600)):  # the second also alarms Pillow itself
        name = store(source.blobs, Pillow.new("1", size))
        rewrite(source, [(name, "blue", "train")])
        assert refusal(source, tmp_path / "packs").code == "bad_input"


def test_stops_between_chunks(source, texts, tmp_path):
    for each in (source, texts):
        with pytest.raises(Cancelled), open_pack(each, tmp_path / "packs", stopped=lambda: True):
            pass
    assert not list((tmp_path / "packs").glob(".building-*"))


def _three(source, folder):
    names = []
    for number in range(3):
        with open_pack(dataclasses.replace(source, digest=f"v{number}"), folder) as pack:
            names.append(pack.name)
        os.utime(folder / f"{pack.name}.lock", (number, number))
    return names


def test_the_longest_unused_goes_first(source, tmp_path):
    folder = tmp_path / "packs"
    names = _three(source, folder)
    weight = sum(file.stat().st_size for file in (folder / names[0]).iterdir())
    assert evict(folder, 3 * weight) == []
    assert evict(folder, 2 * weight) == [names[0]]
    assert evict(folder, 0) == names[1:]


def test_one_in_use_is_never_evicted(source, tmp_path):
    folder = tmp_path / "packs"
    names = _three(source, folder)
    with in_use(folder, names[0]):
        assert evict(folder, 0) == names[1:]
        assert (folder / names[0]).is_dir()
    assert evict(folder, 0) == [names[0]]


def test_opening_makes_room_but_keeps_itself(source, tmp_path):
    folder = tmp_path / "packs"
    _three(source, folder)
    with open_pack(dataclasses.replace(source, digest="new"), folder, limit=1) as pack:
        assert [path.name for path in folder.iterdir() if path.is_dir()] == [pack.name]
        assert pack.arrays["images"].sum() > 0


def test_what_a_killed_builder_left_is_swept_in_time(tmp_path):
    old, young = tmp_path / ".building-old", tmp_path / ".building-young"
    for path in (old, young):
        path.mkdir()
    os.utime(old, (0, 0))
    evict(tmp_path, 0)
    assert not old.exists()
    assert young.exists()
