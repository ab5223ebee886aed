"""Small versions on disk, as the platform would freeze them, for tests and benchmarks."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_digits


def store(blobs: Path, picture: Image.Image, kind: str = "PNG") -> str:
    """Put a picture into the blob store; its hash."""
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return store_bytes(blobs, buffer.getvalue())


def store_bytes(blobs: Path, content: bytes) -> str:
    """Put a file into the blob store; its hash."""
    name = hashlib.sha256(content).hexdigest()
    path = blobs / name[:2] / name[2:4] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def write_manifest(
    path: Path,
    rows: list[tuple[str, str | None, str]],
    sources: list[str | None] | None = None,
) -> None:
    """Rows of (sample, label, split); without ``sources`` as manifests were before they had any."""
    samples, labels, splits = zip(*rows, strict=True)
    columns = {
        "sample": pa.array(samples, pa.string()),
        "label": pa.array(labels, pa.string()),
        "split": pa.array(splits, pa.string()),
        "group": pa.array(samples, pa.string()),
        "licence": pa.array(["CC0-1.0"] * len(samples), pa.string()),
    }
    if sources is not None:
        columns["source"] = pa.array(sources, pa.string())
    pq.write_table(pa.table(columns), path)


def digits(folder: Path, count: int = 1797, classes: int = 10) -> dict:
    """The bundled digits as a version; the ``job.json`` of a default job on it, without config."""
    data = load_digits(n_class=classes)
    pixels = np.minimum(data.images[:count] * 16, 255).astype(np.uint8)
    rows: dict[str, tuple[str, str, str]] = {}
    for number, (image, label) in enumerate(zip(pixels, data.target, strict=False)):
        name = store(folder / "blobs", Image.fromarray(image))
        split = ("test", "validation")[number % 5] if number % 5 < 2 else "train"
        rows[name] = (name, f"digit {label}", split)
    write_manifest(folder / "manifest.parquet", list(rows.values()))
    return {
        "classes": [f"digit {number}" for number in range(classes)],
        "manifest": str(folder / "manifest.parquet"),
        "blobs": str(folder / "blobs"),
        "digest": f"digits-{count}-{classes}",
        "packs": str(folder / "packs"),
        "threads": 1,
    }


def write_job(folder: Path, job: dict, config: dict, **more: object) -> Path:
    """A run's folder with its ``job.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps({**job, "config": config, **more}))
    return folder


def events(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
