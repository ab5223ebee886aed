"""The list of samples that a dataset version consists of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import TrainingError

SPLITS = ("train", "validation", "test")
COLUMNS = ("sample", "label", "split")  # group and licence matter to the site, not to training
HIDDEN = -1  # the label of a test sample that the version keeps sealed
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """Samples sorted by split (train, validation, test), then by hash: the order of a pack."""

    samples: list[str]
    labels: list[int]
    """Positions in the class list, or ``HIDDEN``."""
    splits: list[str]


def read_manifest(path: Path, classes: list[str]) -> Manifest:
    """Read and check a Parquet manifest. Raises ``TrainingError("bad_input")``."""
    try:
        # No reader threads: this may run in a process that was forked.
        table = pq.read_table(path, columns=list(COLUMNS), use_threads=False, memory_map=False)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise TrainingError("bad_input", f"The manifest cannot be read: {error}") from error
    missing = set(COLUMNS) - set(table.column_names)
    if missing:
        raise TrainingError("bad_input", f"The manifest lacks the columns {sorted(missing)}.")
    columns = [table.column(name).to_pylist() for name in COLUMNS]
    positions = {name: number for number, name in enumerate(classes)}
    rows = sorted(_row(positions, *row) for row in zip(*columns, strict=True))
    samples = [sample for _, sample, _ in rows]
    if len(set(samples)) < len(samples):
        raise TrainingError("bad_input", "The manifest lists a sample twice.")
    return Manifest(
        samples, [label for _, _, label in rows], [SPLITS[split] for split, _, _ in rows]
    )


def _row(positions: dict[str, int], sample: Any, label: Any, split: Any) -> tuple[int, str, int]:
    if not isinstance(sample, str) or not SHA256.fullmatch(sample):
        raise TrainingError("bad_input", f"The manifest holds {sample!r}, which is no sha256.")
    if split not in SPLITS:
        raise TrainingError("bad_input", f"Sample {sample} has the unknown split {split!r}.")
    if label is None and split == "test":
        return SPLITS.index(split), sample, HIDDEN
    if label not in positions:
        raise TrainingError("bad_input", f"Sample {sample} has the unknown class {label!r}.")
    return SPLITS.index(split), sample, positions[label]
