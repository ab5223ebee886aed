"""Collecting entries: jobs that succeeded and have none yet. Workers only (scoring reads Parquet).

An anti-join and no cursor: whatever died in between, the next look finds the job again.
"""

import logging
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.datasets.models import Version
from apps.jobs.models import Artifact, TrainingJob
from apps.leaderboard.models import Benchmark, Entry
from apps.leaderboard.ranking import Scored, ranks
from apps.leaderboard.scoring import Unscorable, measure

log = logging.getLogger(__name__)


def collect_entries() -> int:
    """Score every succeeded job that has no entry; returns how many were added."""
    touched: set[int] = set()
    added = 0
    for job in waiting_jobs().order_by("pk"):
        try:
            entry = add_entry(job)
        except OSError:
            log.warning("could not score %s yet", job, exc_info=True)
            continue
        if entry is not None:
            touched.add(entry.benchmark_id)
            added += 1
    # A process that died between adding and ranking leaves rank 0: those are ranked now.
    unranked = Entry.objects.filter(rank=0).values_list("benchmark_id", flat=True)
    for benchmark in Benchmark.objects.filter(pk__in=touched | set(unranked)):
        rank_entries(benchmark)
    return added


def waiting_jobs() -> QuerySet[TrainingJob]:
    jobs: QuerySet[TrainingJob] = TrainingJob.objects.filter(
        status=TrainingJob.Status.SUCCEEDED, entry=None
    )
    return jobs.select_related("version__dataset")


def add_entry(job: TrainingJob) -> Entry | None:
    """The job's entry; None when another worker has just made it."""
    fields = _measured(job)
    samples = fields.pop("samples", 0)
    benchmark = benchmark_of(job.version, samples)
    try:
        with transaction.atomic():
            return Entry.objects.create(
                job=job,
                benchmark=benchmark,
                parameters=job.plan.get("parameters"),
                train_seconds=job.result.get("train_seconds"),
                **fields,
            )
    except IntegrityError:
        return None


def _measured(job: TrainingJob) -> dict[str, Any]:
    found = Artifact.objects.filter(
        attempt__job=job, attempt__status="succeeded", role=Artifact.Role.PREDICTIONS
    )
    predictions = found.first()
    if predictions is None:
        return {"problem": "the job left no predictions"}
    try:
        return vars(measure(job.version, predictions)).copy()
    except Unscorable as error:
        return {"problem": str(error)[:300]}
    except FileNotFoundError as error:  # gone for good, unlike a store that is away
        return {"problem": f"a file is missing from the store: {error}"[:300]}


def benchmark_of(version: Version, samples: int = 0) -> Benchmark:
    benchmark, _made = Benchmark.objects.get_or_create(
        version=version, metric=Benchmark.Metric.ACCURACY, defaults={"samples": samples}
    )
    if samples and benchmark.samples != samples:
        Benchmark.objects.filter(pk=benchmark.pk).update(samples=samples)
    return benchmark


def rank_entries(benchmark: Benchmark) -> None:
    """Write everyone's rank anew: one more entry is one more comparison for all."""
    with transaction.atomic():
        Benchmark.objects.select_for_update().get(pk=benchmark.pk)
        entries = list(benchmark.entries.all())
        found = ranks(
            [Scored(entry.pk, entry.accuracy, entry.correct_bits) for entry in entries],
            higher_is_better=benchmark.higher_is_better,
        )
        for entry in entries:
            entry.rank = found[entry.pk]
        Entry.objects.bulk_update(entries, ["rank"], batch_size=500)
