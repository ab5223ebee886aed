"""What a run leaves behind, besides its checkpoints."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file
from torch import Tensor

from training import __version__
from training.config import canonical_json, config_sha256
from training.data.manifest import HIDDEN
from training.data.pack import Pack
from training.device import describe
from training.files import publish, sync, write_atomic
from training.job import Job
from training.metrics import confusion_matrix, scores

CURVES = (
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def write_config(folder: Path, job: Job, pack: Pack, device: torch.device) -> None:
    """``config.json``: all that somebody needs to do this run again."""
    write_json(
        folder / "config.json",
        {
            "config": json.loads(canonical_json(job.config)),
            "config_sha256": config_sha256(job.config),
            "classes": job.classes,
            "digest": job.digest,
            "pack": pack.name,
            "code": __version__,
            "code_sha256": code_sha256(),
            **describe(device),
        },
    )


def code_sha256() -> str:
    """One hash over this library's sources, so that a result names the code that made it."""
    root = Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith("tests/"):
            found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def write_weights(path: Path, tensors: dict[str, Tensor], job: Job) -> None:
    """The chosen model, with the names of its classes in the file's header."""
    rough = path.with_name(f".{path.name}.{os.getpid()}")
    about = {"classes": job.classes, "config": json.loads(canonical_json(job.config))}
    # One key only: safetensors writes several in the order of a randomly seeded hash, and the same
    # run would give another file.
    metadata = {"training": json.dumps(about, sort_keys=True)}
    save_file({key: value.cpu().contiguous() for key, value in tensors.items()}, rough, metadata)
    sync(rough)
    publish(rough, path)


def write_predictions(path: Path, pack: Pack, logits: Tensor, job: Job) -> None:
    """One row per test sample: sample, label (null where sealed), predicted, probabilities."""
    rows = pack.rows("test")
    names = pa.array(job.classes, pa.string())
    labels = pack.labels[rows]
    hidden = np.full(len(labels), job.seal) | (labels == HIDDEN)
    table = pa.table(
        {
            "sample": pa.array(pack.samples[rows], pa.string()),
            "label": names.take(pa.array(labels, pa.int64(), mask=hidden)),
            "predicted": names.take(pa.array(logits.argmax(1).cpu().numpy())),
            "probabilities": _lists(logits.softmax(1).cpu().numpy()),
        }
    ).replace_schema_metadata({"classes": json.dumps(job.classes)})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(path, sink.getvalue())


def _lists(matrix: npt.NDArray[np.float32]) -> pa.Array:
    width = pa.list_(pa.float32(), matrix.shape[1])
    flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), type=width)
    return flat.cast(pa.list_(pa.float32()))


def write_curves(path: Path, history: list[dict[str, Any]]) -> None:
    """``metrics.csv``: one row per epoch; empty where there is no validation split."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, CURVES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, sink.getvalue().encode())


def measure(
    pack: Pack, split: str, logits: Tensor, classes: list[str]
) -> tuple[npt.NDArray[np.int64], dict[str, Any]] | None:
    """Confusion matrix and scores of a split; None where its labels are not all known."""
    labels = np.asarray(pack.labels[pack.rows(split)])
    if (labels == HIDDEN).any():
        return None
    predicted = logits.argmax(1).cpu().numpy()
    confusion = confusion_matrix(labels, predicted, len(classes))
    return confusion, scores(confusion, classes)


def write_confusion(
    path: Path, split: str, confusion: npt.NDArray[np.int64], classes: list[str]
) -> None:
    """``confusion.json``: rows are true classes, columns predicted ones."""
    write_json(path, {"split": split, "classes": classes, "matrix": confusion.tolist()})
