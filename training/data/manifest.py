"""The list of samples that a dataset version consists of."""

import re
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import TrainingError

SPLITS = ("train", "validation", "test")
COLUMNS = ("sample", "label", "split")  # group and licence matter to the site, not to training
SOURCE = "source"  # manifests written before there was one lack it
HIDDEN = -1  # the label of a test sample that the version keeps sealed
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """Samples sorted by split (train, validation, test), then by hash: the order of a pack."""

    samples: list[str]
    labels: list[int]
    """Positions in the class list, or ``HIDDEN``."""
    splits: list[str]
    sources: list[str | None]
    """Where each comes from; None where nobody said."""


def read_manifest(path: Path, classes: list[str]) -> Manifest:
    """Read and check a Parquet manifest. Raises ``TrainingError("bad_input")``."""
    try:
        with pq.ParquetFile(path) as file:
            # No reader threads: this may run in a process that was forked.
            table = file.read([*COLUMNS, SOURCE], use_threads=False)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise TrainingError("bad_input", f"The manifest cannot be read: {error}") from error
    missing = set(COLUMNS) - set(table.column_names)
    if missing:
        raise TrainingError("bad_input", f"The manifest lacks the columns {sorted(missing)}.")
    columns = [table.column(name).to_pylist() for name in COLUMNS]
    sourced = SOURCE in table.column_names
    columns.append(table.column(SOURCE).to_pylist() if sourced else [None] * len(table))
    positions = {name: number for number, name in enumerate(classes)}
    rows = [_row(positions, *row) for row in zip(*columns, strict=True)]
    rows.sort(key=itemgetter(0, 1))
    samples = [row[1] for row in rows]
    if len(set(samples)) < len(samples):
        raise TrainingError("bad_input", "The manifest lists a sample twice.")
    return Manifest(
        samples,
        labels=[row[2] for row in rows],
        splits=[SPLITS[row[0]] for row in rows],
        sources=[row[3] for row in rows],
    )


Row = tuple[int, str, int, str | None]


def _row(positions: dict[str, int], sample: Any, label: Any, split: Any, source: Any) -> Row:
    if not isinstance(sample, str) or not SHA256.fullmatch(sample):
        raise TrainingError("bad_input", f"The manifest holds {sample!r}, which is no sha256.")
    if split not in SPLITS:
        raise TrainingError("bad_input", f"Sample {sample} has the unknown split {split!r}.")
    if not isinstance(source, str | None):
        raise TrainingError("bad_input", f"Sample {sample} has the source {source!r}: no text.")
    if label is None and split == "test":
        return SPLITS.index(split), sample, HIDDEN, source or None
    if label not in positions:
        raise TrainingError("bad_input", f"Sample {sample} has the unknown class {label!r}.")
    return SPLITS.index(split), sample, positions[label], source or None
