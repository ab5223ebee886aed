"""A dataset version decoded once, for one policy, into files that are mapped, not read.

A pack is a folder ``<id>/`` with

* of images ``images``: uint8, samples × size × size × channels, splits one after the other;
* of texts ``tokens``: uint16, all texts' ids one after the other; ``offsets``: int64, samples + 1, where
  each begins and the last ends; ``tokenizer.json``, learnt from the train split;
* ``labels``: int64, positions in the class list, -1 where sealed;
* ``samples``: the samples' hashes, 64 characters each;
* ``sources``: int32, positions in ``source_names``, a JSON list; -1 where nobody said;
* ``pack.json``: counts, each file's bytes and sha256, and a sha256 of itself.

It appears by a rename, so it is whole or not there. Its id is a hash of all that decides its content.
"""

import hashlib
import json
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
import tokenizers
import torch

from training.config import Image, Text
from training.data.fill import Progress, Work, fill
from training.data.images import Images, place
from training.data.manifest import SPLITS, read_manifest
from training.data.store import discard, evict, in_use
from training.data.texts import Texts
from training.errors import TrainingError
from training.files import publish, write_atomic

FORMAT = 2
COMMON = ("labels", "samples", "sources", "source_names")
FILES = {
    "images": ("images", *COMMON),
    "texts": ("tokens", "offsets", "tokenizer.json", *COMMON),
}
DTYPES: dict[str, Any] = {
    "images": np.uint8,
    "tokens": np.uint16,
    "offsets": np.int64,
    "labels": np.int64,
    "sources": np.int32,
}


@dataclass(frozen=True)
class Source:
    """What a pack is made of. ``digest`` names the version, ``blobs`` is the root of its files."""

    manifest: Path
    blobs: Path
    digest: str
    classes: tuple[str, ...]
    policy: Image | Text
    """How its files are read, as the job's model wants them."""


@dataclass(frozen=True, eq=False)
class Pack:
    """An open pack, splits in the order train, validation, test."""

    name: str
    arrays: dict[str, npt.NDArray[Any]]
    """The mapped files, by their names."""
    samples: list[str]
    source_names: list[str]
    counts: dict[str, int]
    tokenizer: str | None
    """Of texts: what :func:`training.data.tokenizer.load_tokenizer` reads."""
    built: bool
    """Whether it had to be decoded just now."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Positions in the class list; -1 where sealed."""
        return self.arrays["labels"]

    @cached_property
    def sources(self) -> list[str | None]:
        """Where each sample comes from; None where nobody said."""
        names = [*self.source_names, None]  # -1 is the last
        return [names[code] for code in self.arrays["sources"].tolist()]

    def rows(self, split: str) -> slice:
        """Where a split lies in the arrays."""
        start = sum(self.counts[name] for name in SPLITS[: SPLITS.index(split)])
        return slice(start, start + self.counts[split])

    def split(self, split: str, device: torch.device) -> Images | Texts:
        """The samples of a split for a run on ``device``. On a CPU no image is copied."""
        rows = self.rows(split)
        labels = torch.from_numpy(self.labels[rows])
        if "images" in self.arrays:
            return place(torch.from_numpy(self.arrays["images"][rows]), labels, device)
        offsets = self.arrays["offsets"][rows.start : rows.stop + 1]
        # Ids are below 2**15, and torch does little with unsigned numbers.
        tokens = self.arrays["tokens"][offsets[0] : offsets[-1]].view(np.int16)
        return Texts(
            torch.from_numpy(tokens).to(device),
            torch.from_numpy(offsets - offsets[0]).to(device),
            labels.to(device),
        )


def pack_id(source: Source) -> str:
    """Same manifest, classes, policy, format and libraries that read the files: same id.

    Raises ``TrainingError("bad_input")`` where the manifest cannot be read.
    """
    kind, libraries = "image", {"pillow": PIL.__version__}
    if isinstance(source.policy, Text):
        kind = "text"
        libraries = {"tokenizers": tokenizers.__version__, "unicode": unicodedata.unidata_version}
    parts = {
        "format": FORMAT,
        "digest": source.digest,
        "manifest": _manifest_sha256(source.manifest),  # the digest does not cover the sources
        "classes": source.classes,
        kind: source.policy.model_dump(mode="json"),
        **libraries,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _manifest_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TrainingError("bad_input", f"The manifest cannot be read: {error}") from error


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
            _build(source, store / name, Work(threads, progress, stopped))
            pack = _load(store / name, built=True)
        if pack is None:
            raise TrainingError(
                "pack_damaged",
                "The decoded samples came back damaged twice: check this worker's disk.",
            )
        if limit is not None:
            evict(store, limit)
        yield pack


def _load(path: Path, *, built: bool = False) -> Pack | None:
    """The pack in ``path``, or None where it is missing or a single byte differs.

    The hashes of one that was ``built`` just now were taken of what was written: its files' sizes
    tell whether that is there.
    """
    try:
        meta = json.loads((path / "pack.json").read_bytes())
        if meta.pop("sha256") != _meta_sha256(meta):
            return None
        names = FILES[meta["kind"]]
        if not all(_is_whole(path / name, meta["files"][name], by_size=built) for name in names):
            return None
        arrays = {name: _mapped(path / name, DTYPES[name]) for name in names if name in DTYPES}
        if "images" in arrays:
            arrays["images"] = arrays["images"].reshape(-1, *meta["shape"])
        texts = meta["kind"] == "texts"
        samples = (path / "samples").read_text("ascii")
        return Pack(
            name=path.name,
            arrays=arrays,
            samples=[samples[start : start + 64] for start in range(0, len(samples), 64)],
            source_names=json.loads((path / "source_names").read_bytes()),
            counts=meta["counts"],
            tokenizer=(path / "tokenizer.json").read_text("utf-8") if texts else None,
            built=built,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mapped(path: Path, kind: Any) -> npt.NDArray[Any]:
    if not path.stat().st_size:  # nothing can be mapped from an empty file
        return np.zeros(0, kind)
    # Copy-on-write: torch warns about arrays it could not write to, and nobody writes to these.
    return np.memmap(path, kind, mode="c")


def _is_whole(path: Path, wanted: dict[str, Any], *, by_size: bool) -> bool:
    with path.open("rb") as file:
        if path.stat().st_size != wanted["bytes"]:
            return False
        return by_size or hashlib.file_digest(file, "sha256").hexdigest() == wanted["sha256"]


def _build(source: Source, path: Path, work: Work) -> None:
    manifest = read_manifest(source.manifest, list(source.classes))
    rough = Path(tempfile.mkdtemp(prefix=".building-", dir=path.parent))
    policy = source.policy
    meta: dict[str, Any] = {
        "digest": source.digest,
        "kind": "images" if isinstance(policy, Image) else "texts",
        "shape": [policy.size, policy.size, policy.depth] if isinstance(policy, Image) else [],
        "counts": {split: manifest.splits.count(split) for split in SPLITS},
    }
    try:
        meta["files"] = fill(rough, manifest, source.blobs, policy, work)
        meta["sha256"] = _meta_sha256(meta)
        write_atomic(rough / "pack.json", json.dumps(meta).encode())
        rough.chmod(0o755)
        _publish_once(rough, path)
    finally:
        shutil.rmtree(rough, ignore_errors=True)


def _meta_sha256(meta: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _publish_once(rough: Path, path: Path) -> None:
    try:
        publish(rough, path)
    except OSError:
        # Another process built the same pack meanwhile; a folder that is not empty is not replaced.
        if not path.is_dir():
            raise
