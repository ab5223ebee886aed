"""Where a run stands, on disk: safetensors and JSON, whole or not there.

A checkpoint is a folder ``<step>-<epochs done>/`` with ``tensors.safetensors`` and ``state.json``,
which holds the tensors' sha256. It is written aside, synced and renamed; the last two are kept, so
that a crash at any moment leaves one that loads.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.files import publish, sync, write_atomic

KEPT = 2

Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]


def save(folder: Path, name: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write one checkpoint; ``name`` must sort after the earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / name).exists():
        return  # the same step of the same run
    rough = folder / f".{name}.{os.getpid()}"
    shutil.rmtree(rough, ignore_errors=True)
    rough.mkdir()
    save_file(
        {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
        rough / "tensors.safetensors",
    )
    sync(rough / "tensors.safetensors")
    state = {**state, "tensors_sha256": _sha256(rough / "tensors.safetensors")}
    write_atomic(rough / "state.json", json.dumps(state).encode())
    publish(rough, folder / name)
    for path in _all(folder)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def load_latest(folder: Path, matching: dict[str, Any], *, sweep: bool = True) -> Checkpoint | None:
    """The newest checkpoint that is undamaged and whose state agrees with ``matching``.

    Others are removed: they belong to another run, or would stand in the way of their successors.
    With several processes one alone should ``sweep``.
    """
    rejected = list(folder.glob(".*"))
    found = None
    for path in reversed(_all(folder)):
        found = _load(path)
        if found is not None and matching.items() <= found[1].items():
            break
        found = None
        rejected.append(path)
    if sweep:
        for path in rejected:
            shutil.rmtree(path, ignore_errors=True)
    return found


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*-[0-9]*") if path.is_dir())


def _load(path: Path) -> Checkpoint | None:
    try:
        state = json.loads((path / "state.json").read_bytes())
        if state["tensors_sha256"] != _sha256(path / "tensors.safetensors"):
            return None
        return load_file(path / "tensors.safetensors"), state
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
