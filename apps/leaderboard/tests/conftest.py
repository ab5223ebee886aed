"""What the leaderboard's tests share: finished jobs with predictions, without training them."""

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.datasets import blobs
from apps.datasets.models import Sample, Version
from apps.jobs import actions
from apps.jobs.actions import Ending, Kept
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import claim, make_digits, make_queued


@pytest.fixture
def digits(cast: SimpleNamespace) -> Version:
    return make_digits(cast.ada, 300)


def truth(version: Version) -> dict[str, str]:
    """{sample: label} of the test split, from the samples' own rows."""
    found = Sample.objects.filter(dataset=version.dataset, split="test")
    return dict(found.order_by("blob_sha256").values_list("blob_sha256", "label__name"))


def table(**columns: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def parquet(predicted: dict[str, str]) -> bytes:
    """As a run writes it: the validation split first, and what it says about labels a lie."""
    return table(
        sample=["e" * 64, *predicted],
        split=["validation"] + ["test"] * len(predicted),
        label=["9"] * (len(predicted) + 1),  # nobody may read it
        predicted=["0", *predicted.values()],
    )


Finish = Callable[..., TrainingJob]


@pytest.fixture
def finish(digits: Version, cast: SimpleNamespace) -> Finish:
    """finish(wrong=3): a succeeded job whose predictions miss so many; or with `content` of its own."""

    def build(wrong: int = 0, content: bytes | None = None, **config: Any) -> TrainingJob:
        make_queued(digits, cast.ada, cast.ada, **config)
        predicted = truth(digits)
        for sample in list(predicted)[:wrong]:
            predicted[sample] = str((int(predicted[sample]) + 1) % 10)
        data = parquet(predicted) if content is None else content
        kept = Kept("predictions", "predictions.parquet", blobs.put(data), len(data))
        attempt = claim()
        actions.begin_run(attempt)
        boast = {"metrics": {"test": {"accuracy": 1.0}}, "train_seconds": 4.2}
        actions.finish_attempt(attempt, Ending("succeeded", result=boast, kept=[kept]))
        return TrainingJob.objects.get(pk=attempt.job_id)

    return build
