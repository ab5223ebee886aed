"""What it costs to bring images to the network: once from files into a pack, then in every step.

Both are counted in CPU-seconds of one thread, which a busy neighbour on a shared machine disturbs least.
"""

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow

from training.config import Augmentation, Image, JobConfig
from training.data.decode import blob_path
from training.data.images import Draws, Images
from training.data.pack import Source, open_pack
from training.models.layers import Normalise
from training.tests.samples import store_bytes, write_manifest

CPU = torch.device("cpu")
BATCHES = (128, 256, 512)
IMAGES = 50_000  # as many as CIFAR-10 has, so that no cache holds them
SHOWN = 8192  # of which so many are measured in a round
MOVES = {"flip": True, "translate": 0.125}
CHANGES: dict[str, dict[str, float]] = {
    "plain": {},
    "affine": {"rotate": 10, "zoom": 0.1},
    "cutout": {"cutout": 0.375},
    "colour": {"colour": 0.3},
    "mixup": {"mixup": 0.3},
}
SPEED, SHARE = 90_000, 0.8  # the targets
CLASSES = ("a", "b")


def input_pipeline() -> dict[str, Any]:
    """Shuffle, shift, mirror, normalise: images per second and core at 32 × 32 × 3, in the slowest of
    the usual batch sizes; other changes on top of that in the detail."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        images = _noise()
        cases = [(batch, "plain") for batch in BATCHES] + [
            (128, name) for name in list(CHANGES)[1:]
        ]
        rounds = [{case: _speed(images, *case, epoch) for case in cases} for epoch in range(8)]
    finally:
        torch.set_num_threads(threads)
    speeds = {case: statistics.median(each[case] for each in rounds[1:]) for case in cases}
    value = min(speeds[batch, "plain"] for batch in BATCHES)
    return {
        "name": "input_pipeline",
        "value": round(value),
        "unit": "images/s per core",
        "target": f"≥ {SPEED}",
        "met": value >= SPEED,
        "rounds": len(rounds) - 1,
        "detail": {
            "clock": "cpu",
            "by_batch": {str(batch): round(speeds[batch, "plain"]) for batch in BATCHES},
            "with_at_128": {name: round(speeds[128, name]) for name in CHANGES if name != "plain"},
            "load": round(os.getloadavg()[0], 2),
            "torch": torch.__version__,
        },
    }


def pack_build_vs_decode() -> dict[str, Any]:
    """Building a pack over Pillow's mere decoding of the same files, PNG of 32 × 32. The detail has the
    same for photographs, where making them square comes on top."""
    kinds = {"png_32": _small_picture, "jpeg_500x375": _photograph}
    counts = {"png_32": 3000, "jpeg_500x375": 120}
    with tempfile.TemporaryDirectory() as folder:
        found = {
            kind: _shares(Path(folder) / kind, draw, counts[kind]) for kind, draw in kinds.items()
        }
    value = found["png_32"]["ratio"]
    return {
        "name": "pack_build_vs_decode",
        "value": value,
        "unit": "ratio of images/s",
        "target": f"≥ {SHARE}",
        "met": value >= SHARE,
        "rounds": len(found["png_32"]["ratios"]),
        "detail": {"clock": "cpu", **found, "load": round(os.getloadavg()[0], 2)},
    }


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    row.__name__: row for row in (input_pipeline, pack_build_vs_decode)
}


# ---------------------------------------------------------------------------- batches


def _noise() -> Images:
    pixels = torch.randint(0, 256, (IMAGES, 32, 32, 3), dtype=torch.uint8)
    return Images(pixels, torch.randint(0, 10, (IMAGES,)))


def _speed(images: Images, batch: int, name: str, epoch: int) -> float:
    """Images per CPU-second. The epoch's draws count with the share that was measured."""
    changes = Augmentation.model_validate({**MOVES, **CHANGES[name]})
    config = JobConfig(augmentation=changes, batch_size=batch)
    first_layer = Normalise(3)
    began = time.process_time()
    draws = images.draw(config, epoch, CPU)
    drawing = (time.process_time() - began) / draws.order.numel()
    return 1 / (drawing + _batch_seconds(images, draws, first_layer) / batch)


def _batch_seconds(images: Images, draws: Draws, first_layer: Normalise) -> float:
    steps = SHOWN // draws.order.shape[1]
    began = time.process_time()
    for number in range(steps):
        first_layer(images.batch(draws, number).inputs)
    return (time.process_time() - began) / steps


# ---------------------------------------------------------------------------- packs


def _shares(folder: Path, draw: Callable[[np.random.Generator], bytes], count: int) -> Any:
    source = _version(folder, draw, count)
    ratios, speeds, walls = [], [], []
    for number in range(8):
        theirs = _timed(partial(_decode_all, folder))
        ours = _timed(partial(_build, source, folder / f"packs-{number}"))
        ratios.append(theirs[0] / ours[0])
        walls.append(theirs[1] / ours[1])
        speeds.append((count / ours[0], count / theirs[0]))
    built, decoded = (round(statistics.median(column)) for column in zip(*speeds[1:], strict=True))
    return {
        "ratio": round(statistics.median(ratios[1:]), 4),  # the first round fills caches
        "ratios": [round(ratio, 4) for ratio in ratios[1:]],
        "by_wall_clock": round(statistics.median(walls[1:]), 4),
        "images_per_second": {"pack": built, "decode": decoded},
        "files": count,
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """CPU-seconds and seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _decode_all(folder: Path) -> None:
    for sample in (folder / "samples").read_text().split():
        with Pillow.open(blob_path(folder / "blobs", sample)) as picture:
            picture.load()


def _build(source: Source, packs: Path) -> None:
    with open_pack(source, packs) as pack:
        assert pack.built


def _version(folder: Path, draw: Callable[[np.random.Generator], bytes], count: int) -> Source:
    """So many files of a kind, as the platform would have frozen them."""
    random = np.random.default_rng(0)
    samples = [store_bytes(folder / "blobs", draw(random)) for _ in range(count)]
    (folder / "samples").write_text("\n".join(samples))
    rows: list[tuple[str, str | None, str]] = [
        (sample, CLASSES[number % 2], "train") for number, sample in enumerate(samples)
    ]
    write_manifest(folder / "manifest.parquet", rows)
    return Source(folder / "manifest.parquet", folder / "blobs", "noise", CLASSES, Image())


def _small_picture(random: np.random.Generator) -> bytes:
    return _encoded(_smooth(random, 32, 32), "PNG")


def _photograph(random: np.random.Generator) -> bytes:
    return _encoded(_smooth(random, 500, 375), "JPEG", quality=90)


def _smooth(random: np.random.Generator, width: int, height: int) -> Pillow.Image:
    """Blobs of colour under a little noise: of about as many bytes as a real picture."""
    few = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    blobs = np.asarray(Pillow.fromarray(few).resize((width, height), Pillow.Resampling.BICUBIC))
    noisy = blobs + random.normal(0, 6, blobs.shape)
    return Pillow.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _encoded(picture: Pillow.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
