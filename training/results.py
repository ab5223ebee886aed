"""What a run leaves behind, besides its checkpoints.

``Predictions`` is what the chosen model says of each split: by "validation", "test" and, where the
job asks for test-time augmentation, "test_tta", its probabilities, float32, samples × classes, in
the order of the pack. What is not there has not been measured.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping
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
from training.config import JobConfig, canonical_json, config_sha256
from training.data.manifest import HIDDEN, SPLITS
from training.data.pack import Pack
from training.device import describe
from training.files import publish, sync, write_atomic
from training.job import Job
from training.metrics import check_probabilities, confusion_matrix, predict, scores

CURVES = (
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
    "learning_rate",
    "phase",
)
TEST_TTA = "test_tta"
MOST_CLASSES_IN_MATRIX = 1000  # a million counts; the predictions still hold what they were made of

Predictions = Mapping[str, npt.NDArray[np.float32]]


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def write_config(
    folder: Path, job: Job, pack: Pack, device: torch.device, *, compiled: bool = False
) -> None:
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
            "compiled": compiled,
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


def write_weights(
    path: Path,
    tensors: dict[str, Tensor],
    classes: list[str],
    built: JobConfig,
    tokenizer: str | None = None,
) -> None:
    """The chosen model. What it takes to use it stands in the file's header, under ``training``:
    ``classes``, ``config`` and, of a model for texts, ``tokenizer`` (JSON text, as in the pack).

    ``built`` is the configuration whose network these tensors fit: the job's, but for the channels
    that pruning removed.
    """
    rough = path.with_name(f".{path.name}.{os.getpid()}")
    about: dict[str, Any] = {"classes": classes, "config": json.loads(canonical_json(built))}
    if tokenizer is not None:
        about["tokenizer"] = tokenizer
    # One key only: safetensors writes several in the order of a randomly seeded hash, and the same
    # run would give another file.
    metadata = {"training": json.dumps(about, sort_keys=True)}
    save_file({key: value.cpu().contiguous() for key, value in tensors.items()}, rough, metadata)
    sync(rough)
    publish(rough, path)


def write_curves(path: Path, history: list[dict[str, Any]]) -> None:
    """``metrics.csv``: one row per epoch; empty where there is no validation split."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, CURVES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, sink.getvalue().encode())


# ---------------------------------------------------------------------------- predictions


def to_probabilities(logits: Tensor) -> npt.NDArray[np.float32]:
    """Softmax of logits or log-probabilities, samples × classes, on whichever device; in float32, so
    that each row adds up to 1 within 1e-5."""
    return logits.detach().cpu().float().softmax(1).numpy()


def write_predictions(path: Path, pack: Pack, job: Job, predictions: Predictions) -> None:
    """``predictions.parquet``: a row per sample of the validation split, then of the test split.

    ``sample``, ``split``, ``source`` (null where unknown), ``label`` (null where sealed),
    ``predicted``, ``probabilities``, in the order of ``classes`` in the file's metadata; and with
    test-time augmentation ``probabilities_tta``, null for validation. Each split is a row group of
    its own, so that a reader of one skips the other. Raises ``ValueError`` where what was predicted
    are no probabilities for the split's samples.
    """
    tables = [_table(pack, job, split, predictions) for split in SPLITS if split in predictions]
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, tables[0].schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
    write_atomic(path, sink.getvalue())


def _table(pack: Pack, job: Job, split: str, predictions: Predictions) -> pa.Table:
    rows, probabilities = pack.rows(split), predictions[split]
    check_probabilities(probabilities, pack.counts[split], len(job.classes))
    names = pa.array(job.classes, pa.string())
    labels = np.asarray(pack.labels[rows])
    hidden = np.full(len(labels), _sealed(job, split)) | (labels == HIDDEN)
    columns = {
        "sample": pa.array(pack.samples[rows], pa.string()),
        "split": pa.array([split] * len(labels), pa.string()),
        "source": pa.array([source or None for source in pack.sources[rows]], pa.string()),
        "label": names.take(pa.array(labels, pa.int64(), mask=hidden)),
        "predicted": names.take(pa.array(predict(probabilities))),
        "probabilities": _lists(probabilities),
    }
    if TEST_TTA in predictions:
        columns["probabilities_tta"] = _augmented(pack, job, split, predictions[TEST_TTA])
    return pa.table(columns).replace_schema_metadata({"classes": json.dumps(job.classes)})


def _augmented(
    pack: Pack, job: Job, split: str, probabilities: npt.NDArray[np.float32]
) -> pa.Array:
    if split != "test":
        return pa.nulls(pack.counts[split], pa.list_(pa.float32()))
    check_probabilities(probabilities, pack.counts[split], len(job.classes))
    return _lists(probabilities)


def _lists(matrix: npt.NDArray[np.float32]) -> pa.Array:
    width = pa.list_(pa.float32(), matrix.shape[1])
    flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel(), pa.float32()), type=width)
    return flat.cast(pa.list_(pa.float32()))


# ---------------------------------------------------------------------------- metrics


def measure(pack: Pack, job: Job, predictions: Predictions) -> dict[str, dict[str, Any] | None]:
    """``metrics`` of ``result.json``: "test", "validation" and, where it was predicted, "test_tta";
    each a :func:`report`, null where there is none."""
    found: dict[str, dict[str, Any] | None] = {"test": None, "validation": None}
    for name, probabilities in predictions.items():
        split = "test" if name == TEST_TTA else name
        found[name] = report(pack, job, split, probabilities)
    return found


def report(
    pack: Pack, job: Job, split: str, probabilities: npt.NDArray[np.float32]
) -> dict[str, Any] | None:
    """All scores of a split, see :func:`training.metrics.scores`; None where it has no samples or not
    all labels are known and free to tell."""
    labels = _open_labels(pack, job, split)
    if labels is None:
        return None
    return scores(labels, probabilities, job.classes, pack.sources[pack.rows(split)])


def write_confusion(path: Path, pack: Pack, job: Job, predictions: Predictions) -> None:
    """``confusion.json``: rows are true classes, columns predicted ones; of the test split, or of the
    validation split where the test labels are sealed. No file where neither can be told, or where
    there are more than ``MOST_CLASSES_IN_MATRIX`` classes."""
    if len(job.classes) > MOST_CLASSES_IN_MATRIX:
        return
    for split in ("test", "validation"):
        labels = _open_labels(pack, job, split) if split in predictions else None
        if labels is not None:
            matrix = confusion_matrix(labels, predict(predictions[split]), len(job.classes))
            content = {"split": split, "classes": job.classes, "matrix": matrix.tolist()}
            write_json(path, content)
            return


def _open_labels(pack: Pack, job: Job, split: str) -> npt.NDArray[np.int64] | None:
    labels = np.asarray(pack.labels[pack.rows(split)])
    # Of few samples, scores alone give labels away: a likelihood with all its digits fits one choice.
    if not len(labels) or _sealed(job, split) or (labels == HIDDEN).any():
        return None
    return labels


def _sealed(job: Job, split: str) -> bool:
    return job.seal and split == "test"
