"""What the job side's tests share. The cast comes from the data side."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.cache import cache

from apps.datasets.models import Dataset, Membership, Role, Version
from apps.jobs.models import TrainingJob
from apps.jobs.tests.processes import WorkerProcess
from apps.jobs.tests.stage import make_digits, make_job, make_text_dataset, make_version


@pytest.fixture
def version(dataset: Dataset, cast: SimpleNamespace) -> Version:
    return make_version(dataset, cast.ada)


@pytest.fixture
def job(version: Version, cast: SimpleNamespace) -> TrainingJob:
    """Ben's proposal; Ada may decide about it."""
    return make_job(version, cast.ben)


@pytest.fixture
def digits(cast: SimpleNamespace) -> Version:
    """Ada's approved version of 400 handwritten digits."""
    return make_digits(cast.ada)


@pytest.fixture
def texts(cast: SimpleNamespace) -> Version:
    """Ada's approved version of texts, as a row only; Ben contributes."""
    dataset = make_text_dataset(cast.ada)
    Membership.objects.create(dataset=dataset, member=cast.ben, role=Role.CONTRIBUTOR)
    return make_version(dataset, cast.ada)


@pytest.fixture
def runs() -> Iterator[Path]:
    """The folder of runs, empty before and after."""
    root = Path(settings.RUNS_DIR)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def workers(tmp_path: Path, runs: Path) -> Iterator[list[WorkerProcess]]:
    """Real Celery workers started by a test; whatever is left of them is killed after it."""
    started: list[WorkerProcess] = []
    cache.clear()  # a ring of the test before must not silence this one's
    yield started
    for worker in started:
        worker.kill()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """For worker processes: this run's database and files, a broker of its own, short leases."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "JOB_LEASE_SECONDS": "4",
        "JOB_RENEW_SECONDS": "1",
        "JOB_THREADS": "1",
    }
