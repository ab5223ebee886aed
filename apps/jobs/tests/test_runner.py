"""The supervisor's parts: the tail, the folder, the mirror, what an exit means."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage, storages

from apps.datasets import blobs
from apps.jobs.models import Attempt
from apps.jobs.runner import folder as folders
from apps.jobs.runner.collect import ending_of
from apps.jobs.runner.tail import LOG_TAIL_BYTES, Tail
from apps.jobs.tests.stage import claim, make_queued
from training.job import read_job
from training.leftovers import start_time


def event(seq: int) -> str:
    return json.dumps({"seq": seq, "kind": "step", "time": 0.0}) + "\n"


def test_the_tail_reads_whole_lines_once(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(event(1))
    tail = Tail(tmp_path)  # what was there before belongs to the attempt before
    assert tail.read() == []
    with file.open("a") as out:
        out.write(event(2) + event(3)[:9])
    assert [each["seq"] for each in tail.read()] == [2]
    with file.open("a") as out:
        out.write(event(3)[9:] + "no json\n" + "[]\n" + event(4))
    assert [each["seq"] for each in tail.read()] == [3, 4]
    assert tail.read() == []


def test_the_log_tail_is_bounded_whole_lines(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    assert tail.log_tail() == ""
    (tmp_path / "log.txt").write_bytes(b"line \xff\x00\n" * 5000)
    text = tail.log_tail()
    assert len(text) <= LOG_TAIL_BYTES
    assert text.startswith("line ")
    assert "\x00" not in text


@pytest.fixture
def attempt(digits: Any, cast: Any, runs: Path) -> Attempt:
    make_queued(digits, cast.ada, cast.ada)
    return claim()


def test_the_folder_tells_the_run_everything(attempt: Attempt) -> None:
    folder = folders.prepare_folder(attempt, lambda: None)
    job = read_job(folder)
    assert job.classes == [str(number) for number in range(10)]
    assert job.digest == attempt.job.version.digest
    assert blobs.sha256_of(Path(job.manifest).read_bytes()) == attempt.job.version.manifest_sha256
    assert (Path(job.blobs) / blobs.name_of(attempt.job.version.manifest_sha256)).exists()


def test_blobs_of_a_store_elsewhere_are_mirrored(attempt: Attempt, monkeypatch: Any) -> None:
    version = attempt.job.version
    far = InMemoryStorage()
    near = storages["blobs"]
    for name in [version.manifest_sha256, *folders._blob_names(version)]:
        with near.open(blobs.name_of(name)) as stream:
            far.save(blobs.name_of(name), stream)
    monkeypatch.setattr(blobs, "store", lambda: far)
    beats: list[int] = []
    root = folders.blobs_root(version, lambda: beats.append(1))
    assert root != Path(near.location)  # type: ignore[attr-defined]
    names = list(folders._blob_names(version))
    assert len(beats) == -(-len(names) // folders.CHUNK)
    assert all(blobs.sha256_of((root / blobs.name_of(n)).read_bytes()) == n for n in names)


def test_a_run_left_at_work_in_the_folder_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as run:
        time.sleep(0.05)
        told = {"pid": run.pid, "start": start_time(run.pid)}
        (tmp_path / folders.PIDFILE).write_text(json.dumps(told | {"start": 1}))
        folders.end_squatter(tmp_path)
        assert run.poll() is None, "a stranger who got the same number is left alone"
        (tmp_path / folders.PIDFILE).write_text(json.dumps(told))
        folders.end_squatter(tmp_path)
        assert run.wait(5) == -9


def test_folders_of_jobs_that_are_over_are_swept(attempt: Attempt, runs: Path) -> None:
    folders.prepare_folder(attempt, lambda: None)
    (runs / "0b1e0000-0000-4000-8000-000000000000").mkdir()
    assert folders.sweep_folders() == 1
    assert folders.folder_of(attempt.job).exists()


@pytest.mark.parametrize(
    ("code", "result", "expected"),
    [
        (None, None, None),
        (None, {"status": "succeeded"}, None),
        (0, {"status": "succeeded", "metrics": {}}, ("succeeded", "")),
        (0, None, ("failed", "no_result")),
        (1, {"status": "failed", "code": "crash", "message": "x"}, ("failed", "crash")),
        (2, {"status": "failed", "code": "non_finite_loss"}, ("failed", "non_finite_loss")),
        (3, {"status": "cancelled", "code": "cancelled"}, ("cancelled", "cancelled")),
        (1, {"status": "succeeded"}, ("failed", "no_result")),
    ],
)
def test_what_an_exit_means(tmp_path: Path, code: Any, result: Any, expected: Any) -> None:
    if result:
        (tmp_path / "result.json").write_text(json.dumps(result))
    ending = ending_of(tmp_path, code)
    assert (ending and (ending.status, ending.code)) == expected
