"""A dataset version decoded once, for one image policy, into files that are mapped, not read.

A pack is a folder ``<id>/`` with

* ``images``: uint8, samples × size × size × channels, splits one after the other;
* ``labels``: int64, positions in the class list, -1 where sealed;
* ``samples``: the samples' hashes, 64 characters each;
* ``pack.json``: counts, and each file's bytes and sha256.

It appears by a rename, so it is whole or not there. Its id is a hash of all that decides its content.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL

from training.config import Image
from training.data.decode import decode
from training.data.manifest import SPLITS, Manifest, read_manifest
from training.data.store import discard, evict, in_use
from training.errors import Cancelled, TrainingError
from training.files import publish, sync, write_atomic

FORMAT = 1
CHUNK = 256  # samples decoded between two looks at the stop flag
FILES = ("images", "labels", "samples")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """What a pack is made of. ``digest`` names the version, ``blobs`` is the root of its images."""

    manifest: Path
    blobs: Path
    digest: str
    classes: tuple[str, ...]
    image: Image


@dataclass(frozen=True)
class Pack:
    """An open pack, splits in the order train, validation, test."""

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    samples: list[str]
    counts: dict[str, int]
    built: bool
    """Whether it had to be decoded just now."""

    def rows(self, split: str) -> slice:
        """Where a split lies in the arrays."""
        start = sum(self.counts[name] for name in SPLITS[: SPLITS.index(split)])
        return slice(start, start + self.counts[split])


def pack_id(source: Source) -> str:
    """Same version, classes, image policy, format and decoder: same id."""
    parts = {
        "format": FORMAT,
        "pillow": PIL.__version__,
        "digest": source.digest,
        "classes": source.classes,
        "image": source.image.model_dump(mode="json"),
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def open_pack(
    source: Source,
    store: Path,
    *,
    limit: int | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Pack]:
    """Use the version's pack, built first where the ``store`` lacks it or holds it damaged.

    ``limit`` (bytes) is what the store may weigh; ``progress(done, all)`` is called while decoding.
    Raises ``TrainingError`` (bad_input, pack_damaged) and, when ``stopped()``, ``Cancelled``.
    """
    name = pack_id(source)
    store.mkdir(parents=True, exist_ok=True)
    with in_use(store, name):
        pack = _load(store / name)
        if pack is None:
            discard(store / name)
            _build(source, store / name, threads, progress, stopped)
            pack = _load(store / name, built=True)
        if pack is None:
            raise TrainingError(
                "pack_damaged",
                "The decoded images came back damaged twice: check this worker's disk.",
            )
        if limit is not None:
            evict(store, limit)
        yield pack


def _load(path: Path, *, built: bool = False) -> Pack | None:
    """The pack in ``path``, or None where it is missing or a single byte differs."""
    try:
        meta = json.loads((path / "pack.json").read_bytes())
        if any(_fingerprint(path / name) != meta["files"][name] for name in FILES):
            return None
        count = sum(meta["counts"].values())
        shape = (count, *meta["shape"])
        samples = (path / "samples").read_text("ascii")
        return Pack(
            name=path.name,
            images=_mapped(path / "images", np.uint8, shape),
            labels=_mapped(path / "labels", np.int64, (count,)),
            samples=[samples[start : start + 64] for start in range(0, len(samples), 64)],
            counts=meta["counts"],
            built=built,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mapped(path: Path, kind: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if 0 in shape:  # nothing can be mapped from an empty file
        return np.zeros(shape, kind)
    # Copy-on-write: torch warns about arrays it could not write to, and nobody writes to these.
    return np.memmap(path, kind, mode="c", shape=shape)


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }


def _build(
    source: Source,
    path: Path,
    threads: int,
    progress: Progress | None,
    stopped: Callable[[], bool],
) -> None:
    manifest = read_manifest(source.manifest, list(source.classes))
    rough = Path(tempfile.mkdtemp(prefix=".building-", dir=path.parent))
    try:
        _write_images(source, manifest.samples, rough / "images", threads, progress, stopped)
        (rough / "labels").write_bytes(np.asarray(manifest.labels, np.int64).tobytes())
        (rough / "samples").write_text("".join(manifest.samples), "ascii")
        for name in FILES:
            sync(rough / name)
        write_atomic(rough / "pack.json", json.dumps(_meta(source, manifest, rough)).encode())
        rough.chmod(0o755)
        _publish_once(rough, path)
    finally:
        shutil.rmtree(rough, ignore_errors=True)


def _meta(source: Source, manifest: Manifest, folder: Path) -> dict[str, Any]:
    image = source.image
    return {
        "digest": source.digest,
        "shape": [image.size, image.size, image.depth],
        "counts": {split: manifest.splits.count(split) for split in SPLITS},
        "files": {name: _fingerprint(folder / name) for name in FILES},
    }


def _write_images(
    source: Source,
    samples: list[str],
    path: Path,
    threads: int,
    progress: Progress | None,
    stopped: Callable[[], bool],
) -> None:
    with path.open("wb") as file, ThreadPoolExecutor(threads) as pool:  # decoding frees the GIL
        for start in range(0, len(samples), CHUNK):
            if stopped():
                raise Cancelled
            chunk = samples[start : start + CHUNK]
            for image in pool.map(lambda sample: decode(source.blobs, sample, source.image), chunk):
                file.write(image.tobytes())
            if progress is not None:
                progress(min(start + CHUNK, len(samples)), len(samples))


def _publish_once(rough: Path, path: Path) -> None:
    try:
        publish(rough, path)
    except OSError:
        # Another process built the same pack meanwhile; a folder that is not empty is not replaced.
        if not os.path.isdir(path):
            raise
