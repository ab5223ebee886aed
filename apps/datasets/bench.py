"""Benchmarks of the data side, as ratios measured interleaved in one run."""

import hashlib
import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from PIL import Image, ImageFilter, ImageOps

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.ingest.lookalike import pdq_of
from apps.datasets.models import Licence, Receipt

IMAGES = 64
ROUNDS = 7


def photos(count: int, start: int) -> list[bytes]:
    """JPEGs of 600×440 pixels and 60 to 100 KB, with a camera's EXIF, all different."""
    return [_photo(seed) for seed in range(start, start + count)]


def _photo(seed: int) -> bytes:
    noise = random.Random(seed).randbytes(160 * 120 * 3)
    image = Image.frombytes("RGB", (160, 120), noise).resize((600, 440), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif[0x0112] = 1
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.2)).save(out, "JPEG", quality=84, exif=exif)
    return out.getvalue()


def bare(data: bytes, folder: Path) -> None:
    """The same work as ingest by hand: decode, orient, re-encode, four hashes, thumbnail, write."""
    hashlib.sha256(data).hexdigest()
    opened = Image.open(io.BytesIO(data), formats=("JPEG",))
    tables = opened.quantization  # type: ignore[attr-defined]
    opened.load()
    image = ImageOps.exif_transpose(opened)
    hashlib.sha256(image.tobytes()).hexdigest()
    fresh = Image.new(image.mode, image.size)
    fresh.paste(image)
    whole = _save(fresh, qtables=tables, subsampling=2)
    small = image.reduce(2)
    pdq_of(small)
    for blob in (whole, _save(small, quality=82)):
        (folder / hashlib.sha256(blob).hexdigest()).write_bytes(blob)


def bare_all(files: list[bytes], folder: Path) -> None:
    for data in files:
        bare(data, folder)


def _save(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def ingest_vs_bare() -> dict[str, Any]:
    """Images per CPU second of ingest (claim, read, clean, store, rows) over the bare loop's."""
    member = get_user_model().objects.create_user("ben", "ben@example.org", "x")
    dataset = actions.create_dataset(
        member, title="B", slug="b", licence=Licence.CC0, class_names=["a"]
    )
    ratios, ours, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS + 1):
            files = photos(IMAGES, number * IMAGES)
            stage = _stage(dataset, member, files)
            pair: dict[str, Callable[[], Any]] = {
                "ingest": drain_ingest,
                "bare": partial(bare_all, files, Path(folder)),
            }
            order = ["ingest", "bare"] if number % 2 else ["bare", "ingest"]
            seconds = {name: _cpu_seconds(pair[name]) for name in order}
            assert Receipt.objects.filter(contribution=stage, outcome="fixed").count() == IMAGES
            if number:  # the first round warms caches up
                ratios.append(seconds["bare"] / seconds["ingest"])
                ours.append(IMAGES / seconds["ingest"])
                theirs.append(IMAGES / seconds["bare"])
    value = statistics.median(ratios)
    size = sum(map(len, files)) // IMAGES // 1000
    return {
        "name": "ingest_vs_bare",
        "value": round(value, 3),
        "unit": "ratio",
        "target": "≥ 0.8",
        "met": value >= 0.8,
        "rounds": ROUNDS,
        "detail": (
            f"600×440 JPEGs of {size} KB: ingest {statistics.median(ours):.0f}, "
            f"bare loop {statistics.median(theirs):.0f} images per CPU second and core"
        ),
    }


def _stage(dataset: Any, member: Any, files: list[bytes]) -> Any:
    batch = actions.open_contribution(dataset, member, licence=Licence.CC0, agreed=True)
    for number, data in enumerate(files):
        actions.receive_file(batch, member, name=f"a/{number}.jpg", chunks=[data])
    return batch


def _cpu_seconds(run: Callable[[], Any]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


ROWS: dict[str, Callable[[], dict[str, Any]]] = {"ingest_vs_bare": ingest_vs_bare}
