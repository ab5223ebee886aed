"""The folder of a run: made before it, shared by all attempts of a job on this machine, removed after.

A resumed attempt finds the checkpoint there.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from apps.datasets import blobs
from apps.datasets.models import Version, VersionSpan
from apps.jobs.models import Attempt, TrainingJob
from apps.jobs.runner.copies import mirror
from training.leftovers import PIDFILE, start_time

FETCHERS = 8
CHUNK = 256
GONE_SECONDS = 10.0


def folder_of(job: TrainingJob) -> Path:
    return Path(settings.RUNS_DIR) / str(job.uuid)


def prepare_folder(attempt: Attempt, pulse: Callable[[], None]) -> Path:
    """Everything a run is told, in its folder. `pulse` is called while it takes long."""
    job, version = attempt.job, attempt.job.version
    folder = folder_of(job)
    folder.mkdir(parents=True, exist_ok=True)
    end_squatter(folder)
    (folder / "result.json").unlink(missing_ok=True)
    manifest = folder / "manifest.parquet"
    if not manifest.exists():
        _fetch(version.manifest_sha256, manifest)
    told = {
        "config": job.config,
        "classes": version.class_names,
        "manifest": str(manifest.resolve()),
        "blobs": str(blobs_root(version, pulse).resolve()),
        "digest": version.digest,
        "packs": str(Path(settings.PACKS_DIR).resolve()),
        "threads": settings.JOB_THREADS,
        "pack_limit_bytes": settings.PACK_LIMIT_BYTES,
        "flips_preserve_labels": version.dataset.flips_preserve_labels,
    }
    (folder / "job.json").write_text(json.dumps(told, ensure_ascii=False, indent=1))
    return folder


def end_squatter(folder: Path) -> None:
    """Kill the run of an earlier attempt that is still at work here, whoever watches it.

    Its lease has ended, or this attempt would not be; two processes must not share a checkpoint.
    """
    try:
        found = json.loads((folder / PIDFILE).read_text())
        pid, start = int(found["pid"]), found["start"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if pid > 1 and start is not None and start_time(pid) == start:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        deadline = time.monotonic() + GONE_SECONDS
        while start_time(pid) == start and time.monotonic() < deadline:
            time.sleep(0.01)
    (folder / PIDFILE).unlink(missing_ok=True)


def blobs_root(version: Version, pulse: Callable[[], None]) -> Path:
    """A local folder with the version's blobs: the store's own where it is local, else a mirror."""
    store = blobs.store()
    if isinstance(store, FileSystemStorage):
        return Path(store.location)
    root = mirror()
    names = iter(_blob_names(version))
    with ThreadPoolExecutor(FETCHERS) as pool:
        while chunk := list(islice(names, CHUNK)):
            list(pool.map(lambda sha256: _mirror(root, sha256), chunk))
            pulse()
    return root


def _blob_names(version: Version) -> Iterator[str]:
    spans = VersionSpan.objects.of(version)
    yield from spans.order_by("pk").values_list("sample__blob_sha256", flat=True).iterator(5000)


def _mirror(root: Path, sha256: str) -> None:
    path = root / blobs.name_of(sha256)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(sha256, path)


def _fetch(sha256: str, path: Path) -> None:
    """Copy a blob to a file that is whole or not there."""
    rough = path.with_name(f".{path.name}.{os.getpid()}")
    with blobs.open_blob(sha256) as source, rough.open("wb") as target:
        shutil.copyfileobj(source, target)
    rough.rename(path)


def remove_folder(job: TrainingJob) -> None:
    shutil.rmtree(folder_of(job), ignore_errors=True)


def sweep_folders() -> int:
    """Remove the folders of jobs that are over; returns how many. At a worker's start."""
    root = Path(settings.RUNS_DIR)
    if not root.is_dir():
        return 0
    names = [path.name for path in root.iterdir() if path.is_dir()]
    open_jobs = TrainingJob.objects.exclude(status__in=TrainingJob.TERMINAL)
    kept = {str(uuid) for uuid in open_jobs.values_list("uuid", flat=True)}
    gone = [name for name in names if name not in kept]
    for name in gone:
        shutil.rmtree(root / name, ignore_errors=True)
    return len(gone)
