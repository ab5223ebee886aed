"""Scoring a job's predictions against its version's manifest. Workers only: needs pyarrow."""

from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets import blobs, seals
from apps.datasets.manifest import read_rows
from apps.datasets.models import Split, Version
from apps.jobs.models import Artifact
from apps.leaderboard.ranking import accuracy_interval, score, to_bits


class Unscorable(Exception):
    """The predictions do not fit the test split."""


@dataclass(frozen=True)
class Measured:
    accuracy: float
    ci_low: float
    ci_high: float
    macro_f1: float
    correct: bytes
    samples: int


def measure(version: Version, predictions: Artifact) -> Measured:
    """Score by the platform's own labels: what the predictions file says about labels is ignored.

    Raises Unscorable, or OSError when a file cannot be read just now.
    """
    truth = labels_of_test(version)
    with blobs.open_blob(predictions.sha256) as stream:
        guessed = read_predictions(stream)
    if guessed.keys() != truth.keys():
        missing, extra = len(truth.keys() - guessed.keys()), len(guessed.keys() - truth.keys())
        raise Unscorable(f"predictions lack {missing} test samples and have {extra} others")
    if not truth:
        raise Unscorable("the test split is empty")
    order = sorted(truth)
    labels, predicted = [truth[name] for name in order], [guessed[name] for name in order]
    right = [label == guess for label, guess in zip(labels, predicted, strict=True)]
    accuracy, macro_f1 = score(labels, predicted)
    low, high = accuracy_interval(sum(right), len(right))
    bits = to_bits(right).to_bytes((len(right) + 7) // 8, "little")
    return Measured(accuracy, low, high, macro_f1, bits, len(right))


def labels_of_test(version: Version) -> dict[str, str]:
    """{sample sha256: label} of the test split, from the frozen manifest; sealed ones from our rows."""
    if version.sealed:
        return seals.test_labels(version)
    with blobs.open_blob(version.manifest_sha256) as stream:
        return {row.sample: row.label for row in read_rows(stream) if row.split == Split.TEST}


def read_predictions(stream: IO[bytes]) -> dict[str, str]:
    """{sample sha256: predicted class} of the test split."""
    try:
        table = _test_rows(pq.ParquetFile(stream))
    except (pa.ArrowException, KeyError) as error:
        raise Unscorable(f"the predictions cannot be read: {error}") from error
    samples = table.column("sample").to_pylist()
    if len(set(samples)) < len(samples):
        raise Unscorable("the predictions name a sample twice")
    return dict(zip(samples, table.column("predicted").to_pylist(), strict=True))


def _test_rows(file: pq.ParquetFile) -> pa.Table:
    """Raises KeyError where a column is missing."""
    columns = ["sample", "predicted"]
    table = file.read([*columns, "split"])
    if "split" in table.column_names:  # older files hold the test split alone
        table = table.filter(pc.equal(table.column("split"), Split.TEST.value))
    return table.select(columns)
